/* test_random.c: the documented generator gives the documented numbers. */
#include "tests/support.h"

#include <math.h>

#include "base/json.h"
#include "base/random.h"

static uint64_t hex(const json_t *text)
{
    return strtoull(json_string_value(text), NULL, 16);
}

static void assert_stream(const json_t *golden)
{
    uint64_t seed = hex(json_object_get(golden, "seed"));
    size_t i;
    json_t *value;
    random_state r = random_from(seed);
    json_array_foreach(json_object_get(golden, "next"), i, value)
        assert_true(random_next(&r) == hex(value));
    r = random_from(seed);
    json_array_foreach(json_object_get(golden, "below"), i, value)
        assert_true(random_below(&r, (size_t)json_number_value(json_array_get(value, 0))) ==
                    (size_t)json_number_value(json_array_get(value, 1)));
    r = random_from(seed);
    json_array_foreach(json_object_get(golden, "gaussian"), i, value)
        assert_true(fabs(random_gaussian(&r) - json_number_value(value)) < 1e-14);
}

static void every_seed_gives_its_documented_stream(void **state)
{
    (void)state;
    json_t *root, *stream;
    size_t i;
    assert_ok(json_read_file(&root, GOLDEN("base/golden/random.json"), err));
    assert_int_equal(json_array_size(json_object_get(root, "streams")), 4);
    json_array_foreach(json_object_get(root, "streams"), i, stream)
        assert_stream(stream);
    json_decref(root);
}

static void gaussians_have_mean_0_and_deviation_1(void **state)
{
    (void)state;
    enum { N = 200000 };
    random_state r = random_from(7);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        double z = random_gaussian(&r);
        assert_true(isfinite(z));
        sum += z;
        squares += z * z;
    }
    assert_true(fabs(sum / N) < 0.01);
    assert_true(fabs(squares / N - 1) < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_gives_its_documented_stream),
        cmocka_unit_test(gaussians_have_mean_0_and_deviation_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
