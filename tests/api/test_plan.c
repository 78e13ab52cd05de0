/* test_plan.c: what commands say beforehand that they will take, against what their results say they took. */
#include "patchbay/patchbay.h"

#include "tests/support.h"

#include <jansson.h>
#include <math.h>

#define LLAVA GOLDEN("data/model/llava")
#define PICTURE GOLDEN("data/image/rgb.jpg")
#define OTHER_PICTURE GOLDEN("data/image/photo.png")

static const char *const constraint = "this country";
static const pb_question question = {.image = PICTURE, .question = "What is the capital of this country?",
                                     .constraints = &constraint, .constraint_count = 1};

/* The lines before the first progress. */
typedef struct announcement {
    size_t count, lines, waves;
    double flop, seconds, bytes, memory; /* flop in 1e12; bytes in 1e9, memory in 1e6 */
    char what[32];
    bool begun;
} announcement;

static void hear(void *context, const char *what, double done, double total)
{
    announcement *a = context;
    (void)done;
    a->begun |= total > 0;
    if (a->begun)
        return;
    if (a->lines++ == 0)
        assert_int_equal(sscanf(what, "%zu %31[a-z], %lf TFLOP, about %lf s on this machine", &a->count, a->what, &a->flop,
                                &a->seconds), 4);
    else
        assert_int_equal(sscanf(what, "%zu waves over the layers, which read %lf GB of weights; at most %lf MB of memory",
                                &a->waves, &a->bytes, &a->memory), 3);
}

static double cost_of(char *text, const char *name)
{
    json_t *json = json_loads(text, 0, NULL), *cost = json_object_get(json, "cost");
    double value = json_number_value(json_object_get(cost, name));
    json_decref(json);
    free(text);
    assert_true(value > 0);
    return value;
}

/* Three digits are said. */
static void check(const announcement *a, char *json, const char *what, double within)
{
    double flop = cost_of(json, "flop");
    assert_int_equal(a->lines, 2);
    assert_string_equal(a->what, what);
    assert_true(a->count > 0 && a->waves > 0 && a->seconds > 0 && a->bytes > 0 && a->memory > 0);
    if (!(fabs(1e12 * a->flop - flop) <= within * flop))
        test_stop(__FILE__, __LINE__, "%.4g operations planned, %.4g counted", 1e12 * a->flop, flop);
}

static void commands_say_what_they_will_take(void **state)
{
    (void)state;
    pb_model *m;
    char *json;
    assert_ok(pb_model_open(&m, LLAVA, NULL, err));

    announcement traced = {0}, cut = {0}, followed = {0}, estimated = {0};
    pb_trace *t;
    pb_trace_options of_trace = pb_trace_defaults();
    of_trace.run = (pb_run_options){.progress = hear, .context = &traced};
    assert_ok(pb_trace_run(&t, m, &question, &of_trace, err));
    pb_trace_json(t, &json);
    check(&traced, json, "cells", 0.03);
    pb_trace_free(t);

    pb_knockout *k;
    pb_knockout_options of_knockout = pb_knockout_defaults();
    of_knockout.run = (pb_run_options){.progress = hear, .context = &cut};
    assert_ok(pb_knockout_run(&k, m, &question, &of_knockout, err));
    pb_knockout_json(k, &json);
    check(&cut, json, "points", 0.02);
    pb_knockout_free(k);

    pb_flow *f;
    pb_flow_options of_flow = pb_flow_defaults();
    of_flow.run = (pb_run_options){.progress = hear, .context = &followed};
    assert_ok(pb_flow_run(&f, m, &question, &of_flow, err));
    pb_flow_json(f, &json);
    check(&followed, json, "points", 0.02);
    pb_flow_free(f);

    pb_attribute *a; /* which cells it runs, it cannot know */
    pb_attribute_options of_estimate = pb_attribute_defaults();
    of_estimate.trace.run = (pb_run_options){.progress = hear, .context = &estimated};
    assert_ok(pb_attribute_run(&a, m, &question, &of_estimate, err));
    pb_attribute_json(a, &json);
    check(&estimated, json, "cells", 0.15);
    pb_attribute_free(a);

    announcement pictured = {0};
    const char *const picture = "image:" OTHER_PICTURE;
    of_estimate.trace.corruptions = &picture;
    of_estimate.trace.corruption_count = 1;
    of_estimate.trace.run.context = &pictured;
    assert_ok(pb_attribute_run(&a, m, &question, &of_estimate, err));
    pb_attribute_json(a, &json);
    check(&pictured, json, "cells", 0.25);
    pb_attribute_free(a);

    pb_edit *e; /* nor how long answers will be */
    pb_edit_options of_edit = pb_edit_defaults();
    const pb_edit_request request = {.question = question, .target = "Paris"};
    announcement edited = {0};
    of_edit.run = (pb_run_options){.progress = hear, .context = &edited};
    assert_ok(pb_edit_run(&e, m, &request, 1, NULL, 0, &of_edit, err));
    pb_edit_json(e, &json);
    check(&edited, json, "edit", 0.25);
    pb_edit_free(e);
    pb_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(commands_say_what_they_will_take)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
