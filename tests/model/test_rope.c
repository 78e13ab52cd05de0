/* test_rope.c: rotary frequencies from both generations' configs, against transformers'. */
#include "tests/math/numbers.h"

#include "model/rope.h"

static void frequencies_are_hfs(void **state)
{
    (void)state;
    json_t *golden;
    size_t i;
    const json_t *of;
    assert_ok(json_read_file(&golden, GOLDEN("model/golden/rope.json"), err));
    assert_true(json_array_size(json_object_get(golden, "cases")) > 5);
    json_array_foreach(json_object_get(golden, "cases"), i, of)
    {
        size_t half, d = (size_t)json_number_value(json_object_get(of, "head_dim"));
        double *expected = json_numbers(of, "frequency", &half), share = json_number_value(json_object_get(of, "share"));
        float *f;
        if (share > 0)
            assert_ok(rope_width(&d, d, share, json_object_get(of, "config"), "config.json", err));
        assert_int_equal(half, d / 2);
        assert_ok(rope_frequencies(&f, d, json_object_get(of, "config"), "config.json", err));
        for (size_t k = 0; k < half; k++)
            assert_close((double)f[k], expected[k], 6e-8 * expected[k], "frequency", k);
        free(f);
        free(expected);
    }
    json_decref(golden);
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *config, *words;
        pb_status code;
    } cases[] = {
        {"{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}", "dynamic", PB_EUNSUPPORTED},
        {"{\"rope_parameters\":{\"rope_type\":\"yarn\"}}", "yarn", PB_EUNSUPPORTED},
        {"{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}", "factor", PB_EFORMAT},
        {"{\"rope_scaling\":{\"type\":\"linear\",\"factor\":-2}}", "factor", PB_EFORMAT},
        {"{\"rope_theta\":-1}", "theta", PB_EFORMAT},
        {"{\"rope_theta\":\"large\"}", "rope_theta", PB_EFORMAT},
        {"{\"rope_scaling\":[]}", "rope_scaling", PB_EFORMAT},
        {"{\"rope_scaling\":\"linear\"}", "rope_scaling", PB_EFORMAT},
        {"{\"rope_parameters\":{\"rope_type\":7}}", "rope_type", PB_EFORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *config = json_loads(cases[i].config, 0, NULL);
        float *f = NULL;
        assert_fails(rope_frequencies(&f, 8, config, "config.json", err), cases[i].code, cases[i].words);
        assert_null(f);
        json_decref(config);
    }
}

static void a_width_that_cannot_be_rotated_is_refused(void **state)
{
    (void)state;
    static const char *const configs[] = {
        "{\"partial_rotary_factor\":0}", "{\"partial_rotary_factor\":1.5}", "{\"partial_rotary_factor\":-0.5}",
        "{\"partial_rotary_factor\":0.45}", /* 9 of 20 */
        "{\"partial_rotary_factor\":0.01}", "{\"partial_rotary_factor\":\"half\"}",
        "{\"rope_parameters\":{\"partial_rotary_factor\":2}}",
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        json_t *config = json_loads(configs[i], 0, NULL);
        size_t width;
        assert_fails(rope_width(&width, 20, 0.5, config, "config.json", err), PB_EFORMAT, "partial_rotary_factor");
        json_decref(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_hfs),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
        cmocka_unit_test(a_width_that_cannot_be_rotated_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
