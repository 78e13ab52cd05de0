/* test_edit_plan.c: what edits are said to take before, against what they are then counted to take: the same, but for the length of
 * answers, and what changes of weights take. */
#include "tests/method/asked.h"

#include "method/ask_plan.h"
#include "method/edit_plan.h"

enum { REQUESTS = 3, STEPS = 5 };

static const char *const pictures[REQUESTS] = {PICTURE, PICTURE, OTHER_PICTURE};
static const char *const texts[REQUESTS] = {"What is the capital of this country?", "What is the name of this country?",
                                            "What is the capital of this country?"};

static edit_settings settings_of(edit_method method)
{
    edit_settings s = {0};
    assert_true(edit_preset(NULL, method, &s));
    s.method = method;
    s.first_layer = 1;
    s.end_layer = 2;
    s.steps = STEPS;
    s.lr = 1e-6; /* answers stay as they are, which no token ends */
    return s;
}

/* What answers take, before and after, that are as long as they may be. */
static double longer_answers(question *q, const measure_request *requests, size_t count)
{
    double flop[2];
    size_t tokens[2] = {ask_plan_tokens(MEASURE_TOKENS), MEASURE_TOKENS};
    prompt prompts[REQUESTS];
    ask_planned list[REQUESTS];
    for (size_t i = 0; i < count; i++) {
        assert_ok(question_prompt(&prompts[i], q->model, &requests[i].question.asked, err));
        list[i] = (ask_planned){.prompt = &prompts[i], .change = i};
    }
    for (size_t k = 0; k < 2; k++) {
        run_plan plan = {.question = q};
        ask_plan_add(&plan, list, count, tokens[k], 0);
        flop[k] = run_plan_flop(&plan);
        run_plan_free(&plan);
    }
    for (size_t i = 0; i < count; i++)
        prompt_free(&prompts[i]);
    return 2 * (flop[1] - flop[0]);
}

/* Plans `count` edits and makes them. */
static void check(model *m, const edit_settings *s, size_t count, bool whole, const char *what)
{
    measure_request requests[REQUESTS];
    for (size_t i = 0; i < count; i++)
        requests[i] = (measure_request){.question.asked = {.image = pictures[i], .question = texts[i], .constraints = &the_constraint,
                                                           .constraint_count = 1},
                                        .target = "Lisbon"};
    const measure_plan asked = {.requests = requests, .request_count = count};
    question q;
    edit_run_result r;
    assert_ok(question_open(&q, m, &requests[0].question.asked, err));
    run_plan plan = {.question = &q};
    int32_t *ids;
    size_t tokens;
    assert_ok(tokenizer_mid_sentence(m->tokenizer, "Lisbon", "", &ids, &tokens, err));
    free(ids);
    assert_ok(edit_foresee(&plan, &asked, s, whole ? tokens : 1, err));
    double planned = run_plan_flop(&plan) + longer_answers(&q, requests, count);
    run_plan_free(&plan);
    assert_ok(edit_run(&r, m, &asked, s, whole, err));
    assert_close(planned, r.cost.flop, 0.01 * r.cost.flop, what, count);
    edit_run_free(&r);
    question_free(&q);
}

static void multedit_takes_what_is_planned(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    edit_settings s = settings_of(EDIT_MULTEDIT);
    for (size_t count = 1; count <= REQUESTS; count++)
        check(m, &s, count, false, "requests");
    check(m, &s, 2, true, "all of a target's tokens");
    question other = asked(m, OTHER_PICTURE), *keep = &other;
    s.keep = &keep;
    s.keep_count = 1;
    check(m, &s, 1, false, "a question that is to stay");
    s.keep_count = 0;
    s.first_layer = 0;
    check(m, &s, 2, false, "a range of layers");
    s.together = true;
    check(m, &s, REQUESTS, false, "together");
    question_free(&other);
    model_free(m);
}

static void fine_tuning_takes_what_is_planned(void **state)
{
    (void)state;
    static const edit_scope scopes[] = {EDIT_MATRIX, EDIT_DOWN, EDIT_ALL};
    model *m = tiny_open(LLAVA);
    for (size_t i = 0; i < 3; i++)
        for (int together = 0; together < 2; together++) {
            edit_settings s = settings_of(EDIT_FT);
            s.scope = scopes[i];
            s.together = together;
            check(m, &s, 2, false, "tuned");
        }
    model_free(m);
}

/* A request without a key, which will fail, takes no steps. */
static void what_will_fail_is_left_out(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    edit_settings s = settings_of(EDIT_MULTEDIT);
    measure_request one = {.question.asked = {.image = PICTURE, .question = texts[0]}, .target = "Lisbon"};
    const measure_plan asked = {.requests = &one, .request_count = 1};
    question q;
    assert_ok(question_open(&q, m, &one.question.asked, err));
    run_plan keyless = {.question = &q}, longer = {.question = &q};
    assert_ok(edit_foresee(&keyless, &asked, &s, 1, err));
    s.steps *= 2;
    assert_ok(edit_foresee(&longer, &asked, &s, 1, err));
    assert_true(run_plan_flop(&keyless) == run_plan_flop(&longer) && keyless.forks.flop > 0);
    run_plan_free(&keyless);
    run_plan_free(&longer);
    question_free(&q);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(multedit_takes_what_is_planned),
                                       cmocka_unit_test(fine_tuning_takes_what_is_planned),
                                       cmocka_unit_test(what_will_fail_is_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
