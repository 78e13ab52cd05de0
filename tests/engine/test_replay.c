/* test_replay.c: the identities that make a replay trustworthy, to the bit: what is skipped, shared, batched, cut into
 * waves or rests on other runs gives the same as the plain form, which does none of it. */
#include "tests/engine/scene.h"

#include <omp.h>

/* ---- edits ---- */

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

/* A model that memory has no room for: layers leave it, walk after walk, and come back from the file. */
static void layers_that_leave_memory_do_not_show(void **state)
{
    (void)state;
    const scene *s = ready();
    size_t all = s->m->kept;
    crowd *c = crowd_new(10);
    assert_int_equal(all, s->L); /* of so small a model all stay */
    float **stay = run_forks(s->m, c->forks, FORKS, 5000, NULL);
    for (s->m->kept = 0; s->m->kept < 2; s->m->kept++) {
        float **leave = run_forks(s->m, c->forks, FORKS, 5000, NULL);
        assert_same_rows(c, stay, leave, "layers that leave");
        rows_free(leave, FORKS);
    }
    s->m->kept = all;
    rows_free(stay, FORKS);
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

/* ---- what it costs ---- */

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runs_own_activations_change_no_bit),
        cmocka_unit_test(all_changed_rows_restored_at_the_start_are_the_clean_run),
        cmocka_unit_test(a_fork_of_nothing_is_its_base),
        cmocka_unit_test(all_heads_are_the_attention_output),
        cmocka_unit_test(heads_contributions_add_up),
        cmocka_unit_test(given_rows_are_put_in_as_a_recordings_are),
        cmocka_unit_test(a_replay_is_its_plain_form),
        cmocka_unit_test(waves_and_threads_do_not_show),
        cmocka_unit_test(layers_that_leave_memory_do_not_show),
        cmocka_unit_test(the_order_of_forks_does_not_show),
        cmocka_unit_test(a_plain_runs_work_is_what_layers_cost),
        cmocka_unit_test(a_joining_layer_costs_what_its_edit_reaches),
        cmocka_unit_test(a_parallel_blocks_halves_do_not_see_each_other),
        cmocka_unit_test(a_reader_may_stop_it),
    };
    return run_in_scenes(tests);
}
