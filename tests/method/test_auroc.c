/* test_auroc.c: areas under ROC curves by hand, their resamples drawn one by one, and their curves. */
#include "tests/math/numbers.h"

#include "method/auroc.h"
#include "method/subjects.h"

static auroc_sample sample_of(const double *score, const bool *right, const char *const *subject, size_t count)
{
    return (auroc_sample){score, right, subject, count};
}

static void areas_by_hand(void **state)
{
    (void)state;
    const double score[] = {0.9, 0.4, 0.4, 0.1};
    const bool one[] = {true, true, false, false}, two[] = {false, false, true, true};
    const bool same[] = {true, true, true, true};
    auroc_sample s = sample_of(score, one, NULL, 4);
    assert_true(auroc_of(&s) == 3.5 / 4); /* three pairs in order, a tie */
    s.right = two;
    assert_true(auroc_of(&s) == 0.5 / 4);
    s.right = same;
    assert_true(isnan(auroc_of(&s)));
    s.count = 0;
    assert_true(isnan(auroc_of(&s)));
}

/* Every pair of a right and a wrong answer, one by one. */
static double by_pairs(const auroc_sample *s, const size_t *subject, const size_t *times)
{
    double won = 0, pairs = 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t j = 0; j < s->count; j++)
            if (s->right[i] && !s->right[j]) {
                double weight = (double)(times[subject[i]] * times[subject[j]]);
                won += weight * (s->score[i] > s->score[j] ? 1 : s->score[i] == s->score[j] ? 0.5 : 0);
                pairs += weight;
            }
    return pairs > 0 ? won / pairs : NAN;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

/* Of few subjects some resamples (here 2 %) have one class only: their values stand last. */
static void resamples_one_by_one(void **state)
{
    (void)state;
    const double score[] = {3, 1, 2, 2, 5, 4, 1};
    const bool right[] = {true, false, true, false, true, true, false};
    const char *const subject[] = {"b", "a", "a", NULL, "b", NULL, "c"};
    const size_t number[] = {0, 1, 1, 2, 0, 3, 4};
    auroc_sample s = sample_of(score, right, subject, 7);
    double *values = mem_new(INTERVAL_RESAMPLES, sizeof *values);
    random_state random = random_from(9);
    for (size_t k = 0; k < INTERVAL_RESAMPLES; k++) {
        size_t times[5] = {0};
        for (size_t i = 0; i < 5; i++)
            times[random_below(&random, 5)]++;
        values[k] = by_pairs(&s, number, times);
    }
    qsort(values, INTERVAL_RESAMPLES, sizeof *values, ascending);
    interval i = auroc_interval(&s, 9);
    assert_true(i.questions == 7 && i.subjects == 5 && i.mean == 11.5 / 12);
    assert_true(isnan(values[INTERVAL_RESAMPLES - 1]));
    assert_close(i.low, values[INTERVAL_LOW], 1e-15, "low", 0);
    assert_close(i.high, values[INTERVAL_HIGH], 1e-15, "high", 0);
    interval zero = auroc_interval_of_gain(&s, score, 9);
    assert_true(zero.mean == 0 && zero.low == 0 && zero.subjects == 5);
    free(values);
}

/* Of two subjects, one of them all right and one all wrong, every other resample has one class only. */
static void too_few_to_know(void **state)
{
    (void)state;
    const double score[] = {3, 1};
    const bool right[] = {true, false};
    const char *const subject[] = {"a", "b"};
    auroc_sample s = sample_of(score, right, subject, 2);
    interval i = auroc_interval(&s, 0);
    assert_true(i.mean == 1 && i.low == 1 && isnan(i.high));
}

static void order_does_not_matter(void **state)
{
    (void)state;
    enum { N = 400 };
    double score[N], back[N];
    bool right[N], right_back[N];
    random_state random = random_from(4);
    for (size_t i = 0; i < N; i++) {
        score[i] = (double)random_below(&random, 50) / 7;
        right[i] = random_below(&random, 3) != 0;
    }
    for (size_t i = 0; i < N; i++) {
        back[i] = score[N - 1 - i];
        right_back[i] = right[N - 1 - i];
    }
    auroc_sample a = sample_of(score, right, NULL, N), b = sample_of(back, right_back, NULL, N);
    assert_true(auroc_of(&a) == auroc_of(&b));
}

static void curves(void **state)
{
    (void)state;
    const double score[] = {0.9, 0.4, 0.4, 0.1, 0.2};
    const bool right[] = {true, true, false, false, true};
    auroc_sample s = sample_of(score, right, NULL, 5);
    size_t count;
    auroc_point *p = auroc_curve(&s, 100, &count);
    const auroc_point expected[] = {{0, 0}, {0, 1.0 / 3}, {0.5, 2.0 / 3}, {0.5, 1}, {1, 1}};
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_true(p[i].wrong == expected[i].wrong && p[i].right == expected[i].right);
    double area = 0; /* by trapezia: the same area */
    for (size_t i = 1; i < count; i++)
        area += (p[i].wrong - p[i - 1].wrong) * (p[i].right + p[i - 1].right) / 2;
    assert_close(area, auroc_of(&s), 1e-15, "area", 0);
    free(p);
    p = auroc_curve(&s, 3, &count);
    assert_true(count == 3 && p[0].right == 0 && p[1].wrong == 0.5 && p[2].wrong == 1 && p[2].right == 1);
    free(p);
    s.count = 2; /* both right */
    assert_null(auroc_curve(&s, 3, &count));
    assert_int_equal(count, 0);
}

static void subjects_in_order_of_appearance(void **state)
{
    (void)state;
    const char *const names[] = {"z", NULL, "a", "z", NULL, "a", "m"};
    const size_t expected[] = {0, 1, 2, 0, 3, 2, 4};
    size_t number[7];
    assert_int_equal(subjects_number(names, 7, number), 5);
    assert_memory_equal(number, expected, sizeof number);
    assert_int_equal(subjects_number(NULL, 0, number), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(areas_by_hand),         cmocka_unit_test(resamples_one_by_one),
        cmocka_unit_test(too_few_to_know),       cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(curves),                cmocka_unit_test(subjects_in_order_of_appearance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
