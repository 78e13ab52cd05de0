/* test_replay.c: the identities that make a replay trustworthy, to the bit: what is skipped, shared, batched, cut into
 * waves or rests on other runs gives the same as the plain form, which does none of it. */
#include "tests/engine/runs.h"

#include <omp.h>

#include "math/matmul.h"

enum { T = 23, CHANGED = 6 }; /* rows; the first in which the two runs below differ */

typedef struct scene {
    model *model;
    decoder *m;
    size_t D, L;
    float *clean_input, *corrupted_input;   /* [T][D] */
    recording *clean, *corrupted, *resting; /* `resting` is the corrupted run on top of the clean one */
    float *clean_final, *corrupted_final;   /* [T][D] */
} scene;

static scene one;

static int open_scene(const char *folder)
{
    scene *s = &one;
    *s = (scene){.model = tiny_open(folder)};
    s->m = &s->model->decoder;
    s->D = s->m->config.d_model;
    s->L = s->m->config.layers;
    s->clean_input = gaussians(T * s->D, 1);
    s->corrupted_input = gaussians(T * s->D, 1);
    float *other = gaussians(3 * s->D, 2);
    memcpy(s->corrupted_input + CHANGED * s->D, other, 3 * s->D * sizeof *other);
    free(other);
    s->clean = record(s->m, s->clean_input, T, &s->clean_final);
    s->corrupted = record(s->m, s->corrupted_input, T, &s->corrupted_final);
    assert_ok(recording_new(&s->resting, &s->m->config, s->clean, CHANGED, T, CHANGED, err));
    assert_ok(recording_keep_heads(s->resting, &s->m->config, err));
    replay_fork f = {.base = s->clean, .first = CHANGED, .end = T, .input = s->corrupted_input + CHANGED * s->D,
              .record = s->resting, .read_first = T};
    rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
    return 0;
}

static const char *scene_folder;

static int open_this_scene(void **state)
{
    (void)state;
    return matmul_row_invariant() ? open_scene(scene_folder) : 0;
}

static int close_scene(void **state)
{
    (void)state;
    scene *s = &one;
    if (!s->model)
        return 0;
    free(s->clean_input), free(s->corrupted_input), free(s->clean_final), free(s->corrupted_final);
    recording_free(s->resting);
    recording_free(s->clean);
    recording_free(s->corrupted);
    model_free(s->model);
    *s = (scene){0};
    return 0;
}

/* Everything below is about bits, which products that depend on the number of rows do not keep. */
static scene *ready(void)
{
    if (!one.model)
        skip();
    return &one;
}

static size_t width_of(site w)
{
    const decoder_config *c = &one.m->config;
    return w == SITE_HEAD_OUT ? c->heads * c->head_dim : w == SITE_MLP_POST ? c->d_ff : c->d_model;
}

static void assert_recorded(const recording *a, const recording *b, size_t first)
{
    const scene *s = &one;
    for (site w = 0; w < SITE_PUT_COUNT; w++)
        for (size_t l = 0; l < s->L; l++)
            for (size_t p = first; p < T; p++) {
                const float *x = recording_row(a, w, l, p), *y = recording_row(b, w, l, p);
                if (w == SITE_HEAD_OUT && (!a->z || !b->z))
                    continue;
                assert_non_null(x);
                assert_non_null(y);
                assert_same_bits(x, y, width_of(w), site_name(w));
            }
}

/* ---- recordings ---- */

static void the_sites_add_up(void **state)
{
    (void)state;
    const scene *s = ready();
    for (size_t l = 0; l < s->L; l++)
        for (size_t p = 0; p < T; p++) {
            const float *pre = recording_row(s->clean, SITE_RESID_PRE, l, p), *attn = recording_row(s->clean, SITE_ATTN_OUT, l, p);
            const float *mlp = recording_row(s->clean, SITE_MLP_OUT, l, p), *post = recording_row(s->clean, SITE_RESID_POST, l, p);
            for (size_t i = 0; i < s->D; i++)
                assert_close((double)post[i], (double)pre[i] + (double)attn[i] + (double)mlp[i],
                             1e-6 * (1 + fabs((double)post[i])), "resid_post", i);
            if (l + 1 < s->L)
                assert_ptr_equal(post, recording_row(s->clean, SITE_RESID_PRE, l + 1, p));
        }
    assert_same_bits(recording_row(s->clean, SITE_RESID_PRE, 0, 0), s->clean_input, s->D, "input");
}

static void a_run_on_top_of_another_is_the_same_run(void **state)
{
    (void)state;
    const scene *s = ready();
    assert_recorded(s->resting, s->corrupted, CHANGED);
    for (size_t p = 0; p < CHANGED; p++)
        assert_ptr_equal(recording_row(s->resting, SITE_MLP_OUT, 1, p), recording_row(s->clean, SITE_MLP_OUT, 1, p));
}

static void rows_beyond_a_recording_are_none(void **state)
{
    (void)state;
    const scene *s = ready();
    recording *late, *none;
    assert_ok(recording_new(&late, &s->m->config, NULL, 0, T, 9, err));
    assert_ok(recording_new(&none, &s->m->config, late, 15, T, T, err));
    assert_null(recording_row(late, SITE_HEAD_OUT, 0, 9)); /* not kept unless asked to */
    assert_ok(recording_keep_heads(late, &s->m->config, err));
    assert_ok(recording_keep_heads(none, &s->m->config, err));
    for (site w = 0; w < SITE_PUT_COUNT; w++) {
        assert_null(recording_row(late, w, 0, 0));
        assert_null(recording_row(late, w, 0, 8));
        assert_non_null(recording_row(late, w, 0, 9));
        assert_non_null(recording_row(late, w, s->L - 1, T - 1));
        assert_null(recording_row(late, w, 0, T));
        assert_null(recording_row(late, w, 0, SIZE_MAX));
        assert_null(recording_row(none, w, 0, 15));
        assert_null(recording_row(none, w, 0, T - 1));
        assert_non_null(recording_row(none, w, 0, 14)); /* its base's */
        assert_null(recording_row(none, w, 0, 3));
    }
    recording_free(none);
    recording_free(late);
    recording_free(NULL);
}

