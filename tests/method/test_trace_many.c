/* test_trace_many.c: questions that are traced together: see many.h. */
#include "tests/method/many.h"

/* What differs among the questions: pictures, words, and what is asked of the trace. */
typedef struct request {
    const char *picture, *words, *corruption, *sites, *positions, *foil, *answer, *freeze;
    bool whole, noise, group;
    size_t samples, window;
} request;

static const request different[] = {
    {PICTURE, "What is the capital of this country?", "swap:Paris", "attn_out,mlp_out,resid_post", "text", .samples = 0},
    {PICTURE, "What is the capital of this country?", "image:" OTHER_PICTURE, "head_out,resid_pre", "all", .samples = 0},
    {PICTURE, "What is the name of this country?", "image:" OTHER_PICTURE, "attn_out", "image,last", .window = 3},
    {PICTURE, "What is the name of this country?", "noise:s2", "mlp_out", "constraint,last", .samples = 3, .group = true},
    {OTHER_PICTURE, "In this country, what is spoken?", "swap:Rome", "attn_out", "text", .noise = true, .foil = "Rome"},
    {NULL, "What is the capital of this country?", "swap:Paris", "mlp_out", "text", .answer = "a river in Japan", .whole = true},
    {PICTURE, "Where is this country?", "image-noise:0.5", "resid_pre,mlp_out", "all", .samples = 2, .freeze = "mlp"},
    {PICTURE, "Where is this country?", "swap:Paris", "head_out", "constraint", .noise = true},
    {PICTURE, "What is the capital of this country?", "image:" OTHER_PICTURE, "vision.mlp_out,proj.hook_out,attn_out", "image", .samples = 0},
};

/* Four about one picture, and another one in its place: of each picture the rows are run once. */
static const request alike[] = {
    {PICTURE, "What is it in this country?", "image:" OTHER_PICTURE, "attn_out", "last", .samples = 0},
    {PICTURE, "Where is this country?", "image:" OTHER_PICTURE, "attn_out", "last", .samples = 0},
    {PICTURE, "Who is this country?", "image:" OTHER_PICTURE, "attn_out", "last", .samples = 0},
    {PICTURE, "Which one is this country?", "image:" OTHER_PICTURE, "attn_out", "last", .samples = 0},
};

enum { DIFFERENT = sizeof different / sizeof *different, ALIKE = sizeof alike / sizeof *alike };

static pb_trace_options options_of(const request *r, size_t memory)
{
    pb_trace_options o = pb_trace_defaults();
    o.corruptions = &r->corruption;
    o.corruption_count = 1;
    o.sites = r->sites;
    o.positions = r->positions;
    o.foil = r->foil;
    o.answer = (pb_answer_choice){.text = r->answer, .whole = r->whole};
    o.noise_direction = r->noise;
    o.group = r->group;
    o.samples = r->samples ? r->samples : o.samples;
    o.window = r->window;
    o.freeze = r->freeze;
    o.freeze_span = r->freeze ? "last" : NULL;
    o.run.memory = memory;
    return o;
}

static pb_question ask(together_one *one, void *options, const void *asked, size_t memory)
{
    const request *r = asked;
    pb_trace_options *o = options;
    *o = options_of(r, memory);
    ((tracing *)one)->options = o;
    return (pb_question){.image = r->picture, .question = r->words};
}

static size_t some(together_one *first, size_t n)
{
    return trace_some((tracing *)first, n);
}

static trace *trace_of(const together_one *one)
{
    return &((tracing *)one)->trace;
}

static void assert_same_traces(const together_one *a, const together_one *b)
{
    const trace *x = trace_of(a), *y = trace_of(b);
    assert_same_grids(x, y);
    assert_int_equal(x->clean.top_id[0], y->clean.top_id[0]);
    assert_same(x->corrupted.top_prob[0], y->corrupted.top_prob[0], "corrupted top");
    assert_int_equal(x->first_changed, y->first_changed);
    assert_int_equal(x->answer_count, y->answer_count);
    assert_memory_equal(x->answer, y->answer, x->answer_count * sizeof *x->answer);
    assert_int_equal(x->vision_count, y->vision_count);
    for (size_t g = 0; g < x->vision_count; g++)
        assert_same_doubles(x->vision[g].grid.prob, y->vision[g].grid.prob,
                            x->vision[g].layer_count * x->vision[g].cell_count, "vision");
}

static bool is_empty(const together_one *one)
{
    return !trace_of(one)->sites;
}

static void free_trace(together_one *one)
{
    trace_free(trace_of(one));
}

static double flop(const together_one *one)
{
    return trace_of(one)->cost.flop;
}

static double decoder_flop(const together_one *one)
{
    return flop(one) - question_vision_flop(one->q);
}

/* What the largest of the questions needs by itself, as its plan says. */
static size_t least_memory(const many *k, model *m)
{
    many_list *a = many_ask(k, m, 0);
    const pb_trace_options *options = a->options;
    size_t memory = 0;
    for (size_t i = 0; i < k->count; i++) {
        trace_plan plan;
        assert_ok(trace_plan_question(&plan, &a->questions[i], &options[i], err));
        memory = plan.working_bytes > memory ? plan.working_bytes : memory;
    }
    many_free(k, a);
    return memory;
}

static void spoil(many_list *list)
{
    pb_trace_options *o = list->options;
    o[1].sites = "nothing";
    o[8].positions = "nowhere";
    list->questions[3].input[40] = INFINITY; /* which is seen when the questions have been run */
}

static const many traces = {DIFFERENT, DIFFERENT / 2 - 1, different, sizeof *different, sizeof(pb_trace_options), sizeof(tracing), ask,
                            some, assert_same_traces, is_empty, free_trace, flop};
static const many alike_traces = {ALIKE, 1, alike, sizeof *alike, sizeof(pb_trace_options), sizeof(tracing), ask,
                                  some, assert_same_traces, is_empty, free_trace, flop};

static void together_is_as_apart(void **state)
{
    (void)state;
    many_are_as_one(&traces);
}

static void what_is_alike_is_run_once(void **state)
{
    (void)state;
    many_share(&alike_traces, decoder_flop);
}

static void as_many_as_memory_holds(void **state)
{
    (void)state;
    many_are_as_memory_holds(&traces, least_memory);
}

static void failures_are_their_own(void **state)
{
    (void)state;
    static const char *const words[DIFFERENT] = {[1] = "nothing", [3] = "NaN or infinite", [8] = "nowhere"};
    many_fail_apart(&traces, spoil, words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_is_as_apart),
        cmocka_unit_test(what_is_alike_is_run_once),
        cmocka_unit_test(as_many_as_memory_holds),
        cmocka_unit_test(failures_are_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
