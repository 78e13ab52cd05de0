/* test_recording.c: what a run leaves behind, to the bit: recordings, alone, on top of others and piece by piece; taps; what a watch
 * sees. */
#include "tests/engine/scene.h"

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

/* ---- taps and watches ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sites_add_up),
        cmocka_unit_test(a_run_on_top_of_another_is_the_same_run),
        cmocka_unit_test(rows_beyond_a_recording_are_none),
        cmocka_unit_test(segments_cover_what_lies_below),
        cmocka_unit_test(a_chain_of_runs_is_one_run),
        cmocka_unit_test(a_recording_grows_piece_by_piece),
        cmocka_unit_test(a_base_may_be_recorded_in_the_same_call),
        cmocka_unit_test(an_edited_run_can_be_recorded),
        cmocka_unit_test(taps_are_what_a_recording_keeps),
        cmocka_unit_test(a_watch_sees_what_a_recording_keeps),
    };
    return run_in_scenes(tests);
}