static void segments_cover_what_lies_below(void **state)
{
    (void)state;
    const scene *s = ready();
    kv_segment list[2];
    assert_int_equal(recording_segments(NULL, 0, 5, list), 0);
    assert_int_equal(recording_segments(s->resting, 0, 0, list), 0);
    assert_int_equal(recording_segments(s->resting, 1, CHANGED, list), 1);
    assert_true(list[0].first == 0 && list[0].end == CHANGED);
    assert_int_equal(recording_segments(s->resting, 1, CHANGED + 1, NULL), 2);
    assert_int_equal(recording_segments(s->resting, 1, T, list), 2);
    assert_true(list[0].end == CHANGED && list[1].first == CHANGED && list[1].end == T);
}

/* As generation does it: pieces of one run, each on top of the one before, cut anywhere. */
static void a_chain_of_runs_is_one_run(void **state)
{
    (void)state;
    const scene *s = ready();
    for (size_t seed = 0; seed < 12; seed++) {
        recording *chain[T];
        size_t n = 0;
        random_state r = random_from(seed);
        for (size_t first = 0, end; first < T; first = end, n++) {
            end = first + 1 + (seed ? random_below(&r, seed) : 0);
            end = end > T ? T : end;
            assert_ok(recording_new(&chain[n], &s->m->config, n ? chain[n - 1] : NULL, first, end, first, err));
            replay_fork f = {.base = n ? chain[n - 1] : NULL, .first = first, .end = end, .input = s->clean_input + first * s->D,
                      .record = chain[n], .read_first = first};
            float **rows = run_forks(s->m, &f, 1, 0, NULL);
            assert_same_bits(rows[0], s->clean_final + first * s->D, (end - first) * s->D, "final rows");
            rows_free(rows, 1);
        }
        assert_recorded(chain[n - 1], s->clean, 0);
        while (n-- > 0)
            recording_free(chain[n]);
    }
}

/* The same, each piece recorded behind what it rests on; from row 0, and on top of another run. */
static void a_recording_grows_piece_by_piece(void **state)
{
    (void)state;
    const scene *s = ready();
    for (size_t seed = 0; seed < 12; seed++) {
        size_t begin = seed % 2 ? CHANGED : 0;
        recording *grown;
        random_state r = random_from(seed);
        assert_ok(recording_new(&grown, &s->m->config, begin ? s->clean : NULL, begin, T + 2 * seed, begin, err));
        for (size_t first = begin, end; first < T; first = end) {
            end = first + 1 + (seed ? random_below(&r, seed) : 0);
            end = end > T ? T : end;
            replay_fork f = {.base = first == begin ? grown->base : grown, .first = first, .end = end,
                             .input = s->corrupted_input + first * s->D, .record = grown, .read_first = first};
            float **rows = run_forks(s->m, &f, 1, 0, NULL);
            assert_same_bits(rows[0], s->corrupted_final + first * s->D, (end - first) * s->D, "final rows");
            rows_free(rows, 1);
        }
        assert_recorded(grown, s->corrupted, begin);
        recording_free(grown);
    }
}

static void a_base_may_be_recorded_in_the_same_call(void **state)
{
    (void)state;
    const scene *s = ready();
    recording *a, *b;
    assert_ok(recording_new(&a, &s->m->config, NULL, 0, T, 0, err));
    assert_ok(recording_new(&b, &s->m->config, a, CHANGED, T, CHANGED, err));
    for (size_t memory = 0; memory < 2; memory++) { /* in waves of their own, and in one */
        replay_fork forks[2] = {{.end = T, .input = s->clean_input, .record = a, .read_first = T},
                         {.base = a, .first = CHANGED, .end = T, .input = s->corrupted_input + CHANGED * s->D, .record = b,
                          .read_first = CHANGED}};
        float **rows = run_forks(s->m, forks, 2, memory << 30, NULL);
        assert_same_bits(rows[1], s->corrupted_final + CHANGED * s->D, (T - CHANGED) * s->D, "final rows");
        assert_recorded(a, s->clean, 0);
        assert_recorded(b, s->corrupted, CHANGED);
        rows_free(rows, 2);
    }
    recording_free(b);
    recording_free(a);
}

/* ---- edits ---- */

static const size_t every[T] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22};

static void a_runs_own_activations_change_no_bit(void **state)
{
    (void)state;
    const scene *s = ready();
    for (site w = 0; w < SITE_PUT_COUNT; w++)
        for (size_t l = 0; l < s->L; l++)
            for (size_t end = l + 1; end <= s->L; end++)
                for (size_t p = 0; p < T; p += 5) {
                    row_edit e = {w, l, end, every + p, T - p, s->clean, NULL, 0, 0};
                    replay_fork f = {.base = s->clean, .first = p, .end = T, .edits = &e, .edit_count = 1, .read_first = T - 2};
                    float **rows = run_forks(s->m, &f, 1, 0, NULL);
                    assert_same_bits(rows[0], s->clean_final + (T - 2) * s->D, 2 * s->D, site_name(w));
                    rows_free(rows, 1);
                }
}

static void all_changed_rows_restored_at_the_start_are_the_clean_run(void **state)
{
    (void)state;
    const scene *s = ready();
    row_edit e = {SITE_RESID_PRE, 0, 1, every + CHANGED, 3, s->clean, NULL, 0, 0};
    replay_fork f = {.base = s->resting, .first = CHANGED, .end = T, .edits = &e, .edit_count = 1, .read_first = CHANGED};
    float **rows = run_forks(s->m, &f, 1, 0, NULL);
    assert_same_bits(rows[0], s->clean_final + CHANGED * s->D, (T - CHANGED) * s->D, "final rows");
    rows_free(rows, 1);
}

