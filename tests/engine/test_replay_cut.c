/* test_replay_cut.c: forks whose attention edges are cut. */
#include "tests/engine/scene.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_of_nothing_changes_no_bit),
        cmocka_unit_test(a_cut_is_felt_where_it_is_made),
        cmocka_unit_test(cuts_add_up),
        cmocka_unit_test(a_cut_costs_its_destinations),
        cmocka_unit_test(a_cut_after_other_residuals_uses_their_keys),
        cmocka_unit_test(a_row_without_a_source_is_an_error),
    };
    return run_in_scenes(tests);
}
