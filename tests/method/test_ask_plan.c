/* test_ask_plan.c: what asking is said to take before, by the prompts alone, is what it is then counted to take. */
#include "tests/method/asked.h"

#include "method/ask_plan.h"

enum { TEXTS = 4, CHANGES = 2, MOST = 24 };

static const char *const texts[TEXTS] = {"What is the capital of this country?", "What is the name of this country?", "Who?",
                                         "What is the capital of this country?"};

/* Questions by change and picture. */
typedef struct crowd {
    model *m;
    weight_term term;
    question questions[MOST];
    asking list[MOST];
    ask_planned planned[MOST];
    size_t count;
} crowd;

static void add_question(crowd *c, const char *picture_file, const char *text, size_t change)
{
    size_t i = c->count++;
    pb_question p = {.image = picture_file, .question = text};
    assert_ok(question_open(&c->questions[i], c->m, &p, err));
    c->list[i] = (asking){.q = &c->questions[i], .terms = change ? &c->term : NULL, .term_count = change};
    c->planned[i] = (ask_planned){.prompt = &c->questions[i].prompt, .image = picture_file, .change = change};
}

static void crowd_open(crowd *c, const char *folder)
{
    *c = (crowd){.m = tiny_open(folder)};
    const decoder_config *d = &c->m->decoder.config;
    c->term = (weight_term){.layer = 1, .part = PART_DOWN, .rank = 1, .a = gaussians(d->d_ff, 5), .b = gaussians(d->d_model, 6)};
    const char *pictures[] = {c->m->vision ? PICTURE : NULL, c->m->vision ? OTHER_PICTURE : NULL};
    for (size_t change = 0; change < CHANGES; change++)
        for (size_t i = 0; i < 2; i++)
            for (size_t t = 0; t < (i ? 1 : TEXTS); t++)
                add_question(c, pictures[i], texts[t], change);
}

static void crowd_close(crowd *c)
{
    for (size_t i = 0; i < c->count; i++)
        question_free(&c->questions[i]);
    free((void *)c->term.a), free((void *)c->term.b);
    model_free(c->m);
}

/* Asks questions first .. first + n-1 with answers of so many tokens, and compares. */
static void check(crowd *c, size_t first, size_t n, size_t tokens, double within)
{
    replay_work work = {0};
    run_plan plan = {.question = &c->questions[first], .wave_bytes = SIZE_MAX};
    ask_options o = {.max_tokens = tokens};
    ask_plan_add(&plan, c->planned + first, n, tokens, 0);
    assert_ok(ask_many(c->m, c->list + first, n, &o, &work, err));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(c->list[first + i].count, tokens); /* none has ended by itself */
        asking_free(&c->list[first + i]);
    }
    double flop = plan.forks.flop + (double)plan.reads * decoder_readout_flop(&c->m->decoder.config);
    assert_close(flop, work.flop, within * work.flop, "operations", n);
    assert_int_equal(plan.forks.waves, work.waves);
    run_plan_free(&plan);
}

/* Of answers of one token. *waves may be NULL. */
static double planned_flop(crowd *c, size_t first, size_t n, size_t memory, size_t *waves)
{
    run_plan plan = {.question = &c->questions[first]};
    ask_plan_add(&plan, c->planned + first, n, 1, memory);
    double flop = plan.forks.flop;
    if (waves)
        *waves = plan.forks.waves;
    run_plan_free(&plan);
    return flop;
}

static void operations_are_those_that_are_counted(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, PHI};
    for (size_t f = 0; f < 2; f++) {
        crowd c;
        crowd_open(&c, folders[f]);
        for (size_t tokens = 0; tokens < 4; tokens++) {
            check(&c, 0, 1, tokens, 1e-9);
            check(&c, 0, TEXTS, tokens, 1e-9);     /* one family */
            check(&c, 0, c.count / 2, tokens, 1e-9);
            check(&c, 0, c.count, tokens, 0.01);   /* changes take something, too */
        }
        crowd_close(&c);
    }
}

static void a_prompt_that_cannot_be_built_takes_nothing(void **state)
{
    (void)state;
    crowd c;
    const prompt none = {0};
    crowd_open(&c, LLAVA);
    run_plan plan = {.question = &c.questions[0]}, without = {.question = &c.questions[0]};
    ask_plan_add(&without, c.planned, 1, 3, 0);
    c.planned[1].prompt = &none;
    ask_plan_add(&plan, c.planned, 2, 3, 0);
    assert_true(plan.forks.flop == without.forks.flop && plan.reads == without.reads && plan.reads == 3);
    run_plan_free(&plan);
    run_plan_free(&without);
    crowd_close(&c);
}

/* From one question at a time to all of them; what a family shares is counted once in each batch that has some of it. */
static void memory_makes_batches(void **state)
{
    (void)state;
    crowd c;
    crowd_open(&c, LLAVA);
    double alone = 0, flop = 0;
    for (size_t i = 0; i < c.count; i++)
        alone += planned_flop(&c, i, 1, 0, NULL);
    size_t waves = c.count, changes = 0;
    for (size_t memory = 1; memory < (size_t)1 << 26; memory += memory / 8 + 1) {
        size_t now;
        flop = planned_flop(&c, 0, c.count, memory, &now);
        assert_true(now <= waves && flop <= alone * (1 + 1e-9));
        changes += now != waves;
        waves = now;
        if (memory == 1) {
            assert_int_equal(now, c.count);
            assert_close(flop, alone, 1e-9 * alone, "operations, each by itself", 0);
        }
    }
    assert_int_equal(waves, 1);
    assert_true(changes > 2 && flop < 0.7 * alone);
    crowd_close(&c);
}

static void usual_answers_are_short(void **state)
{
    (void)state;
    assert_int_equal(ask_plan_tokens(0), 0);
    assert_int_equal(ask_plan_tokens(2), 2);
    assert_int_equal(ask_plan_tokens(16), ask_plan_tokens(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operations_are_those_that_are_counted),
                                       cmocka_unit_test(a_prompt_that_cannot_be_built_takes_nothing),
                                       cmocka_unit_test(memory_makes_batches), cmocka_unit_test(usual_answers_are_short)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