/* Forks of nothing: without an edit or input the run is its base. */
static void a_fork_of_nothing_is_its_base(void **state)
{
    (void)state;
    const scene *s = ready();
    replay_fork f = {.base = s->clean, .first = 4, .end = T, .read_first = 4};
    float **rows = run_forks(s->m, &f, 1, 0, NULL);
    assert_same_bits(rows[0], s->clean_final + 4 * s->D, (T - 4) * s->D, "final rows");
    rows_free(rows, 1);
    rows_free(run_forks(s->m, NULL, 0, 0, NULL), 0);
}

/* All heads of rows are their attention's output, in any window. Taken one by one, each head put in is what its columns
 * of the output projection make of the difference: contributions add up. */
static void all_heads_are_the_attention_output(void **state)
{
    (void)state;
    const scene *s = ready();
    for (size_t l = 0; l < s->L; l++)
        for (size_t end = l + 1; end <= s->L; end++) {
            row_edit e[3] = {{SITE_ATTN_OUT, l, end, every + 7, 4, s->clean, NULL, 0, 0},
                             {SITE_HEAD_OUT, l, end, every + 7, 4, s->clean, NULL, 0, 0},
                             {SITE_HEAD_OUT, l, end, every + 7, 4, s->clean, NULL, 0, s->m->config.heads}};
            replay_fork f[3];
            for (int i = 0; i < 3; i++)
                f[i] = (replay_fork){.base = s->resting, .first = 7, .end = T, .edits = &e[i], .edit_count = 1, .read_first = 7};
            float **rows = run_forks(s->m, f, 3, 0, NULL);
            assert_same_bits(rows[1], rows[0], (T - 7) * s->D, "all heads");
            assert_same_bits(rows[2], rows[0], (T - 7) * s->D, "all heads by number");
            rows_free(rows, 3);
        }
}

static void heads_contributions_add_up(void **state)
{
    (void)state;
    const scene *s = ready();
    const decoder_config *c = &s->m->config;
    size_t p = 9, D = s->D;
    for (size_t l = 0; l < s->L; l++) {
        double *sum = mem_new(D, sizeof *sum);
        float *out = zeros(D);
        const float *base = recording_row(s->corrupted, SITE_ATTN_OUT, l, p), *whole = recording_row(s->clean, SITE_ATTN_OUT, l, p);
        for (size_t h = 0; h < c->heads; h++) {
            row_edit e = {SITE_HEAD_OUT, l, l + 1, &p, 1, s->clean, NULL, h, h + 1};
            tap t = {SITE_ATTN_OUT, l, p, out};
            replay_fork f = {.base = s->corrupted, .first = p, .end = T, .edits = &e, .edit_count = 1, .read_first = p, .taps = &t,
                             .tap_count = 1};
            rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
            for (size_t i = 0; i < D; i++)
                sum[i] += (double)out[i] - (double)base[i];
        }
        for (size_t i = 0; i < D; i++)
            assert_close((double)base[i] + sum[i], (double)whole[i], 1e-5 * (1 + fabs((double)whole[i])), "sum over heads", i);
        free(sum), free(out);
    }
}

/* ---- many random forks, each also in its plain form ---- */

enum { FORKS = 240, EDITS = 3, CUTS = 2 };

typedef struct crowd {
    replay_fork forks[FORKS], plain[FORKS];
    row_edit edits[FORKS][EDITS];
    size_t positions[FORKS][EDITS][T];
    edge_cut cuts[FORKS][CUTS];
    size_t ends[FORKS][CUTS][2][T];
} crowd;

/* One to three edits: any site and heads, any window, any positions from `first` on, from the clean run. */
static void make_edits(crowd *c, size_t i, size_t first, random_state *r)
{
    const scene *s = &one;
    size_t count = i % 4 ? 1 : 1 + random_below(r, EDITS);
    for (size_t k = 0; k < count; k++) {
        row_edit *e = &c->edits[i][k];
        *e = (row_edit){.site = (site)random_below(r, SITE_PUT_COUNT), .first_layer = random_below(r, s->L),
                    .positions = c->positions[i][k], .source = s->clean};
        e->end_layer = e->first_layer + 1 + random_below(r, s->L - e->first_layer);
        if (random_below(r, 4)) { /* some heads, or all */
            e->first_head = random_below(r, s->m->config.heads);
            e->end_head = e->first_head + 1 + random_below(r, s->m->config.heads - e->first_head);
        }
        for (size_t p = first; p < T; p++)
            if (i % 3 == 0 ? p == first + (i + k) % (T - first) : random_below(r, 3) == 0)
                c->positions[i][k][e->position_count++] = p;
    }
    c->forks[i].edit_count = c->plain[i].edit_count = count;
}

/* One or two cuts in any window, of any edges to positions from `first` on; a row keeps itself. */
static void make_cuts(crowd *c, size_t i, size_t first, random_state *r)
{
    const scene *s = &one;
    size_t count = 1 + random_below(r, CUTS);
    for (size_t k = 0; k < count; k++) {
        edge_cut *e = &c->cuts[i][k];
        *e = (edge_cut){.first_layer = random_below(r, s->L),
                        .edges = {.sources = c->ends[i][k][0], .destinations = c->ends[i][k][1]}};
        e->end_layer = e->first_layer + 1 + random_below(r, s->L - e->first_layer);
        for (size_t p = 0; p < T; p++)
            if (p % 2 == k && random_below(r, 3))
                c->ends[i][k][0][e->edges.source_count++] = p;
            else if (p % 2 != k && p >= first && random_below(r, 3) == 0)
                c->ends[i][k][1][e->edges.destination_count++] = p;
    }
    c->forks[i].cuts = c->plain[i].cuts = c->cuts[i];
    c->forks[i].cut_count = c->plain[i].cut_count = count;
}

