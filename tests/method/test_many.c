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
    size_t window; /* of cuts */
    bool together;
} request;

/* What differs among the questions: two about one picture, another picture, none. */
static const request different[] = {
    {PICTURE, "What is the capital of this country?", usual, 3, .window = 1},
    {PICTURE, "What is the name of this country?", usual, 3, "a river in Japan", .window = 2},
    {OTHER_PICTURE, "What is the capital of this country?", usual, 3, .window = 3, .together = true},
    {NULL, "Where is this country?", textual, 2, .window = 1},
    {PICTURE, "Where is this country?", middle, 1, .window = 2},
};

/* Four about one picture: its rows are run once, and what they give is projected once. */
static const request alike[] = {
    {PICTURE, "What is it in this country?", whole, 1, .window = 1},
    {PICTURE, "Where is this country?", whole, 1, .window = 1},
    {PICTURE, "Who is this country?", whole, 1, .window = 1},
    {PICTURE, "Which one is this country?", whole, 1, .window = 1},
};

enum { DIFFERENT = sizeof different / sizeof *different, ALIKE = sizeof alike / sizeof *alike };

static const char *const words_of_failures[DIFFERENT] = {[1] = "nonsense", [3] = "NaN or infinite"};

static pb_question question_of(const request *r)
{
    return (pb_question){.image = r->picture, .question = r->words};
}

static pb_answer_choice answer_of(const request *r)
{
    return (pb_answer_choice){.text = r->answer, .whole = true};
}

static void assert_same_runs(const run_says *a, const run_says *b)
{
    assert_same(a->prob, b->prob, "clean");
    assert_same(a->logprob, b->logprob, "clean");
    for (size_t i = 0; i < RUN_TOP; i++)
        assert_int_equal(a->top_id[i], b->top_id[i]);
}

/* ---- flows ---- */

static pb_question ask_flow(together_one *one, void *options, const void *asked, size_t memory)
{
    const request *r = asked;
    pb_flow_options *o = options;
    *o = (pb_flow_options){.pairs = r->pairs, .pair_count = r->pair_count, .answer = answer_of(r), .run.memory = memory};
    ((flowing *)one)->options = o;
    return question_of(r);
}

static size_t some_flows(together_one *first, size_t n)
{
    return flow_some((flowing *)first, n);
}

static flow *flow_of(const together_one *one)
{
    return &((flowing *)one)->flow;
}

static void assert_same_flows(const together_one *x, const together_one *y)
{
    const flow *a = flow_of(x), *b = flow_of(y);
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

static bool no_flow(const together_one *one)
{
    return !flow_of(one)->curves;
}

static void free_flow(together_one *one)
{
    flow_free(flow_of(one));
}

static double running_flop(const together_one *one)
{
    return flow_of(one)->run_flop;
}

static double flow_flop(const together_one *one)
{
    return flow_of(one)->cost.flop - question_vision_flop(one->q);
}

static double looking_flop(const together_one *one)
{
    return flow_flop(one) - running_flop(one);
}

static void spoil_flows(many_list *list)
{
    pb_flow_options *o = list->options;
    o[1].pairs = wrong;
    o[1].pair_count = 1;
    list->questions[3].input[40] = INFINITY; /* which is seen when the questions have been run */
}

static const many different_flows = {DIFFERENT, 1, different, sizeof *different, sizeof(pb_flow_options), sizeof(flowing), ask_flow,
                                     some_flows, assert_same_flows, no_flow, free_flow, flow_flop};
static const many alike_flows = {ALIKE, 1, alike, sizeof *alike, sizeof(pb_flow_options), sizeof(flowing), ask_flow,
                                 some_flows, assert_same_flows, no_flow, free_flow, flow_flop};

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

static pb_question ask_knockout(together_one *one, void *options, const void *asked, size_t memory)
{
    const request *r = asked;
    pb_knockout_options *o = options;
    *o = (pb_knockout_options){.pairs = r->pairs, .pair_count = r->pair_count, .answer = answer_of(r), .window = r->window,
                               .together = r->together, .run.memory = memory};
    ((knocking_out *)one)->options = o;
    return question_of(r);
}

static size_t some_knockouts(together_one *first, size_t n)
{
    return knockout_some((knocking_out *)first, n);
}

static knockout *knockout_of(const together_one *one)
{
    return &((knocking_out *)one)->knockout;
}

static void assert_same_knockouts(const together_one *x, const together_one *y)
{
    const knockout *a = knockout_of(x), *b = knockout_of(y);
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

static bool no_knockout(const together_one *one)
{
    return !knockout_of(one)->curves;
}

static void free_knockout(together_one *one)
{
    knockout_free(knockout_of(one));
}

static double knockout_flop(const together_one *one)
{
    return knockout_of(one)->cost.flop - question_vision_flop(one->q);
}

static void spoil_knockouts(many_list *list)
{
    pb_knockout_options *o = list->options;
    o[1].pairs = wrong;
    o[1].pair_count = 1;
    list->questions[3].input[40] = INFINITY;
}

static const many knockouts = {DIFFERENT, 1, different, sizeof *different, sizeof(pb_knockout_options), sizeof(knocking_out),
                               ask_knockout, some_knockouts, assert_same_knockouts, no_knockout, free_knockout, knockout_flop};

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
