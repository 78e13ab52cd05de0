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

typedef struct trace_list {
    size_t count;
    question questions[DIFFERENT];
    pb_trace_options options[DIFFERENT];
    tracing traces[DIFFERENT];
} trace_list;

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

static void *ask(model *m, size_t memory, const request *requests, size_t count)
{
    trace_list *a = mem_new(1, sizeof *a);
    for (a->count = 0; a->count < count; a->count++) {
        const request *r = &requests[a->count];
        pb_question p = {.image = r->picture, .question = r->words, .constraints = &the_constraint, .constraint_count = 1};
        assert_ok(question_open(&a->questions[a->count], m, &p, err));
        a->options[a->count] = options_of(r, memory);
        a->traces[a->count] = (tracing){.one.q = &a->questions[a->count], .options = &a->options[a->count]};
    }
    return a;
}

static void *ask_different(model *m, size_t memory)
{
    return ask(m, memory, different, DIFFERENT);
}

static void *ask_alike(model *m, size_t memory)
{
    return ask(m, memory, alike, ALIKE);
}

static void free_list(void *list)
{
    trace_list *a = list;
    for (size_t i = 0; i < a->count; i++) {
        trace_free(&a->traces[i].trace);
        question_free(&a->questions[i]);
    }
    free(a);
}

static together_one *one(void *list, size_t i)
{
    return &((trace_list *)list)->traces[i].one;
}

static size_t some(void *list, size_t first, size_t n)
{
    return trace_some(((trace_list *)list)->traces + first, n);
}

static void assert_same_traces(void *a, void *b, size_t i)
{
    const trace *x = &((trace_list *)a)->traces[i].trace, *y = &((trace_list *)b)->traces[i].trace;
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

static bool is_empty(void *list, size_t i)
{
    return !((trace_list *)list)->traces[i].trace.sites;
}

static double flop(void *list, size_t i)
{
    return ((trace_list *)list)->traces[i].trace.cost.flop;
}

static double decoder_flop(void *list, size_t i)
{
    return flop(list, i) - question_vision_flop(&((trace_list *)list)->questions[i]);
}

/* What the largest of the questions needs by itself, as its plan says. */
static size_t least_memory(const many *k, model *m)
{
    trace_list *a = k->ask(m, 0);
    size_t memory = 0;
    for (size_t i = 0; i < a->count; i++) {
        trace_plan plan;
        assert_ok(trace_plan_question(&plan, &a->questions[i], &a->options[i], err));
        memory = plan.working_bytes > memory ? plan.working_bytes : memory;
    }
    free_list(a);
    return memory;
}

static void spoil(void *list)
{
    trace_list *a = list;
    a->options[1].sites = "nothing";
    a->options[8].positions = "nowhere";
    a->questions[3].input[40] = INFINITY; /* which is seen when the questions have been run */
}

static const many traces = {DIFFERENT, DIFFERENT / 2 - 1, ask_different, free_list, one, some, assert_same_traces, is_empty, flop};
static const many alike_traces = {ALIKE, 1, ask_alike, free_list, one, some, assert_same_traces, is_empty, flop};

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