static crowd *crowd_new(uint64_t seed)
{
    const scene *s = &one;
    crowd *c = mem_new(1, sizeof *c);
    random_state r = random_from(seed);
    for (size_t i = 0; i < FORKS; i++) {
        size_t first = CHANGED + random_below(&r, T - CHANGED), read = first + random_below(&r, T - first);
        c->forks[i] = (replay_fork){.base = s->resting, .first = first, .end = T, .edits = c->edits[i], .read_first = read};
        c->plain[i] = (replay_fork){.end = T, .input = s->corrupted_input, .edits = c->edits[i], .read_first = read, .plain = true};
        if (i % 3 < 2) /* edits, cuts, or both */
            make_edits(c, i, first, &r);
        if (i % 3 > 0)
            make_cuts(c, i, first, &r);
        if (i % 5 == 0) { /* a new input as well: it starts at layer 0 */
            c->forks[i].first = CHANGED;
            c->forks[i].input = s->corrupted_input + CHANGED * s->D;
        }
    }
    return c;
}

static void assert_same_rows(const crowd *c, float *const *a, float *const *b, const char *what)
{
    for (size_t i = 0; i < FORKS; i++)
        assert_same_bits(a[i], b[i], (T - c->forks[i].read_first) * one.D, what);
}

static void a_replay_is_its_plain_form(void **state)
{
    (void)state;
    const scene *s = ready();
    for (uint64_t seed = 0; seed < 6; seed++) {
        crowd *c = crowd_new(seed);
        replay_work shared = {0}, unshared = {0};
        float **together = run_forks(s->m, c->forks, FORKS, (size_t)1 << 30, &shared);
        float **plain = run_forks(s->m, c->plain, FORKS, 0, &unshared);
        assert_same_rows(c, together, plain, "together and plain");
        assert_int_equal(shared.waves, 1);
        assert_int_equal(unshared.waves, FORKS);
        assert_true(shared.flop < unshared.flop);
        rows_free(together, FORKS);
        rows_free(plain, FORKS);
        free(c);
    }
}

static void waves_and_threads_do_not_show(void **state)
{
    (void)state;
    const scene *s = ready();
    crowd *c = crowd_new(9);
    replay_work one_thread = {0};
    float **together = run_forks(s->m, c->forks, FORKS, (size_t)1 << 30, &one_thread);
    static const size_t budgets[] = {0, 1, 5000, 20000, 100000};
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        float **waves = run_forks(s->m, c->forks, FORKS, budgets[i], NULL);
        assert_same_rows(c, together, waves, "waves");
        rows_free(waves, FORKS);
    }
    for (int n = 2; n <= 40; n = 2 * n + 1) { /* each with chunks of its own, where they are rows enough */
        replay_work work = {0};
        omp_set_num_threads(n);
        float **threads = run_forks(s->m, c->forks, FORKS, (size_t)1 << 30, &work);
        omp_set_num_threads(1);
        assert_same_rows(c, together, threads, "threads");
        assert_true(work.flop == one_thread.flop && work.waves == 1);
        rows_free(threads, FORKS);
    }
    for (size_t i = 0; i < FORKS; i++) {
        float **alone = run_forks(s->m, &c->forks[i], 1, 0, NULL);
        assert_same_bits(alone[0], together[i], (T - c->forks[i].read_first) * s->D, "alone");
        rows_free(alone, 1);
    }
    rows_free(together, FORKS);
    free(c);
}

/* Two more orders in which the same forks may be handed over. */
static void the_order_of_forks_does_not_show(void **state)
{
    (void)state;
    const scene *s = ready();
    crowd *c = crowd_new(11);
    float **there = run_forks(s->m, c->forks, FORKS, (size_t)1 << 30, NULL);
    replay_fork *back = mem_new(FORKS, sizeof *back);
    for (size_t i = 0; i < FORKS; i++)
        back[i] = c->forks[FORKS - 1 - i];
    float **rows = run_forks(s->m, back, FORKS, 30000, NULL);
    for (size_t i = 0; i < FORKS; i++)
        assert_same_bits(there[i], rows[FORKS - 1 - i], (T - c->forks[i].read_first) * s->D, "backwards");
    rows_free(there, FORKS);
    rows_free(rows, FORKS);
    free(back);
    free(c);
}

/* An edited run may be recorded; the record is the plain run's, rows put in included. */
static void an_edited_run_can_be_recorded(void **state)
{
    (void)state;
    const scene *s = ready();
    for (site w = 0; w < SITE_PUT_COUNT; w++) {
        row_edit e = {w, 1, s->L, every + 8, 3, s->clean, NULL, 0, 0};
        recording *shared, *plain;
        assert_ok(recording_new(&shared, &s->m->config, s->clean, CHANGED, T, CHANGED, err));
        assert_ok(recording_new(&plain, &s->m->config, NULL, 0, T, 0, err));
        if (w != SITE_ATTN_OUT) { /* in whose rows heads are not mixed */
            assert_ok(recording_keep_heads(shared, &s->m->config, err));
            assert_ok(recording_keep_heads(plain, &s->m->config, err));
        }
        replay_fork forks[2] = {{.base = s->clean, .first = CHANGED, .end = T, .input = s->corrupted_input + CHANGED * s->D, .edits = &e,
                          .edit_count = 1, .record = shared, .read_first = T},
                         {.end = T, .input = s->corrupted_input, .edits = &e, .edit_count = 1, .record = plain, .read_first = T,
                          .plain = true}};
        rows_free(run_forks(s->m, forks, 2, 0, NULL), 2);
        assert_recorded(shared, plain, CHANGED);
        for (size_t l = 1; l < s->L; l++)
            assert_same_bits(recording_row(plain, w, l, 9), recording_row(s->clean, w, l, 9), width_of(w),
                             "put in");
        recording_free(shared);
        recording_free(plain);
    }
}

