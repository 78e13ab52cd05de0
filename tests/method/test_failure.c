/* test_failure.c: how well failures can be foretold is what NumPy and SciPy say of the same made-up answers. */
#include "tests/math/numbers.h"

#include "method/failure.h"

/* ---- against tools/goldens/failures.py ---- */

typedef struct answers {
    failure_input in;
    const char **subject, **relation;
    bool *correct;
    double *prob, *contribution;
} answers;

static const char **texts(const json_t *list)
{
    const char **out = mem_new(json_array_size(list), sizeof *out);
    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = json_string_value(json_array_get(list, i));
    return out;
}

static answers read_answers(const json_t *c)
{
    size_t n, m;
    answers a = {.subject = texts(json_object_get(c, "subject")), .relation = texts(json_object_get(c, "relation")),
                 .prob = json_numbers(c, "prob", &n), .contribution = json_numbers(c, "contribution", &m)};
    a.correct = mem_new(n, sizeof *a.correct);
    for (size_t i = 0; i < n; i++)
        a.correct[i] = json_number_value(json_array_get(json_object_get(c, "correct"), i)) != 0;
    a.in = (failure_input){a.subject, a.relation, a.correct, a.prob, a.contribution, n, m / n,
                           strtoull(json_string_value(json_object_get(c, "seed")), NULL, 16)};
    return a;
}

static void free_answers(answers *a)
{
    free(a->subject), free(a->relation), free(a->correct), free(a->prob), free(a->contribution);
}

static void assert_number(double found, const json_t *expected, const char *what, size_t i)
{
    if (json_is_null(expected))
        assert_true(isnan(found));
    else
        assert_close(found, json_number_value(expected), 1e-12, what, i);
}

static void assert_text(const char *found, const json_t *expected)
{
    if (json_is_null(expected))
        assert_null(found);
    else
        assert_string_equal(found, json_string_value(expected));
}

static void assert_scores(const failure *f, const json_t *scores)
{
    assert_int_equal(f->count, json_array_size(scores));
    for (size_t i = 0; i < f->count; i++) {
        const failure_score *s = &f->scores[i];
        const json_t *e = json_array_get(scores, i), *auroc = json_object_get(e, "auroc");
        assert_text(failure_signal_name(s->signal), json_object_get(e, "signal"));
        assert_text(failure_half_name(s->half), json_object_get(e, "half"));
        assert_text(s->relation, json_object_get(e, "relation"));
        assert_int_equal(s->right, (size_t)json_number_value(json_object_get(e, "right")));
        assert_int_equal(s->wrong, (size_t)json_number_value(json_object_get(e, "wrong")));
        assert_int_equal(s->auroc.subjects, (size_t)json_number_value(json_object_get(e, "subjects")));
        assert_number(s->auroc.mean, json_array_get(auroc, 0), "area", i);
        assert_number(s->auroc.low, json_array_get(auroc, 1), "low", i);
        assert_number(s->auroc.high, json_array_get(auroc, 2), "high", i);
        assert_true(s->testable == (s->auroc.subjects >= 30));
    }
}

static void failures_are_numpys(void **state)
{
    (void)state;
    json_t *file;
    assert_ok(json_read_file(&file, GOLDEN("method/golden/failures.json"), err));
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(file, "cases"), i, c)
    {
        answers a = read_answers(c);
        const json_t *e = json_object_get(c, "expected"), *runs = json_object_get(e, "runs");
        failure f = failure_of(&a.in);
        assert_int_equal(f.run_count, json_array_size(runs));
        for (size_t r = 0; r < f.run_count; r++) {
            assert_int_equal(f.runs[r].first, (size_t)json_number_value(json_array_get(json_array_get(runs, r), 0)));
            assert_int_equal(f.runs[r].length, (size_t)json_number_value(json_array_get(json_array_get(runs, r), 1)));
            assert_number(f.runs[r].auroc, json_array_get(json_array_get(runs, r), 2), "run", r);
        }
        assert_int_equal(f.chosen, (size_t)json_number_value(json_object_get(e, "chosen")));
        assert_int_equal(f.fit.end, LOGISTIC_MADE);
        const double weights[] = {f.fit.intercept, f.fit.weight[0], f.fit.weight[1]};
        for (size_t w = 0; w < 3; w++) /* SciPy stops at a gradient of 1e-10 */
            assert_close(weights[w], json_number_value(json_array_get(json_object_get(e, "weights"), w)), 1e-7,
                         "weight", w);
        assert_scores(&f, json_object_get(e, "scores"));
        failure_free(&f);
        free_answers(&a);
    }
    assert_int_equal(i, 3);
    json_decref(file);
}

/* ---- by hand ---- */

enum { MANY = 80 };

/* Questions of a subject each, every third answered wrongly; prob says nothing; of two layers the second knows. */
typedef struct made {
    bool correct[MANY];
    double prob[MANY], contribution[MANY][2];
    const char *subject[MANY];
    failure_input in;
} made;

static void make(made *m)
{
    *m = (made){0};
    for (size_t i = 0; i < MANY; i++) {
        m->correct[i] = i % 3 != 0;
        m->prob[i] = 0.5;
        m->contribution[i][0] = 1;
        m->contribution[i][1] = m->correct[i] ? 2 : 1;
    }
    m->in = (failure_input){.subject = m->subject, .correct = m->correct, .prob = m->prob,
                            .contribution = m->contribution[0], .count = MANY, .layers = 2};
}

static const failure_score *score_of(const failure *f, failure_signal signal, failure_half half)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->scores[i].signal == signal && f->scores[i].half == half && !f->scores[i].relation)
            return &f->scores[i];
    test_stop(__FILE__, __LINE__, "there is no %s of %s", failure_signal_name(signal), failure_half_name(half));
    return NULL;
}

