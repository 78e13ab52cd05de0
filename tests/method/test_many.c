/* test_many.c: questions whose flows are looked at, or whose edges are cut, together say what each says by itself, to the bit,
 * however many go at a time and on however many threads; what they share is run once; one that fails takes no other with it. */
#include "tests/method/asked.h"

#include <omp.h>

#include "method/flow.h"
#include "method/knockout.h"

static const pb_span_pair usual[] = {{"image", "constraint"}, {"constraint", "last"}, {"0:20", "last"}};
static const pb_span_pair textual[] = {{"bos", "last"}, {"2:5", "constraint"}};
static const pb_span_pair middle[] = {{"image", "1:20"}};

/* What differs among the questions: two about one picture, another picture, none. */
static const struct {
    const char *picture, *words;
    const pb_span_pair *pairs;
    size_t pair_count;
    const char *answer;
} requests[] = {
    {PICTURE, "What is the capital of this country?", usual, 3, NULL},
    {PICTURE, "What is the name of this country?", usual, 3, "a river in Japan"},
    {OTHER_PICTURE, "What is the capital of this country?", usual, 3, NULL},
    {NULL, "Where is this country?", textual, 2, NULL},
    {PICTURE, "Where is this country?", middle, 1, NULL},
};

enum { COUNT = sizeof requests / sizeof *requests };

typedef struct asked_list {
    question questions[COUNT];
    pb_flow_options flow_options[COUNT];
    pb_knockout_options knockout_options[COUNT];
    flowing flows[COUNT];
    knocking_out knockouts[COUNT];
} asked_list;

static void ask_all(asked_list *a, model *m, size_t memory)
{
    for (size_t i = 0; i < COUNT; i++) {
        const pb_question p = {.image = requests[i].picture, .question = requests[i].words, .constraints = &the_constraint,
                               .constraint_count = 1};
        const pb_answer_choice wanted = {.text = requests[i].answer, .whole = true};
        assert_ok(question_open(&a->questions[i], m, &p, err));
        a->flow_options[i] = (pb_flow_options){.pairs = requests[i].pairs, .pair_count = requests[i].pair_count,
                                               .answer = wanted, .run.memory = memory};
        a->knockout_options[i] = (pb_knockout_options){.pairs = requests[i].pairs, .pair_count = requests[i].pair_count,
                                                       .answer = wanted, .window = 1 + i % 3, .together = i == 2,
                                                       .run.memory = memory};
        a->flows[i] = (flowing){.one.q = &a->questions[i], .options = &a->flow_options[i]};
        a->knockouts[i] = (knocking_out){.one.q = &a->questions[i], .options = &a->knockout_options[i]};
    }
}

static void free_all(asked_list *a)
{
    for (size_t i = 0; i < COUNT; i++) {
        flow_free(&a->flows[i].flow);
        knockout_free(&a->knockouts[i].knockout);
        question_free(&a->questions[i]);
    }
}

typedef size_t some(asked_list *a, size_t first, size_t n);

static size_t some_flows(asked_list *a, size_t first, size_t n)
{
    return flow_some(a->flows + first, n);
}

static size_t some_knockouts(asked_list *a, size_t first, size_t n)
{
    return knockout_some(a->knockouts + first, n);
}

/* In as many calls as it takes, at most `most` questions handed over in each; returns how many. */
static size_t run_list(asked_list *a, some *run, size_t most)
{
    size_t calls = 0;
    for (size_t i = 0; i < COUNT; calls++) {
        size_t n = COUNT - i < most ? COUNT - i : most, taken = run(a, i, n);
        assert_true(taken >= 1 && taken <= n);
        i += taken;
    }
    return calls;
}

static void assert_same_runs(const run_says *a, const run_says *b)
{
    assert_same(a->prob, b->prob, "clean");
    assert_same(a->logprob, b->logprob, "clean");
    for (size_t i = 0; i < RUN_TOP; i++)
        assert_int_equal(a->top_id[i], b->top_id[i]);
}