/* The count that a report sets beside its naive form is what a plain run counts. */
static void a_plain_runs_work_is_what_layers_cost(void **state)
{
    (void)state;
    const scene *s = ready();
    replay_fork f = {.end = T, .input = s->clean_input, .read_first = T, .plain = true};
    replay_work work = {0};
    rows_free(run_forks(s->m, &f, 1, 0, &work), 1);
    double layer = T * decoder_layer_flop(&s->m->config);
    for (size_t p = 0; p < T; p++)
        layer += decoder_attention_flop(&s->m->config, (double)p + 1);
    assert_true(work.flop == (double)s->L * layer);
}

/* What is not computed where a fork joins: in a parallel block nothing at all, as no MLP sees the attention output that is
 * put in. Otherwise the edited row's MLP. With heads put in, one output projection of the edited row. */
static void a_joining_layer_costs_what_its_edit_reaches(void **state)
{
    (void)state;
    const scene *s = ready();
    size_t p = T - 1;
    row_edit e = {SITE_ATTN_OUT, s->L - 1, s->L, &p, 1, s->clean, NULL, 0, 0};
    replay_fork f = {.base = s->corrupted, .first = p, .end = T, .edits = &e, .edit_count = 1, .read_first = p};
    static const site sites[] = {SITE_ATTN_OUT, SITE_MLP_OUT, SITE_HEAD_OUT};
    for (size_t i = 0; i < 3; i++) {
        replay_work work = {0};
        e.site = sites[i];
        rows_free(run_forks(s->m, &f, 1, 0, &work), 1);
        double matrices = s->m->config.gated ? 3 : 2, projected = 2 * (double)(s->D * width_of(SITE_HEAD_OUT));
        double fed = e.site == SITE_MLP_OUT || s->m->config.parallel ? 0 : 2 * matrices * (double)(s->D * s->m->config.d_ff);
        assert_true(work.flop == fed + (e.site == SITE_HEAD_OUT ? projected : 0));
    }
}

/* Attention and MLP of a parallel block read the same rows: what one of them is given does not show in the other. */
static void a_parallel_blocks_halves_do_not_see_each_other(void **state)
{
    (void)state;
    const scene *s = ready();
    recording *r;
    assert_ok(recording_new(&r, &s->m->config, NULL, 0, T, 0, err));
    for (int mlp = 0; mlp < 2; mlp++) {
        site put = mlp ? SITE_MLP_OUT : SITE_ATTN_OUT, other = mlp ? SITE_ATTN_OUT : SITE_MLP_OUT;
        row_edit e = {put, 1, 2, every + CHANGED, 1, s->clean, NULL, 0, 0};
        replay_fork f = {.end = T, .input = s->corrupted_input, .edits = &e, .edit_count = 1, .record = r, .read_first = T};
        rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
        bool same = memcmp(recording_row(r, other, 1, CHANGED), recording_row(s->corrupted, other, 1, CHANGED),
                           s->D * sizeof(float)) == 0;
        assert_true(same == (mlp || s->m->config.parallel)); /* an MLP in sequence sees its layer's attention */
    }
    recording_free(r);
}

/* ---- cuts ---- */

static const size_t below[] = {0, 2, 3}, above[] = {9, 15, T - 1};

static edge_cut cut_of(size_t first_layer, size_t end_layer, const size_t *sources, size_t n, const size_t *destinations, size_t d)
{
    return (edge_cut){first_layer, end_layer, {sources, destinations, n, d}};
}

static void a_cut_of_nothing_changes_no_bit(void **state)
{
    (void)state;
    const scene *s = ready();
    const edge_cut cuts[] = {cut_of(0, s->L, below, 0, above, 3), cut_of(0, s->L, below, 3, above, 0),
                             cut_of(1, 1, below, 3, above, 3), cut_of(0, s->L, above, 3, every + 7, 2)};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        replay_fork f = {.base = s->clean, .first = 7, .end = T, .cuts = &cuts[i], .cut_count = 1, .read_first = 7};
        float **rows = run_forks(s->m, &f, 1, 0, NULL);
        assert_same_bits(rows[0], s->clean_final + 7 * s->D, (T - 7) * s->D, "final rows");
        rows_free(rows, 1);
    }
}

/* Where edges are cut, only their destinations' attention differs, and what follows from it. */
static void a_cut_is_felt_where_it_is_made(void **state)
{
    (void)state;
    const scene *s = ready();
    edge_cut c = cut_of(1, 2, below, 3, above, 3);
    recording *r;
    assert_ok(recording_new(&r, &s->m->config, NULL, 0, T, 0, err));
    replay_fork f = {.end = T, .input = s->clean_input, .cuts = &c, .cut_count = 1, .record = r, .read_first = T};
    rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
    for (size_t p = 0; p < T; p++) {
        bool destination = p == 9 || p == 15 || p == T - 1;
        bool same = memcmp(recording_row(r, SITE_ATTN_OUT, 1, p), recording_row(s->clean, SITE_ATTN_OUT, 1, p),
                           s->D * sizeof(float)) == 0;
        assert_true(same != destination);
        assert_same_bits(recording_row(r, SITE_ATTN_OUT, 0, p), recording_row(s->clean, SITE_ATTN_OUT, 0, p), s->D, "layer below");
        if (p < 9)
            assert_same_bits(recording_row(r, SITE_RESID_POST, s->L - 1, p), recording_row(s->clean, SITE_RESID_POST, s->L - 1, p),
                             s->D, "row above the cut");
    }
    recording_free(r);
}

