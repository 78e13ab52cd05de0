/* test_interval.c: intervals are those of the resamples drawn one by one, and those that tools/replication has. */
#include "tests/math/numbers.h"

#include "method/interval.h"

/* ---- against tools/replication/averages.py ---- */

/* A sample of the golden file; free its arrays. */
static sample read_sample(const json_t *object)
{
    const json_t *names = json_object_get(object, "subject");
    size_t n = json_array_size(names), same;
    const char **subject = mem_new(n, sizeof *subject);
    for (size_t i = 0; i < n; i++)
        subject[i] = json_string_value(json_array_get(names, i));
    sample s = {.top = json_numbers(object, "top", &same), .subject = subject, .count = n};
    if (!json_is_null(json_object_get(object, "bottom")))
        s.bottom = json_numbers(object, "bottom", &same);
    return s;
}

static void free_sample(sample *s)
{
    free((void *)s->top), free((void *)s->bottom), free((void *)s->subject);
}

static void assert_interval(const interval *i, const json_t *expected)
{
    double tolerance = 1e-13; /* sums in another order */
    assert_close(i->mean, json_number_value(json_object_get(expected, "mean")), tolerance, "mean", 0);
    assert_close(i->low, json_number_value(json_object_get(expected, "low")), tolerance, "low", 0);
    assert_close(i->high, json_number_value(json_object_get(expected, "high")), tolerance, "high", 0);
    assert_int_equal(i->subjects, (size_t)json_number_value(json_object_get(expected, "subjects")));
}

static void intervals_are_numpys(void **state)
{
    (void)state;
    json_t *file;
    assert_ok(json_read_file(&file, GOLDEN("method/golden/intervals.json"), err));
    const json_t *cases = json_object_get(file, "cases"), *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        uint64_t seed = strtoull(json_string_value(json_object_get(c, "seed")), NULL, 16);
        sample a = read_sample(json_object_get(c, "a")), b = read_sample(json_object_get(c, "b"));
        interval one = interval_of(&a, seed), both = interval_of_difference(&a, &b, seed);
        assert_interval(&one, json_object_get(c, "of_a"));
        assert_interval(&both, json_object_get(c, "difference"));
        assert_int_equal(one.questions, a.count);
        free_sample(&a);
        free_sample(&b);
    }
    assert_int_equal(i, 4);
    json_decref(file);
}

/* ---- by hand ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Three subjects of 1, 2 and 1 questions, whose sums are exact in any order. */
static void subjects_are_drawn_with_all_their_questions(void **state)
{
    (void)state;
    const char *subject[] = {"c", "a", "b", "a"};
    double top[] = {8, 1, 4, 2}, sums[] = {8, 3, 4}, counts[] = {1, 2, 1};
    sample s = {.top = top, .subject = subject, .count = 4};
    double *means = mem_new(INTERVAL_RESAMPLES, sizeof *means);
    random_state r = random_from(11);
    for (size_t i = 0; i < INTERVAL_RESAMPLES; i++) {
        double sum = 0, n = 0;
        for (size_t k = 0; k < 3; k++) {
            size_t drawn = random_below(&r, 3);
            sum += sums[drawn], n += counts[drawn];
        }
        means[i] = sum / n;
    }
    qsort(means, INTERVAL_RESAMPLES, sizeof *means, ascending);
    interval i = interval_of(&s, 11);
    assert_true(i.mean == 15.0 / 4 && i.low == means[249] && i.high == means[9749]);
    assert_true(i.questions == 4 && i.subjects == 3);
    free(means);
}

static void few_questions(void **state)
{
    (void)state;
    const char *none[] = {NULL, NULL}, *one[] = {"a", "a"}, *other[] = {"b", NULL};
    double top[] = {1, 3};
    interval empty = interval_of(&(sample){0}, 1);
    assert_true(empty.questions == 0 && empty.subjects == 0 && empty.mean == 0 && empty.low == 0 && empty.high == 0);
    sample a = {top, NULL, one, 2}, b = {top, NULL, other, 2}, nameless = {top, NULL, none, 2};
    interval same = interval_of(&a, 1);
    assert_true(same.mean == 2 && same.low == 2 && same.high == 2 && same.subjects == 1);
    interval each = interval_of(&nameless, 1); /* two subjects */
    assert_true(each.subjects == 2 && each.mean == 2 && each.low == 1 && each.high == 3);
    assert_int_equal(interval_of_difference(&a, &b, 1).subjects, 0); /* none that both have */
    assert_int_equal(interval_of_difference(&nameless, &nameless, 1).subjects, 0);
    interval zero = interval_of_difference(&a, &a, 1);
    assert_true(zero.mean == 0 && zero.low == 0 && zero.high == 0 && zero.questions == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_numpys),
        cmocka_unit_test(subjects_are_drawn_with_all_their_questions),
        cmocka_unit_test(few_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
