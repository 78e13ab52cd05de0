/* test_many.c: questions whose flows are looked at, or whose edges are cut, together: see many.h. */
#include "tests/method/many.h"

#include "method/flow.h"
#include "method/knockout.h"

static const pb_span_pair usual[] = {{"image", "constraint"}, {"constraint", "last"}, {"0:20", "last"}};
static const pb_span_pair textual[] = {{"bos", "last"}, {"2:5", "constraint"}};
static const pb_span_pair middle[] = {{"image", "1:20"}};
static const pb_span_pair whole[] = {{"image", "last"}};
static const pb_span_pair wrong[] = {{"nonsense", "last"}};

typedef struct request {
    const char *picture, *words;
    const pb_span_pair *pairs;
    size_t pair_count;
    const char *answer;
} request;

/* What differs among the questions: two about one picture, another picture, none. */
static const request different[] = {
    {PICTURE, "What is the capital of this country?", usual, 3, NULL},
    {PICTURE, "What is the name of this country?", usual, 3, "a river in Japan"},
    {OTHER_PICTURE, "What is the capital of this country?", usual, 3, NULL},
    {NULL, "Where is this country?", textual, 2, NULL},
    {PICTURE, "Where is this country?", middle, 1, NULL},
};

/* Four about one picture: its rows are run once, and what they give is projected once. */
static const request alike[] = {
    {PICTURE, "What is it in this country?", whole, 1, NULL},
    {PICTURE, "Where is this country?", whole, 1, NULL},
    {PICTURE, "Who is this country?", whole, 1, NULL},
    {PICTURE, "Which one is this country?", whole, 1, NULL},
};

enum { DIFFERENT = sizeof different / sizeof *different, ALIKE = sizeof alike / sizeof *alike };

static const char *const words_of_failures[DIFFERENT] = {[1] = "nonsense", [3] = "NaN or infinite"};

static void open_one(question *q, model *m, const request *r)
{
    const pb_question p = {.image = r->picture, .question = r->words, .constraints = &the_constraint, .constraint_count = 1};
    assert_ok(question_open(q, m, &p, err));
}

static void assert_same_runs(const run_says *a, const run_says *b)
{
    assert_same(a->prob, b->prob, "clean");
    assert_same(a->logprob, b->logprob, "clean");
    for (size_t i = 0; i < RUN_TOP; i++)
        assert_int_equal(a->top_id[i], b->top_id[i]);
}

/* ---- flows ---- */

typedef struct flow_list {
    size_t count;
    question questions[DIFFERENT];
    pb_flow_options options[DIFFERENT];
    flowing flows[DIFFERENT];
} flow_list;

static void *ask_flows(model *m, size_t memory, const request *requests, size_t count)
{
    flow_list *a = mem_new(1, sizeof *a);
    for (a->count = 0; a->count < count; a->count++) {
        const request *r = &requests[a->count];
        pb_flow_options *o = &a->options[a->count];
        open_one(&a->questions[a->count], m, r);
        *o = (pb_flow_options){.pairs = r->pairs, .pair_count = r->pair_count, .answer = {.text = r->answer, .whole = true},
                               .run.memory = memory};
        a->flows[a->count] = (flowing){.one.q = &a->questions[a->count], .options = o};
    }
    return a;
}

static void *ask_different_flows(model *m, size_t memory)
{
    return ask_flows(m, memory, different, DIFFERENT);
}

static void *ask_alike_flows(model *m, size_t memory)
{
    return ask_flows(m, memory, alike, ALIKE);
}

static void free_flows(void *list)
{
    flow_list *a = list;
    for (size_t i = 0; i < a->count; i++) {
        flow_free(&a->flows[i].flow);
        question_free(&a->questions[i]);
    }
    free(a);
}

static together_one *one_flow(void *list, size_t i)
{
    return &((flow_list *)list)->flows[i].one;
}

static size_t some_flows(void *list, size_t first, size_t n)
{
    return flow_some(((flow_list *)list)->flows + first, n);
}

static void assert_same_flows(void *x, void *y, size_t i)
{
    const flow *a = &((flow_list *)x)->flows[i].flow, *b = &((flow_list *)y)->flows[i].flow;
    size_t L = a->layer_count;
    assert_same_runs(&a->clean, &b->clean);
    assert_int_equal(a->pairs.count, b->pairs.count);
    assert_int_equal(a->answer_count, b->answer_count);
    assert_memory_equal(a->answer, b->answer, a->answer_count * sizeof *a->answer);
    for (size_t p = 0; p < a->pairs.count; p++) {
        const flow_curve *c = &a->curves[p], *d = &b->curves[p];
        assert_same_doubles(c->sum_norm, d->sum_norm, L, "sum_norm");
        assert_same_doubles(c->norm_sum, d->norm_sum, L, "norm_sum");
        assert_same_doubles(c->share, d->share, L, "share");
        assert_same_doubles(c->relative, d->relative, L, "relative");
        assert_same_doubles(c->per_position, d->per_position, L * a->pairs.items[p].sources.count, "per_position");
        assert_same_doubles(c->per_head, d->per_head, L * a->heads, "per_head");
    }
}

static bool no_flow(void *list, size_t i)
{
    return !((flow_list *)list)->flows[i].flow.curves;
}

static double running_flop(void *list, size_t i)
{
    return ((flow_list *)list)->flows[i].flow.run_flop;
}