/* Two cuts of the same rows are one of both's sources. */
static void cuts_add_up(void **state)
{
    (void)state;
    const scene *s = ready();
    const size_t both[] = {0, 2, 3, 4, 5};
    edge_cut apart[] = {cut_of(1, s->L, below, 3, above, 3), cut_of(1, s->L, (const size_t[]){4, 5}, 2, above, 3)};
    edge_cut joint = cut_of(1, s->L, both, 5, above, 3);
    replay_fork f[2] = {{.base = s->clean, .first = 9, .end = T, .cuts = apart, .cut_count = 2, .read_first = 9},
                        {.base = s->clean, .first = 9, .end = T, .cuts = &joint, .cut_count = 1, .read_first = 9}};
    float **rows = run_forks(s->m, f, 2, 0, NULL);
    assert_same_bits(rows[0], rows[1], (T - 9) * s->D, "final rows");
    assert_true(memcmp(rows[0], s->clean_final + 9 * s->D, s->D * sizeof(float)) != 0);
    rows_free(rows, 2);
}

/* In the layer in which it begins, a cut costs its destinations' rows, and no keys. */
static void a_cut_costs_its_destinations(void **state)
{
    (void)state;
    const scene *s = ready();
    const decoder_config *m = &s->m->config;
    size_t last = T - 1;
    edge_cut c = cut_of(s->L - 1, s->L, below, 3, &last, 1);
    replay_fork f = {.base = s->clean, .first = 9, .end = T, .cuts = &c, .cut_count = 1, .read_first = last};
    replay_work work = {0};
    rows_free(run_forks(s->m, &f, 1, 0, &work), 1);
    double all = decoder_layer_flop(m) + decoder_attention_flop(m, T) - decoder_kv_flop(m);
    double mlp = (m->gated ? 6 : 4) * (double)(m->d_model * m->d_ff);
    assert_true(work.flop == all - (m->parallel ? mlp : 0));
    assert_true(replay_plan_flop(s->m, &f, 1) == work.flop);
}

/* A run whose keys are not its base's does not take them from there. */
static void a_cut_after_other_residuals_uses_their_keys(void **state)
{
    (void)state;
    const scene *s = ready();
    edge_cut c = cut_of(1, s->L, below, 3, above, 3);
    recording *prefix;
    assert_ok(recording_new(&prefix, &s->m->config, NULL, 0, CHANGED, CHANGED, err));
    replay_fork before = {.end = CHANGED, .input = s->corrupted_input, .record = prefix, .read_first = CHANGED};
    rows_free(run_forks(s->m, &before, 1, 0, NULL), 1);
    replay_fork f[] = {{.base = s->clean, .entry = s->corrupted, .first = CHANGED, .end = T, .cuts = &c, .cut_count = 1, .read_first = CHANGED},
                       {.base = prefix, .entry = s->corrupted, .first = CHANGED, .end = T, .cuts = &c, .cut_count = 1, .read_first = CHANGED},
                       {.end = T, .input = s->corrupted_input, .cuts = &c, .cut_count = 1, .read_first = CHANGED, .plain = true}};
    float **rows = run_forks(s->m, f, 3, 0, NULL);
    for (size_t i = 0; i < 2; i++)
        assert_same_bits(rows[i], rows[2], (T - CHANGED) * s->D, "final rows");
    rows_free(rows, 3);
    recording_free(prefix);
}

static void a_row_without_a_source_is_an_error(void **state)
{
    (void)state;
    const scene *s = ready();
    replay_options options = {0};
    replay_work work = {0};
    const size_t first = 0, seven = 7;
    const edge_cut alone[] = {cut_of(0, 1, every, 8, &seven, 1), cut_of(0, 1, every, 1, &first, 1)};
    const edge_cut together[] = {cut_of(0, 2, every, 5, every + 6, 3), cut_of(1, 3, every + 4, 4, every + 6, 3)};
    const edge_cut apart[] = {cut_of(0, 1, every, 5, every + 6, 3), cut_of(1, 3, every + 4, 4, every + 6, 3)};
    replay_fork f = {.base = s->clean, .end = T, .cuts = &alone[0], .cut_count = 1, .read_first = 0};
    assert_fails(replay_run(s->m, &f, 1, &options, &work, err), PB_EINVAL, "leave row 7 no row");
    f.cuts = &alone[1];
    assert_fails(replay_run(s->m, &f, 1, &options, &work, err), PB_EINVAL, "leave row 0 no row");
    f.cuts = together;
    f.cut_count = 2;
    assert_fails(replay_run(s->m, &f, 1, &options, &work, err), PB_EINVAL, "leave row 6 no row");
    assert_true(work.waves == 0);
    f.cuts = apart;
    assert_ok(replay_run(s->m, &f, 1, &options, &work, err));
}

/* ---- given rows, taps, changed weights ---- */

static void given_rows_are_put_in_as_a_recordings_are(void **state)
{
    (void)state;
    const scene *s = ready();
    const float *rows[2] = {recording_row(s->clean, SITE_MLP_OUT, 1, CHANGED), recording_row(s->clean, SITE_MLP_OUT, 1, CHANGED + 2)};
    const size_t positions[2] = {CHANGED, CHANGED + 2};
    row_edit e[2] = {{SITE_MLP_OUT, 1, 2, positions, 2, s->clean, NULL, 0, 0}, {SITE_MLP_OUT, 1, 2, positions, 2, NULL, rows, 0, 0}};
    replay_fork f[2];
    for (int i = 0; i < 2; i++)
        f[i] = (replay_fork){.base = s->corrupted, .first = CHANGED, .end = T, .edits = &e[i], .edit_count = 1, .read_first = CHANGED};
    float **final = run_forks(s->m, f, 2, 0, NULL);
    assert_same_bits(final[0], final[1], (T - CHANGED) * s->D, "final rows");
    rows_free(final, 2);
    for (int i = 0; i < 2; i++) { /* and those of one head */
        rows[i] = recording_row(s->clean, SITE_HEAD_OUT, 1, positions[i]) + s->m->config.head_dim;
        e[i].site = SITE_HEAD_OUT;
        e[i].first_head = 1;
        e[i].end_head = 2;
    }
    final = run_forks(s->m, f, 2, 0, NULL);
    assert_same_bits(final[0], final[1], (T - CHANGED) * s->D, "final rows");
    rows_free(final, 2);
}

