/* test_flow.c: a flow through the public interface: its header alone. */
#include "patchbay/patchbay.h"

#include "tests/support.h"

#include <math.h>

#include <jansson.h>

#define LLAVA GOLDEN("data/model/llava")
#define PICTURE GOLDEN("data/image/rgb.jpg")

static const char *const constraint = "this country";
static const pb_question question = {.image = PICTURE, .question = "What is the capital of this country?",
                                     .constraints = &constraint, .constraint_count = 1};

static void count(void *context, const char *what, double done, double total)
{
    if (total <= 0 && *(size_t *)context == 0)
        return; /* what it will take, before anything else */
    assert_string_equal(what, "following what flows");
    assert_true(done > 0 && done <= total);
    ++*(size_t *)context;
}

static void a_flow_can_be_read_and_written(void **state)
{
    (void)state;
    pb_model *model;
    pb_flow *flow;
    pb_span_pair pair, asked = {"all", "last"};
    size_t first, layers, times = 0;
    double prob;
    pb_flow_options options = pb_flow_defaults();
    options.pairs = &asked;
    options.pair_count = 1;
    options.first_layer = 1;
    options.per_head = true;
    options.run.progress = count;
    options.run.context = &times;
    assert_ok(pb_model_open(&model, LLAVA, NULL, err));
    assert_ok(pb_flow_run(&flow, model, &question, &options, err));
    assert_true(strlen(pb_flow_answer(flow, &prob)) > 0 && prob > 0 && prob < 1);
    const double *share = pb_flow_curve(flow, 0, "share", &pair, &first, &layers);
    assert_int_equal(first, 1);
    assert_int_equal(times, layers);
    assert_string_equal(pair.from, "all");
    assert_string_equal(pair.to, "last");
    for (size_t l = 0; l < layers; l++)
        assert_true(fabs(share[l] - 1) < 1e-5);
    assert_null(pb_flow_curve(flow, 0, "shares", &pair, &first, &layers));
    assert_null(pb_flow_curve(flow, 1, "share", &pair, &first, &layers));

    char *folder = folder_new(), *text;
    pb_flow_json(flow, &text);
    json_t *json = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), "patchbay.flow/1");
    const json_t *one = json_array_get(json_object_get(json, "flows"), 0);
    assert_int_equal(json_array_size(json_object_get(one, "per_head")), layers);
    assert_true(json_is_null(json_object_get(one, "per_position")));
    assert_ok(pb_flow_write(flow, folder, err));
    static const char *const files[] = {"flow.json", "flow.svg", "flow.html"};
    for (size_t i = 0; i < 3; i++) {
        char *path = path_join(folder, files[i]);
        assert_true(file_exists(path));
        free(path);
    }
    folder_remove(folder);
    json_decref(json);
    free(text);
    pb_flow_free(flow);
    pb_flow_free(NULL);
    pb_model_free(model);
}

static void nothing_is_left_of_one_that_fails(void **state)
{
    (void)state;
    pb_model *model;
    pb_flow *flow;
    pb_flow_options options = pb_flow_defaults();
    options.end_layer = 99;
    assert_ok(pb_model_open(&model, LLAVA, NULL, err));
    assert_fails(pb_flow_run(&flow, model, &question, &options, err), PB_EINVAL, "--layers");
    assert_null(flow);
    pb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_can_be_read_and_written),
        cmocka_unit_test(nothing_is_left_of_one_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
