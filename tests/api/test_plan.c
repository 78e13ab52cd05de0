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

/* One or several. */
static void hear_waves(announcement *a, const char *what)
{
    static const char *const forms[] = {"%zu wave over the layers, which read %lf GB of weights; at most %lf MB of memory",
                                        "%zu waves over the layers, which read %lf GB of weights; at most %lf MB of memory"};
    size_t several = sscanf(what, "%zu", &a->waves) == 1 && a->waves > 1;
    assert_int_equal(sscanf(what, forms[several], &a->waves, &a->bytes, &a->memory), 3);
}

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
        hear_waves(a, what);
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

static void check_said(const announcement *a, const char *what)
{
    assert_int_equal(a->lines, 2);
    assert_string_equal(a->what, what);
    assert_true(a->count > 0 && a->waves > 0 && a->seconds > 0 && a->bytes > 0 && a->memory > 0);
}

/* Three digits are said. */
static void check(const announcement *a, char *json, const char *what, double within)
{
    double flop = cost_of(json, "flop");
    check_said(a, what);
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

/* Of one question's run all is known before, of an answer all but its length. */
static void single_runs_say_exactly_what_they_will_take(void **state)
{
    (void)state;
    pb_model *m;
    char *json, *folder = folder_new();
    assert_ok(pb_model_open(&m, LLAVA, NULL, err));

    announcement looked = {0}, dumped = {0}, asked = {0};
    pb_lens *lens;
    pb_lens_options of_lens = pb_lens_defaults();
    of_lens.positions = "constraint,last";
    of_lens.first_layer = 1;
    of_lens.answer = (pb_answer_choice){.text = "a river in Japan", .whole = true};
    of_lens.run = (pb_run_options){.progress = hear, .context = &looked};
    assert_ok(pb_lens_run(&lens, m, &question, &of_lens, err));
    size_t layers, positions;
    pb_lens_size(lens, &layers, &positions);
    pb_lens_json(lens, &json);
    check(&looked, json, "cells", 0.005);
    assert_true(looked.count == layers * positions && looked.waves == 1);
    pb_lens_free(lens);

    pb_dump *dump;
    pb_dump_options of_dump = pb_dump_defaults();
    of_dump.sites = "mlp_post,resid_post,vision.attn_out,proj.out";
    of_dump.positions = "text";
    of_dump.run = (pb_run_options){.progress = hear, .context = &dumped};
    assert_ok(pb_dump_run(&dump, m, &question, &of_dump, folder, err));
    size_t rows = 0, shape[3], not_finite;
    const char *site;
    for (size_t i = 0; pb_dump_site(dump, i, &site, shape, &not_finite); i++)
        rows += shape[0] * shape[1];
    pb_dump_json(dump, &json);
    check(&dumped, json, "rows", 0.005);
    assert_true(dumped.count == rows && dumped.waves == 1);
    pb_dump_free(dump);
    folder_remove(folder);

    pb_answer *answer;
    const pb_run_options of_ask = {.progress = hear, .context = &asked};
    assert_ok(pb_ask(&answer, m, &question, 4, 0, &of_ask, err));
    check_said(&asked, "question");
    assert_true(asked.count == 1 && asked.waves == 4); /* the prompt and three tokens more */
    pb_answer_free(answer);
    pb_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(commands_say_what_they_will_take),
                                       cmocka_unit_test(single_runs_say_exactly_what_they_will_take)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