static void taps_are_what_a_recording_keeps(void **state)
{
    (void)state;
    const scene *s = ready();
    size_t F = s->m->config.d_ff, D = s->D;
    for (size_t l = 0; l < s->L; l++) {
        float *row[SITE_PUT_COUNT + 1], *out = zeros(D);
        tap taps[SITE_PUT_COUNT + 1];
        for (int w = 0; w <= SITE_PUT_COUNT; w++) {
            row[w] = zeros(width_of((site)w));
            taps[w] = (tap){(site)w, l, 7, row[w]};
        }
        replay_fork f = {.end = T, .input = s->clean_input, .read_first = T, .taps = taps,
                         .tap_count = SITE_PUT_COUNT + 1};
        rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
        for (site w = 0; w < SITE_PUT_COUNT; w++)
            assert_same_bits(row[w], recording_row(s->clean, w, l, 7), width_of(w), site_name(w));
        weight w[PART_COUNT];
        assert_ok(decoder_read_layer(s->m, l, w, err));
        assert_ok(matmul_linear(out, row[SITE_MLP_POST], w[PART_DOWN], w[PART_DOWN_BIAS].f32, 1, D, F, err));
        assert_same_bits(out, row[SITE_MLP_OUT], D, "down projection of mlp_post");
        assert_ok(matmul_linear(out, row[SITE_HEAD_OUT], w[PART_O], w[PART_O_BIAS].f32, 1, D, width_of(SITE_HEAD_OUT), err));
        assert_same_bits(out, row[SITE_ATTN_OUT], D, "output projection of head_out");
        for (int i = 0; i <= SITE_PUT_COUNT; i++)
            free(row[i]);
        free(out);
    }
}

/* What a watch has seen: rows in the order in which a file of [site][layer][position] would want them. */
typedef struct seen {
    const scene *s;
    size_t next[SITE_MLP_POST + 1]; /* layer * rows + row */
    const size_t *rows;
    size_t row_count;
    size_t left;                    /* calls until it says no */
} seen;

static pb_status see(void *context, site w, size_t layer, size_t position, const float *row, pb_error *why)
{
    seen *k = context;
    const recording *clean = k->s->clean;
    size_t at = k->next[w]++;
    assert_int_equal(layer, at / k->row_count);
    assert_int_equal(position, k->rows[at % k->row_count]);
    if (w != SITE_MLP_POST)
        assert_same_bits(row, recording_row(clean, w, layer, position), width_of(w), site_name(w));
    return k->left-- ? PB_OK : fail(why, PB_EIO, "no more");
}

/* In the order of layers and positions, the last layer's rows too, which nothing else needs; an error ends the run. */
static void a_watch_sees_what_a_recording_keeps(void **state)
{
    (void)state;
    const scene *s = ready();
    static const size_t rows[] = {0, 3, 7, T - 2};
    bool positions[T] = {false};
    seen k = {.s = s, .rows = rows, .row_count = 4, .left = SIZE_MAX};
    for (size_t i = 0; i < 4; i++)
        positions[rows[i]] = true;
    row_watch watch = {positions, see, &k};
    replay_fork f = {.end = T, .input = s->clean_input, .read_first = T - 1, .watch = &watch};
    float **final = run_forks(s->m, &f, 1, 0, NULL);
    assert_same_bits(final[0], s->clean_final + (T - 1) * s->D, s->D, "final row");
    rows_free(final, 1);
    for (int w = 0; w <= SITE_MLP_POST; w++)
        assert_int_equal(k.next[w], s->L * 4);
    for (size_t calls = 0; calls < 5 * 4 * s->L; calls += 3) {
        k = (seen){.s = s, .rows = rows, .row_count = 4, .left = calls};
        replay_work work = {0};
        replay_options options = {0};
        assert_fails(replay_run(s->m, &f, 1, &options, &work, err), PB_EIO, "no more");
    }
}

static size_t part_width(const decoder_config *c, decoder_part part, bool out)
{
    size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    switch (part) {
    case PART_Q: return out ? q : c->d_model;
    case PART_K:
    case PART_V: return out ? kv : c->d_model;
    case PART_O: return out ? c->d_model : q;
    case PART_GATE:
    case PART_UP: return out ? c->d_ff : c->d_model;
    default: return out ? c->d_model : c->d_ff;
    }
}

/* A term of rank 2 on every matrix of layer 1, of these sizes. */
typedef struct changed {
    weight_term terms[PART_COUNT];
    size_t count;
} changed;

static changed change_of(const scene *s, float scale)
{
    static const decoder_part parts[] = {PART_Q, PART_K, PART_V, PART_O, PART_GATE, PART_UP, PART_DOWN};
    const decoder_config *c = &s->m->config;
    changed made = {.count = 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t in = part_width(c, parts[i], false), out = part_width(c, parts[i], true);
        if (parts[i] == PART_GATE && !c->gated)
            continue;
        float *a = gaussians(2 * in, (unsigned)i + 10), *b = gaussians(2 * out, (unsigned)i + 20);
        for (size_t n = 0; n < 2 * out; n++)
            b[n] *= scale;
        made.terms[made.count++] = (weight_term){.layer = 1, .part = parts[i], .rank = 2, .a = a, .b = b};
    }
    return made;
}

static void change_free(changed *made)
{
    for (size_t i = 0; i < made->count; i++)
        free((void *)(uintptr_t)made->terms[i].a), free((void *)(uintptr_t)made->terms[i].b);
}

static void a_change_of_nothing_changes_no_bit(void **state)
{
    (void)state;
    const scene *s = ready();
    changed none = change_of(s, 0);
    replay_fork f = {.entry = s->clean, .end = T, .terms = none.terms, .term_count = none.count, .read_first = 0};
    float **final = run_forks(s->m, &f, 1, 0, NULL);
    assert_same_bits(final[0], s->clean_final, T * s->D, "final rows");
    rows_free(final, 1);
    change_free(&none);
}

