/* test_forward.c: a plain forward pass against HF's: each block's input at the last row, and the logits. */
#include "tests/engine/runs.h"

static void check(const char *folder)
{
    char *path = path_join(folder, "golden.json");
    json_t *golden;
    assert_ok(json_read_file(&golden, path, err));
    model *m = tiny_open(folder);
    size_t T, D = m->decoder.config.d_model, V = m->decoder.config.vocab, n;
    float *input = golden_input(m, golden, &T), *final, *logits = zeros(V);
    assert_int_equal(T, (size_t)json_number_value(json_object_get(golden, "length")));
    recording *r = record(&m->decoder, input, T, &final);
    for (size_t l = 0; l < m->decoder.config.layers; l++) {
        const json_t *of = json_array_get(json_object_get(golden, "resid"), l);
        const float *row = recording_row(r, SITE_RESID_PRE, l, T - 1);
        for (size_t i = 0; i < D; i++)
            assert_close((double)row[i], json_number_value(json_array_get(of, i)), 1e-5, "resid_pre", i);
    }
    readout read = {.x = final + (T - 1) * D, .want = {-1, -1}, .logits = logits};
    assert_ok(decoder_readout(&m->decoder, &read, 1, err));
    double *expected = json_numbers(golden, "logits", &n);
    assert_int_equal(n, V);
    for (size_t i = 0; i < V; i++)
        assert_close((double)logits[i], expected[i], 2e-5, "logit", i);
    free(expected), free(input), free(final), free(logits), free(path);
    recording_free(r);
    model_free(m);
    json_decref(golden);
}

static void a_llava_runs_as_hfs(void **state)
{
    (void)state;
    check(LLAVA);
}

static void a_bunny_runs_as_hfs(void **state)
{
    (void)state;
    check(BUNNY);
}

static void a_llama_runs_as_hfs(void **state)
{
    (void)state;
    check(LLAMA);
}

static void a_qwen2_runs_as_hfs(void **state)
{
    (void)state;
    check(QWEN2);
}

/* Parallel blocks, LayerNorms, rotary on part of a head, a bias at the head. */
static void a_phi_runs_as_hfs(void **state)
{
    (void)state;
    check(PHI);
}

static void sites_have_their_names(void **state)
{
    (void)state;
    site found;
    for (int s = 0; s < SITE_PUT_COUNT; s++) {
        assert_true(site_find(site_name((site)s), &found) && found == (site)s);
        assert_non_null(strstr(site_names(), site_name((site)s)));
    }
    static const char *const unknown[] = {"", "mlp", "attn_out ", "MLP_OUT", "blocks.0.hook_mlp_out"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_false(site_find(unknown[i], &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_llava_runs_as_hfs),
        cmocka_unit_test(a_bunny_runs_as_hfs),
        cmocka_unit_test(a_llama_runs_as_hfs),
        cmocka_unit_test(a_qwen2_runs_as_hfs),
        cmocka_unit_test(a_phi_runs_as_hfs),
        cmocka_unit_test(sites_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
