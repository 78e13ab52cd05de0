/* test_knockout.c: a knockout through the public interface: its header alone. */
#include "patchbay/patchbay.h"

#include "tests/support.h"

#include <jansson.h>

#define LLAVA GOLDEN("data/model/llava")
#define PICTURE GOLDEN("data/image/rgb.jpg")

static const char *const constraint = "this country";
static const pb_question question = {.image = PICTURE, .question = "What is the capital of this country?",
                                     .constraints = &constraint, .constraint_count = 1};

typedef struct told {
    size_t times, announced;
    double total;
} told;

static void progress(void *context, const char *what, double done, double total)
{
    told *t = context;
    t->announced += total <= 0; /* what it will take, before anything else */
    if (total <= 0 && t->times == 0)
        return;
    assert_string_equal(what, "cutting");
    assert_true(done <= total);
    t->times++;
    t->total = total;
}

static void a_knockout_can_be_read_and_written(void **state)
{
    (void)state;
    pb_model *model;
    pb_knockout *k;
    told t = {0};
    static const pb_span_pair pairs[] = {{"image", "constraint"}, {"constraint", "last"}};
    pb_knockout_options options = pb_knockout_defaults();
    options.pairs = pairs;
    options.pair_count = 2;
    options.first_layer = 1;
    options.run.progress = progress;
    options.run.context = &t;
    assert_ok(pb_model_open(&model, LLAVA, NULL, err));
    assert_ok(pb_knockout_run(&k, model, &question, &options, err));
    assert_true(t.announced == 2 && t.times > 0 && t.total > 1);

    double clean;
    const char *name;
    size_t layers;
    assert_true(strlen(pb_knockout_answer(k, &clean)) > 0 && clean > 0 && clean < 1);
    const double *prob = pb_knockout_prob(k, 1, &name, &layers);
    assert_string_equal(name, "constraint > last");
    assert_int_equal(pb_knockout_layer(k, 0), 1);
    for (size_t l = 0; l < layers; l++)
        assert_true(prob[l] > 0 && prob[l] < 1);
    assert_null(pb_knockout_prob(k, 2, &name, &layers));
    assert_null(name);

    char *folder = folder_new(), *text;
    pb_knockout_json(k, &text);
    json_t *json = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), "patchbay.knockout/1");
    json_decref(json);
    assert_ok(pb_knockout_write(k, folder, err));
    char *path = path_join(folder, "knockout.json");
    file_map written;
    assert_ok(file_map_open(&written, path, err));
    assert_int_equal(written.size, strlen(text));
    assert_memory_equal(written.data, text, written.size);
    file_map_close(&written);
    free(path);
    free(text);
    folder_remove(folder);
    pb_knockout_free(k);
    pb_model_free(model);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    pb_model *model;
    pb_knockout *k = (pb_knockout *)&question; /* something to be overwritten */
    pb_span_pair everything = {"all", "all"};
    pb_knockout_options options = {.pairs = &everything, .pair_count = 1};
    pb_question none = {0};
    assert_ok(pb_model_open(&model, LLAVA, NULL, err));
    assert_fails(pb_knockout_run(&k, model, &question, &options, err), PB_EINVAL, "leaves row 0");
    assert_null(k);
    assert_fails(pb_knockout_run(&k, model, &none, &options, err), PB_EINVAL, "question");
    pb_knockout_free(NULL);
    pb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_knockout_can_be_read_and_written),
        cmocka_unit_test(a_failure_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
