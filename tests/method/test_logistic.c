/* test_logistic.c: fits whose weights are known in closed form, and those that do not exist. (Against SciPy:
 * test_failure.c.) */
#include "tests/math/numbers.h"

#include "method/logistic.h"

/* Of a feature with two values the odds are those of the counts: 3 : 1 at -1, 1 : 4 at 1. */
static void counts_give_the_odds(void **state)
{
    (void)state;
    const double x[][2] = {{-1, 7}, {-1, 7}, {-1, 7}, {-1, 7}, {1, 7}, {1, 7}, {1, 7}, {1, 7}, {1, 7}};
    const bool right[] = {true, true, true, false, true, false, false, false, false};
    logistic f = logistic_fit(x[0], right, 9);
    assert_int_equal(f.end, LOGISTIC_MADE);
    assert_close(logistic_odds(&f, x[0]), log(3), 1e-12, "odds", 0);
    assert_close(logistic_odds(&f, x[8]), -log(4), 1e-12, "odds", 1);
    assert_true(f.weight[1] == 0 && f.mean[1] == 7 && f.sd[1] == 0); /* does not vary */
}

static void a_feature_that_repeats_another(void **state)
{
    (void)state;
    const double x[][2] = {{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}, {6, 60}};
    const bool right[] = {false, true, false, true, false, true};
    double alone[6][2];
    for (size_t i = 0; i < 6; i++)
        alone[i][0] = x[i][0], alone[i][1] = 0;
    logistic f = logistic_fit(x[0], right, 6), one = logistic_fit(alone[0], right, 6);
    assert_true(f.end == LOGISTIC_MADE && one.end == LOGISTIC_MADE && f.weight[1] == 0);
    assert_close(f.weight[0], one.weight[0], 1e-12, "weight", 0);
}

static void separated(void **state)
{
    (void)state;
    const double x[][2] = {{1, 0}, {2, 3}, {3, 1}, {4, 2}};
    const bool apart[] = {false, false, true, true}, mixed[] = {false, true, false, true};
    assert_int_equal(logistic_fit(x[0], apart, 4).end, LOGISTIC_SEPARATED);
    assert_int_equal(logistic_fit(x[0], mixed, 4).end, LOGISTIC_SEPARATED); /* by a slanted line */
    /* Apart but for two of either class in one place, on the line. */
    const double touching[][2] = {{1, 0}, {1, 0}, {2, 0}, {2, 0}, {3, 0}};
    const bool ties[] = {false, false, false, true, true};
    assert_int_equal(logistic_fit(touching[0], ties, 5).end, LOGISTIC_SEPARATED);
    /* One exception is enough for a fit. */
    const double crossed[][2] = {{1, 0}, {2, 0}, {3, 0}, {4, 0}, {0.5, 0}};
    const bool exception[] = {false, false, true, true, true};
    assert_int_equal(logistic_fit(crossed[0], exception, 5).end, LOGISTIC_MADE);
}

/* Far apart, but not separated: two of a thousand answers are on the wrong side. Newton must still end. */
static void nearly_separated(void **state)
{
    (void)state;
    enum { N = 1000 };
    double x[N][2];
    bool right[N];
    random_state random = random_from(1);
    for (size_t i = 0; i < N; i++) {
        right[i] = i % 2;
        x[i][0] = (right[i] ? 5 : -5) + random_gaussian(&random);
        x[i][1] = random_gaussian(&random);
    }
    right[0] = true, right[1] = false;
    logistic f = logistic_fit(x[0], right, N);
    assert_int_equal(f.end, LOGISTIC_MADE);
    assert_true(f.steps < 30 && f.weight[0] > 1 && fabs(f.weight[1]) < f.weight[0]);
}

static void one_class(void **state)
{
    (void)state;
    const double x[][2] = {{1, 0}, {2, 3}};
    const bool all[] = {true, true}, none[] = {false, false};
    assert_int_equal(logistic_fit(x[0], all, 2).end, LOGISTIC_ONE_CLASS);
    assert_int_equal(logistic_fit(x[0], none, 2).end, LOGISTIC_ONE_CLASS);
    assert_int_equal(logistic_fit(NULL, NULL, 0).end, LOGISTIC_ONE_CLASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_give_the_odds), cmocka_unit_test(a_feature_that_repeats_another),
        cmocka_unit_test(separated),            cmocka_unit_test(nearly_separated),
        cmocka_unit_test(one_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