static double looking_flop(void *list, size_t i)
{
    flow_list *a = list;
    return a->flows[i].flow.cost.flop - a->flows[i].flow.run_flop - question_vision_flop(&a->questions[i]);
}

static double flow_flop(void *list, size_t i)
{
    return running_flop(list, i) + looking_flop(list, i);
}

static void spoil_flows(void *list)
{
    flow_list *a = list;
    a->options[1].pairs = wrong;
    a->options[1].pair_count = 1;
    a->questions[3].input[40] = INFINITY; /* which is seen when the questions have been run */
}

static const many different_flows = {DIFFERENT, 1, ask_different_flows, free_flows, one_flow, some_flows, assert_same_flows, no_flow,
                                     flow_flop};
static const many alike_flows = {ALIKE, 1, ask_alike_flows, free_flows, one_flow, some_flows, assert_same_flows, no_flow, flow_flop};

static void flows_together_are_as_apart(void **state)
{
    (void)state;
    many_are_as_one(&different_flows);
}

static void what_is_alike_in_flows_is_run_once(void **state)
{
    (void)state;
    many_share(&alike_flows, running_flop);
    many_share(&alike_flows, looking_flop);
}

static void flows_are_as_many_as_memory_holds(void **state)
{
    (void)state;
    many_are_as_memory_holds(&different_flows, many_least_memory);
}

static void failures_of_flows_are_their_own(void **state)
{
    (void)state;
    many_fail_apart(&different_flows, spoil_flows, words_of_failures);
}

/* ---- cuts ---- */

typedef struct knockout_list {
    question questions[DIFFERENT];
    pb_knockout_options options[DIFFERENT];
    knocking_out knockouts[DIFFERENT];
} knockout_list;

static void *ask_knockouts(model *m, size_t memory)
{
    knockout_list *a = mem_new(1, sizeof *a);
    for (size_t i = 0; i < DIFFERENT; i++) {
        const request *r = &different[i];
        open_one(&a->questions[i], m, r);
        a->options[i] = (pb_knockout_options){.pairs = r->pairs, .pair_count = r->pair_count,
                                              .answer = {.text = r->answer, .whole = true}, .window = 1 + i % 3,
                                              .together = i == 2, .run.memory = memory};
        a->knockouts[i] = (knocking_out){.one.q = &a->questions[i], .options = &a->options[i]};
    }
    return a;
}

static void free_knockouts(void *list)
{
    knockout_list *a = list;
    for (size_t i = 0; i < DIFFERENT; i++) {
        knockout_free(&a->knockouts[i].knockout);
        question_free(&a->questions[i]);
    }
    free(a);
}

static together_one *one_knockout(void *list, size_t i)
{
    return &((knockout_list *)list)->knockouts[i].one;
}

static size_t some_knockouts(void *list, size_t first, size_t n)
{
    return knockout_some(((knockout_list *)list)->knockouts + first, n);
}

static void assert_same_knockouts(void *x, void *y, size_t i)
{
    const knockout *a = &((knockout_list *)x)->knockouts[i].knockout, *b = &((knockout_list *)y)->knockouts[i].knockout;
    assert_same_runs(&a->clean, &b->clean);
    assert_int_equal(a->curve_count, b->curve_count);
    assert_int_equal(a->cost.cells_skipped, b->cost.cells_skipped);
    for (size_t c = 0; c < a->curve_count; c++) {
        assert_string_equal(a->curves[c].name, b->curves[c].name);
        assert_same_doubles(a->curves[c].prob, b->curves[c].prob, a->layer_count, "prob");
        assert_same_doubles(a->curves[c].logprob, b->curves[c].logprob, a->layer_count, "logprob");
        assert_same_doubles(a->curves[c].relative, b->curves[c].relative, a->layer_count, "relative");
    }
}

static bool no_knockout(void *list, size_t i)
{
    return !((knockout_list *)list)->knockouts[i].knockout.curves;
}

static double knockout_flop(void *list, size_t i)
{
    knockout_list *a = list;
    return a->knockouts[i].knockout.cost.flop - question_vision_flop(&a->questions[i]);
}

static void spoil_knockouts(void *list)
{
    knockout_list *a = list;
    a->options[1].pairs = wrong;
    a->options[1].pair_count = 1;
    a->questions[3].input[40] = INFINITY;
}

static const many knockouts = {DIFFERENT, 1, ask_knockouts, free_knockouts, one_knockout, some_knockouts, assert_same_knockouts,
                               no_knockout, knockout_flop};

static void knockouts_together_are_as_apart(void **state)
{
    (void)state;
    many_are_as_one(&knockouts);
}

static void knockouts_are_as_many_as_memory_holds(void **state)
{
    (void)state;
    many_are_as_memory_holds(&knockouts, many_least_memory);
}

static void failures_of_knockouts_are_their_own(void **state)
{
    (void)state;
    many_fail_apart(&knockouts, spoil_knockouts, words_of_failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_together_are_as_apart),
        cmocka_unit_test(what_is_alike_in_flows_is_run_once),
        cmocka_unit_test(flows_are_as_many_as_memory_holds),
        cmocka_unit_test(failures_of_flows_are_their_own),
        cmocka_unit_test(knockouts_together_are_as_apart),
        cmocka_unit_test(knockouts_are_as_many_as_memory_holds),
        cmocka_unit_test(failures_of_knockouts_are_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