static void assert_same_flows(const flow *a, const flow *b)
{
    size_t L = a->layer_count;
    assert_same_runs(&a->clean, &b->clean);
    assert_int_equal(a->pairs.count, b->pairs.count);
    assert_int_equal(a->answer_count, b->answer_count);
    assert_memory_equal(a->answer, b->answer, a->answer_count * sizeof *a->answer);
    for (size_t p = 0; p < a->pairs.count; p++) {
        const flow_curve *x = &a->curves[p], *y = &b->curves[p];
        assert_same_doubles(x->sum_norm, y->sum_norm, L, "sum_norm");
        assert_same_doubles(x->norm_sum, y->norm_sum, L, "norm_sum");
        assert_same_doubles(x->share, y->share, L, "share");
        assert_same_doubles(x->relative, y->relative, L, "relative");
        assert_same_doubles(x->per_position, y->per_position, L * a->pairs.items[p].sources.count, "per_position");
        assert_same_doubles(x->per_head, y->per_head, L * a->heads, "per_head");
    }
}

static void assert_same_knockouts(const knockout *a, const knockout *b)
{
    assert_same_runs(&a->clean, &b->clean);
    assert_int_equal(a->curve_count, b->curve_count);
    assert_int_equal(a->cost.cells_skipped, b->cost.cells_skipped);
    for (size_t i = 0; i < a->curve_count; i++) {
        assert_string_equal(a->curves[i].name, b->curves[i].name);
        assert_same_doubles(a->curves[i].prob, b->curves[i].prob, a->layer_count, "prob");
        assert_same_doubles(a->curves[i].logprob, b->curves[i].logprob, a->layer_count, "logprob");
        assert_same_doubles(a->curves[i].relative, b->curves[i].relative, a->layer_count, "relative");
    }
}

static void assert_same_lists(const asked_list *a, const asked_list *b)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (a->flows[i].flow.curves && b->flows[i].flow.curves)
            assert_same_flows(&a->flows[i].flow, &b->flows[i].flow);
        if (a->knockouts[i].knockout.curves && b->knockouts[i].knockout.curves)
            assert_same_knockouts(&a->knockouts[i].knockout, &b->knockouts[i].knockout);
    }
}

static double flop_of(const asked_list *a)
{
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (a->flows[i].one.status || a->knockouts[i].one.status)
            test_stop(__FILE__, __LINE__, "question %zu: %s%s", i, a->flows[i].one.why.message, a->knockouts[i].one.why.message);
        sum += a->flows[i].flow.cost.flop + a->knockouts[i].knockout.cost.flop - 2 * question_vision_flop(&a->questions[i]);
    }
    return sum;
}

/* Both methods in one list's questions: runs them in lists of at most `most`. */
static size_t run_both(asked_list *a, model *m, size_t memory, size_t most)
{
    ask_all(a, m, memory);
    size_t calls = run_list(a, some_flows, most);
    return calls + run_list(a, some_knockouts, most);
}

static void together_is_as_apart(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    asked_list apart, together;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    assert_int_equal(run_both(&apart, m, 0, 1), 2 * COUNT);
    double flop = flop_of(&apart); /* now: pictures that are opened later count too */
    for (int t = 1; t <= 2; t++) {
        omp_set_num_threads(t);
        assert_int_equal(run_both(&together, m, 0, COUNT), 2);
        assert_same_lists(&apart, &together);
        assert_true(flop_of(&together) < flop);
        free_all(&together);
    }
    run_both(&together, m, 0, 2);
    assert_same_lists(&apart, &together);
    omp_set_num_threads(threads);
    free_all(&together);
    free_all(&apart);
    model_free(m);
}

