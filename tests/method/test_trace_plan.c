/* test_trace_plan.c: what a trace is said to take before it runs, against what it is seen to take. */
#include "tests/method/asked.h"

#include <math.h>

#include "method/trace_job.h"

static const char *const other_picture = "image:" OTHER_PICTURE, *const noise = "noise:0.3", *const rows_mean = "image-rowmean";

#define PICTURE_WRONG .corruptions = &other_picture, .corruption_count = 1
#define OF_THE_TOWER "vision.resid_pre,vision.attn_out,vision.mlp_out,vision.resid_post"

static const struct {
    const char *name;
    pb_trace_options options;
} cases[] = {
    {"as it is", {0}},
    {"one site of some layers", {.sites = "mlp_out", .first_layer = 1, .end_layer = 2}},
    {"windows", {.sites = "attn_out,resid_post", .window = 2}},
    {"groups", {.positions = "constraint,question,last", .group = true}},
    {"heads", {.sites = "head_out"}},
    {"severed at the MLP", {.freeze = "mlp", .freeze_span = "last"}},
    {"severed at attention", {.freeze = "attn", .freeze_span = "text"}},
    {"noise", {.corruptions = &noise, .corruption_count = 1, .samples = 3}},
    {"noise put in", {.corruptions = &noise, .corruption_count = 1, .samples = 2, .noise_direction = true}},
    {"plainly", {.naive = true, .positions = "last"}},
    {"another picture", {PICTURE_WRONG}},
    {"another picture, in blocks", {PICTURE_WRONG, .blocks = 2}},
    {"the mean of its rows", {.corruptions = &rows_mean, .corruption_count = 1}},
    {"the tower", {PICTURE_WRONG, .sites = OF_THE_TOWER ",proj.hook_out"}},
    {"the tower and the decoder, the other way", {PICTURE_WRONG, .sites = "vision.mlp_out,attn_out", .noise_direction = true}},
};
enum { CASES = sizeof cases / sizeof *cases };

static void assert_near(double planned, double counted, double within, const char *what)
{
    if (!(fabs(planned - counted) <= within * counted))
        test_stop(__FILE__, __LINE__, "%s: %.6g planned, %.6g counted", what, planned, counted);
}

/* A plan knows the shapes of all forks, but not which rows will turn out to be the same. */
static void operations_are_those_that_are_counted(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    for (size_t i = 0; i < CASES; i++) {
        trace_plan plan;
        question q = asked(m, PICTURE);
        assert_ok(trace_plan_question(&plan, &q, &cases[i].options, err));
        question_free(&q);
        trace t = traced(m, PICTURE, &cases[i].options);
        assert_int_equal(plan.cells, t.cost.cells);
        assert_near((double)plan.waves, (double)t.cost.waves, 0, cases[i].name);
        assert_near(plan.flop, t.cost.flop, 0.03, cases[i].name);
        trace_free(&t);
    }
    model_free(m);
}

/* What is announced: recordings have been made then, but nothing has been run into them. */
static void empty_recordings_say_nothing(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    for (size_t i = 0; i < CASES; i++) {
        trace_plan expected;
        run_plan plan;
        trace t = {.foil = -1};
        question q = asked(m, PICTURE);
        trace_job j = {.t = &t, .q = &q, .options = &cases[i].options};
        assert_ok(trace_prepare(&j, err));
        assert_ok(trace_join(&j, 1, err));
        assert_non_null(j.clean);
        size_t cells = trace_plan_jobs(&plan, &j, 1);
        double flop = run_plan_flop(&plan);
        run_plan_free(&plan);
        trace_job_free(&j);
        trace_free(&t);
        question_free(&q);
        q = asked(m, PICTURE);
        assert_ok(trace_plan_question(&expected, &q, &cases[i].options, err));
        assert_int_equal(cells, expected.cells);
        assert_near(flop, expected.flop, 1e-9, cases[i].name);
        question_free(&q);
    }
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operations_are_those_that_are_counted),
                                       cmocka_unit_test(empty_recordings_say_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
