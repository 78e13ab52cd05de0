/* test_trace_many.c: questions that are traced together say what each says by itself, to the bit, however many go at a time; what
 * they share is run once; one that fails takes no other with it. */
#include "tests/method/asked.h"

/* What differs among the questions: pictures, words, and what is asked of the trace. */
typedef struct request {
    const char *picture, *words, *corruption, *sites, *positions, *foil, *answer, *freeze;
    bool whole, noise, group;
    size_t samples, window;
} request;

static const request requests[] = {
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

enum { COUNT = sizeof requests / sizeof *requests };

typedef struct asked_list {
    tracing list[COUNT];
    question questions[COUNT];
    pb_trace_options options[COUNT];
} asked_list;

static void ask_all(asked_list *a, model *m, size_t memory)
{
    for (size_t i = 0; i < COUNT; i++) {
        const request *r = &requests[i];
        pb_question p = {.image = r->picture, .question = r->words, .constraints = &the_constraint, .constraint_count = 1};
        pb_trace_options *o = &a->options[i];
        assert_ok(question_open(&a->questions[i], m, &p, err));
        *o = pb_trace_defaults();
        o->corruptions = &r->corruption;
        o->corruption_count = 1;
        o->sites = r->sites;
        o->positions = r->positions;
        o->foil = r->foil;
        o->answer = (pb_answer_choice){.text = r->answer, .whole = r->whole};
        o->noise_direction = r->noise;
        o->group = r->group;
        o->samples = r->samples ? r->samples : o->samples;
        o->window = r->window;
        o->freeze = r->freeze;
        o->freeze_span = r->freeze ? "last" : NULL;
        o->run.memory = memory;
        a->list[i] = (tracing){.one.q = &a->questions[i], .options = o};
    }
}

static void free_all(asked_list *a)
{
    for (size_t i = 0; i < COUNT; i++) {
        trace_free(&a->list[i].trace);
        question_free(&a->questions[i]);
    }
}

/* In as many calls as it takes, at most `most` questions handed over in each; returns how many. */
static size_t trace_list_of(asked_list *a, size_t most)
{
    size_t calls = 0;
    for (size_t i = 0; i < COUNT; calls++) {
        size_t n = COUNT - i < most ? COUNT - i : most, taken = trace_some(a->list + i, n);
        assert_true(taken >= 1 && taken <= n);
        i += taken;
    }
    return calls;
}

static void assert_same_traces(const asked_list *a, const asked_list *b)
{
    for (size_t i = 0; i < COUNT; i++) {
        const trace *x = &a->list[i].trace, *y = &b->list[i].trace;
        assert_int_equal(a->list[i].one.status, b->list[i].one.status);
        if (a->list[i].one.status)
            continue;
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
}

static double flop_of(const asked_list *a)
{
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum += a->list[i].trace.cost.flop;
    return sum;
}

static void together_is_as_apart(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    asked_list apart, together, some;
    ask_all(&apart, m, 0);
    assert_int_equal(trace_list_of(&apart, 1), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(apart.list[i].one.status, PB_OK);
    ask_all(&together, m, 0);
    assert_true(trace_list_of(&together, COUNT) < COUNT / 2);
    assert_same_traces(&apart, &together);
    assert_true(flop_of(&together) < flop_of(&apart));
    ask_all(&some, m, 0);
    trace_list_of(&some, 2);
    assert_same_traces(&apart, &some);
    free_all(&some);
    free_all(&together);
    free_all(&apart);
    model_free(m);
}

/* Four questions about one picture, and another one in its place: of each picture the rows are run once. */
static void what_is_alike_is_run_once(void **state)
{
    (void)state;
    enum { N = 4 };
    static const char *const words[N] = {"What is it?", "Where is this?", "Who is this?", "Which one is it?"};
    static const char *const spec = "image:" OTHER_PICTURE;
    model *m = tiny_open(LLAVA);
    tracing list[N];
    question q[N];
    double together = 0, apart = 0;
    pb_trace_options o = pb_trace_defaults();
    o.corruptions = &spec;
    o.corruption_count = 1;
    o.sites = "attn_out";
    o.positions = "last";
    for (size_t alone = 0; alone < 2; alone++) {
        for (size_t i = 0; i < N; i++) {
            pb_question p = {.image = PICTURE, .question = words[i]};
            assert_ok(question_open(&q[i], m, &p, err));
            list[i] = (tracing){.one.q = &q[i], .options = &o};
            if (alone)
                assert_int_equal(trace_some(&list[i], 1), 1);
        }
        if (!alone)
            assert_int_equal(trace_some(list, N), N);
        for (size_t i = 0; i < N; i++) {
            *(alone ? &apart : &together) += list[i].trace.cost.flop - question_vision_flop(&q[i]);
            trace_free(&list[i].trace);
            question_free(&q[i]);
        }
    }
    assert_true(together < 0.7 * apart);
    model_free(m);
}

/* What two of the questions need is more than one's: they go one by one, and say the same. */
static void as_many_as_memory_holds(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    asked_list roomy, tight;
    ask_all(&roomy, m, 0);
    ask_all(&tight, m, 0);
    size_t memory = 0;
    for (size_t i = 0; i < COUNT; i++) {
        trace_plan plan;
        assert_ok(trace_plan_question(&plan, &tight.questions[i], &tight.options[i], err));
        memory = plan.working_bytes > memory ? plan.working_bytes : memory;
    }
    free_all(&tight);
    ask_all(&tight, m, memory);
    assert_true(trace_list_of(&tight, COUNT) > trace_list_of(&roomy, COUNT));
    assert_same_traces(&roomy, &tight);
    free_all(&roomy);
    free_all(&tight);
    ask_all(&tight, m, 1);
    assert_true(trace_some(tight.list, COUNT) >= 1);
    assert_int_equal(tight.list[0].one.status, PB_ENOMEM);
    free_all(&tight);
    model_free(m);
}

/* Options that are wrong, and activations beyond float32, which are seen when the questions have been run. */
static void failures_are_their_own(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    asked_list all, apart;
    ask_all(&apart, m, 0);
    trace_list_of(&apart, 1);
    ask_all(&all, m, 0);
    all.options[1].sites = "nothing";
    all.options[8].positions = "nowhere";
    all.questions[3].input[40] = INFINITY;
    trace_list_of(&all, COUNT);
    assert_int_equal(all.list[1].one.status, PB_EINVAL);
    assert_non_null(strstr(all.list[1].one.why.message, "nothing"));
    assert_int_equal(all.list[8].one.status, PB_EINVAL);
    assert_int_equal(all.list[3].one.status, PB_EINVAL);
    assert_non_null(strstr(all.list[3].one.why.message, "NaN or infinite"));
    for (size_t i = 0; i < COUNT; i++)
        if (!all.list[i].one.status)
            assert_same_grids(&all.list[i].trace, &apart.list[i].trace);
        else
            assert_true(i == 1 || i == 3 || i == 8);
    free_all(&all);
    free_all(&apart);
    model_free(m);
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