static void a_layer_that_knows_is_chosen(void **state)
{
    (void)state;
    made m;
    make(&m);
    failure f = failure_of(&m.in);
    assert_int_equal(f.run_count, 3); /* either layer, and both */
    assert_true(f.runs[f.chosen].first == 1 && f.runs[f.chosen].length == 1 && f.runs[f.chosen].auroc == 1);
    const failure_score *prob = score_of(&f, FAILURE_PROB, FAILURE_ALL);
    const failure_score *knows = score_of(&f, FAILURE_CONTRIBUTION, FAILURE_SECOND);
    assert_true(prob->auroc.mean == 0.5 && prob->auroc.low == 0.5 && prob->auroc.high == 0.5);
    assert_string_equal(failure_verdict(prob), "undecided");
    assert_true(prob->curve_count == 2 && prob->curve[1].wrong == 1 && prob->curve[1].right == 1);
    assert_true(knows->auroc.mean == 1 && knows->auroc.low == 1);
    assert_string_equal(failure_verdict(knows), "above chance");
    assert_true(knows->curve_count == 3 && knows->curve[1].wrong == 0 && knows->curve[1].right == 1);
    /* No fit is the most likely where the classes are parted. */
    assert_int_equal(f.fit.end, LOGISTIC_SEPARATED);
    assert_string_equal(failure_verdict(score_of(&f, FAILURE_GAIN, FAILURE_SECOND)), "not testable here");
    assert_true(isnan(score_of(&f, FAILURE_BOTH, FAILURE_SECOND)->auroc.mean));
    failure_free(&f);
}

/* Both sides of the line have exceptions, so there is a fit, and it gains what prob lacks. */
static void a_gain(void **state)
{
    (void)state;
    made m;
    make(&m);
    for (size_t i = 0; i < MANY; i += 7)
        m.contribution[i][1] = 3 - m.contribution[i][1];
    failure f = failure_of(&m.in);
    const failure_score *gain = score_of(&f, FAILURE_GAIN, FAILURE_SECOND);
    assert_int_equal(f.fit.end, LOGISTIC_MADE);
    assert_true(f.fit.weight[0] == 0 && f.fit.weight[1] > 0); /* prob does not vary */
    double both = score_of(&f, FAILURE_BOTH, FAILURE_SECOND)->auroc.mean;
    assert_true(gain->auroc.mean == both - 0.5 && gain->auroc.low > 0.1 && gain->curve == NULL);
    assert_string_equal(failure_verdict(gain), "a gain");
    failure_free(&f);
}

static void worse_than_chance(void **state)
{
    (void)state;
    made m;
    make(&m);
    for (size_t i = 0; i < MANY; i++)
        m.prob[i] = m.correct[i] ? 0.1 : 0.2;
    failure f = failure_of(&m.in);
    assert_true(score_of(&f, FAILURE_PROB, FAILURE_ALL)->auroc.mean == 0);
    assert_string_equal(failure_verdict(score_of(&f, FAILURE_PROB, FAILURE_ALL)), "below chance");
    failure_free(&f);
}

static void too_few_or_all_alike(void **state)
{
    (void)state;
    made m;
    make(&m);
    m.in.count = 29;
    failure few = failure_of(&m.in);
    assert_string_equal(failure_verdict(score_of(&few, FAILURE_PROB, FAILURE_ALL)), "not testable here");
    assert_true(score_of(&few, FAILURE_PROB, FAILURE_ALL)->auroc.mean == 0.5); /* the number is given all the same */
    failure_free(&few);
    make(&m);
    for (size_t i = 0; i < MANY; i++)
        m.correct[i] = true;
    failure alike = failure_of(&m.in);
    assert_true(alike.chosen == -1 && alike.fit.end == LOGISTIC_ONE_CLASS && isnan(alike.runs[0].auroc));
    for (size_t i = 0; i < alike.count; i++) {
        assert_true(isnan(alike.scores[i].auroc.mean) && alike.scores[i].wrong == 0 && !alike.scores[i].curve);
        assert_string_equal(failure_verdict(&alike.scores[i]), "not testable here");
    }
    assert_int_equal(score_of(&alike, FAILURE_CONTRIBUTION, FAILURE_SECOND)->auroc.subjects, MANY / 2);
    failure_free(&alike);
}

static void gaps_are_left_out(void **state)
{
    (void)state;
    made m;
    make(&m);
    m.prob[3] = NAN;
    m.contribution[7][0] = NAN;
    failure f = failure_of(&m.in);
    assert_true(f.left_out == 2 && f.questions == MANY - 2 && f.subjects == MANY - 2);
    assert_true(score_of(&f, FAILURE_CONTRIBUTION, FAILURE_SECOND)->auroc.mean == 1);
    failure_free(&f);
    m.in.layers = 0; /* contributions were not measured */
    failure bare = failure_of(&m.in);
    assert_true(bare.left_out == 1 && bare.count == 1 && bare.run_count == 0 && bare.chosen == -1);
    assert_string_equal(failure_verdict(&bare.scores[0]), "undecided");
    failure_free(&bare);
    failure none = failure_of(&(failure_input){.layers = 2});
    assert_true(none.questions == 0 && none.count > 0 && !none.scores[0].testable);
    failure_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_numpys),   cmocka_unit_test(a_layer_that_knows_is_chosen),
        cmocka_unit_test(a_gain),                cmocka_unit_test(worse_than_chance),
        cmocka_unit_test(too_few_or_all_alike),  cmocka_unit_test(gaps_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