/* Four questions about one picture: its rows are run once, and what they give is projected once. */
static void what_is_alike_is_run_once(void **state)
{
    (void)state;
    enum { N = 4 };
    static const char *const words[N] = {"What is it?", "Where is this?", "Who is this?", "Which one is it?"};
    static const pb_span_pair pair = {"image", "last"};
    const pb_flow_options o = {.pairs = &pair, .pair_count = 1};
    model *m = tiny_open(LLAVA);
    double runs[2] = {0}, looking[2] = {0};
    for (size_t alone = 0; alone < 2; alone++) {
        question q[N];
        flowing list[N];
        for (size_t i = 0; i < N; i++) {
            const pb_question p = {.image = PICTURE, .question = words[i]};
            assert_ok(question_open(&q[i], m, &p, err));
            list[i] = (flowing){.one.q = &q[i], .options = &o};
        }
        for (size_t i = 0; i < N;)
            i += flow_some(list + i, alone ? 1 : N - i);
        for (size_t i = 0; i < N; i++) {
            const flow *f = &list[i].flow;
            runs[alone] += f->run_flop;
            looking[alone] += f->cost.flop - f->run_flop - question_vision_flop(&q[i]);
            flow_free(&list[i].flow);
            question_free(&q[i]);
        }
    }
    assert_true(runs[0] < 0.7 * runs[1]);
    assert_true(looking[0] < 0.7 * looking[1]);
    model_free(m);
}

/* The least budget with which all of the questions go through one at a time; then they do not go together. */
static void as_many_as_memory_holds(void **state)
{
    (void)state;
    some *const runs[] = {some_flows, some_knockouts};
    model *m = tiny_open(LLAVA);
    asked_list roomy, tight;
    run_both(&roomy, m, 0, COUNT);
    for (size_t k = 0; k < 2; k++) {
        size_t low = 0, high = (size_t)1 << 30;
        while (high - low > 1000) {
            size_t memory = low + (high - low) / 2, failed = 0;
            ask_all(&tight, m, memory);
            run_list(&tight, runs[k], 1);
            for (size_t i = 0; i < COUNT; i++) {
                pb_status status = k ? tight.knockouts[i].one.status : tight.flows[i].one.status;
                assert_true(!status || status == PB_ENOMEM);
                failed += status != PB_OK;
            }
            *(failed ? &low : &high) = memory;
            free_all(&tight);
        }
        ask_all(&tight, m, high);
        size_t calls = run_list(&tight, runs[k], COUNT);
        assert_true(calls > 1);
        assert_same_lists(&roomy, &tight);
        free_all(&tight);
        ask_all(&tight, m, 4 * high);
        assert_true(run_list(&tight, runs[k], COUNT) < calls);
        assert_same_lists(&roomy, &tight);
        free_all(&tight);
    }
    free_all(&roomy);
    model_free(m);
}

/* Spans that are not there, and activations beyond float32, which are seen when the questions have been run. */
static void failures_are_their_own(void **state)
{
    (void)state;
    static const pb_span_pair wrong = {"nonsense", "last"};
    model *m = tiny_open(LLAVA);
    asked_list apart, all;
    run_both(&apart, m, 0, 1);
    ask_all(&all, m, 0);
    all.flow_options[1].pairs = all.knockout_options[1].pairs = &wrong;
    all.flow_options[1].pair_count = all.knockout_options[1].pair_count = 1;
    all.questions[3].input[40] = INFINITY;
    run_list(&all, some_flows, COUNT);
    run_list(&all, some_knockouts, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        bool fails = i == 1 || i == 3;
        const char *words = i == 1 ? "nonsense" : "NaN or infinite";
        assert_int_equal(all.flows[i].one.status, fails ? PB_EINVAL : PB_OK);
        assert_int_equal(all.knockouts[i].one.status, fails ? PB_EINVAL : PB_OK);
        if (fails) {
            assert_non_null(strstr(all.flows[i].one.why.message, words));
            assert_non_null(strstr(all.knockouts[i].one.why.message, words));
            assert_null(all.flows[i].flow.curves);
            assert_null(all.knockouts[i].knockout.curves);
        }
    }
    assert_same_lists(&apart, &all);
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