/* From a recording's residuals, on a shared prefix that is changed too, or all by itself: the changed run is one. */
static void a_changed_run_may_start_late_and_share_its_prefix(void **state)
{
    (void)state;
    const scene *s = ready();
    changed made = change_of(s, 0.3f);
    recording *prefix;
    assert_ok(recording_new(&prefix, &s->m->config, NULL, 0, 9, 9, err));
    replay_fork f[] = {
        {.end = T, .input = s->clean_input, .terms = made.terms, .term_count = made.count},
        {.end = T, .entry = s->clean, .terms = made.terms, .term_count = made.count},
        {.end = 9, .entry = s->clean, .terms = made.terms, .term_count = made.count, .record = prefix, .read_first = 9},
        {.base = prefix, .entry = s->clean, .first = 9, .end = T, .terms = made.terms, .term_count = made.count, .read_first = 9},
    };
    float **final = run_forks(s->m, f, 4, 0, NULL);
    assert_same_bits(final[1], final[0], T * s->D, "from a recording's residuals");
    assert_same_bits(final[3], final[0] + 9 * s->D, (T - 9) * s->D, "on a shared prefix");
    assert_true(memcmp(final[0], s->clean_final, T * s->D * sizeof(float)) != 0);
    rows_free(final, 4);
    recording_free(prefix);
    change_free(&made);
}

static void a_change_of_the_down_projection_adds_what_it_says(void **state)
{
    (void)state;
    const scene *s = ready();
    size_t F = s->m->config.d_ff, D = s->D;
    changed made = change_of(s, 0.3f);
    const weight_term *down = &made.terms[made.count - 1];
    float *key = zeros(F), *out = zeros(D);
    tap taps[] = {{SITE_MLP_POST, 1, 7, key}, {SITE_MLP_OUT, 1, 7, out}};
    replay_fork f = {.entry = s->clean, .end = T, .terms = down, .term_count = 1, .read_first = T, .taps = taps, .tap_count = 2};
    rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
    const float *was = recording_row(s->clean, SITE_MLP_OUT, 1, 7);
    for (size_t i = 0; i < D; i++) {
        double sum = (double)was[i];
        for (size_t r = 0; r < 2; r++)
            for (size_t j = 0; j < F; j++)
                sum += (double)down->a[r * F + j] * (double)key[j] * (double)down->b[r * D + i];
        assert_close((double)out[i], sum, 1e-5 * (1 + fabs(sum)), "mlp_out", i);
    }
    free(key), free(out);
    change_free(&made);
}

static pb_status refuse(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    (void)context;
    (void)forks;
    (void)count;
    return fail(err, PB_EINVAL, "enough");
}

static void a_reader_may_stop_it(void **state)
{
    (void)state;
    const scene *s = ready();
    crowd *c = crowd_new(1);
    replay_options options = {.memory = 10000, .finished = refuse};
    replay_work work = {0};
    assert_fails(replay_run(s->m, c->forks, FORKS, &options, &work, err), PB_EINVAL, "enough");
    assert_int_equal(work.waves, 1);
    free(c);
}

int main(void)
{
    static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sites_add_up),
        cmocka_unit_test(a_run_on_top_of_another_is_the_same_run),
        cmocka_unit_test(rows_beyond_a_recording_are_none),
        cmocka_unit_test(segments_cover_what_lies_below),
        cmocka_unit_test(a_chain_of_runs_is_one_run),
        cmocka_unit_test(a_recording_grows_piece_by_piece),
        cmocka_unit_test(a_base_may_be_recorded_in_the_same_call),
        cmocka_unit_test(a_runs_own_activations_change_no_bit),
        cmocka_unit_test(all_changed_rows_restored_at_the_start_are_the_clean_run),
        cmocka_unit_test(a_fork_of_nothing_is_its_base),
        cmocka_unit_test(all_heads_are_the_attention_output),
        cmocka_unit_test(heads_contributions_add_up),
        cmocka_unit_test(a_replay_is_its_plain_form),
        cmocka_unit_test(waves_and_threads_do_not_show),
        cmocka_unit_test(the_order_of_forks_does_not_show),
        cmocka_unit_test(an_edited_run_can_be_recorded),
        cmocka_unit_test(a_plain_runs_work_is_what_layers_cost),
        cmocka_unit_test(a_joining_layer_costs_what_its_edit_reaches),
        cmocka_unit_test(a_parallel_blocks_halves_do_not_see_each_other),
        cmocka_unit_test(a_cut_of_nothing_changes_no_bit),
        cmocka_unit_test(a_cut_is_felt_where_it_is_made),
        cmocka_unit_test(cuts_add_up),
        cmocka_unit_test(a_cut_costs_its_destinations),
        cmocka_unit_test(a_cut_after_other_residuals_uses_their_keys),
        cmocka_unit_test(a_row_without_a_source_is_an_error),
        cmocka_unit_test(given_rows_are_put_in_as_a_recordings_are),
        cmocka_unit_test(taps_are_what_a_recording_keeps),
        cmocka_unit_test(a_watch_sees_what_a_recording_keeps),
        cmocka_unit_test(a_change_of_nothing_changes_no_bit),
        cmocka_unit_test(a_changed_run_may_start_late_and_share_its_prefix),
        cmocka_unit_test(a_change_of_the_down_projection_adds_what_it_says),
        cmocka_unit_test(a_reader_may_stop_it),
    };
    int failed = 0;
    for (tiny_compute = COMPUTE_F32; tiny_compute <= COMPUTE_BF16; tiny_compute++)
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
            scene_folder = folders[i];
            failed += cmocka_run_group_tests_name(strrchr(folders[i], '/') + 1, tests, open_this_scene, close_scene);
        }
    return failed;
}
