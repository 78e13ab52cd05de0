/* test_api.c: the public interface, as a program that links the library uses it: its header alone. */
#include "patchbay/patchbay.h"

#include "tests/support.h"

#include <jansson.h>
#include <math.h>

#define LLAVA GOLDEN("data/model/llava")
#define LLAMA GOLDEN("data/model/llama")
#define PICTURE GOLDEN("data/image/rgb.jpg")

static const char *const constraint = "this country";
static const pb_question question = {.question = "What is the capital of this country?", .constraints = &constraint,
                                     .constraint_count = 1};

static pb_model *opened(const char *path)
{
    pb_model *model;
    assert_ok(pb_model_open(&model, path, NULL, err));
    return model;
}

static json_t *parsed(char *text, const char *schema)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), schema);
    free(text);
    return json;
}

/* A model is changed by files when it is opened, and says so. */
static void a_model_may_be_opened_changed(void **state)
{
    (void)state;
    const char *edits[] = {GOLDEN("data/change/llava/edit.npz"), GOLDEN("data/change/llava/edit.npz@0")};
    const char *lora = GOLDEN("data/change/llava");
    const pb_model_options options = {.edits = edits, .edit_count = 2, .loras = &lora, .lora_count = 1};
    pb_model *model;
    char *text;
    assert_ok(pb_model_open(&model, LLAVA, &options, err));
    pb_model_info(model, &text);
    json_t *info = parsed(text, "patchbay.info/1");
    assert_int_equal(json_array_size(json_object_get(info, "changes")), 3);
    json_decref(info);
    pb_model_free(model);
    edits[1] = GOLDEN("data/change/llama/edit.npz@0");
    assert_fails(pb_model_open(&model, LLAVA, &options, err), PB_EINVAL, "the array \"key\" has rows of 40");
    assert_null(model);
}

static void nothing_can_be_freed(void **state)
{
    (void)state;
    pb_model_free(NULL);
    pb_answer_free(NULL);
    pb_trace_free(NULL);
    pb_attribute_free(NULL);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    pb_model *model = (pb_model *)&question; /* something to be overwritten */
    assert_fails(pb_model_open(&model, "/nowhere", NULL, err), PB_EIO, "/nowhere");
    assert_null(model);
    model = opened(LLAVA);
    pb_answer *answer = (pb_answer *)&question;
    pb_trace *trace = (pb_trace *)&question;
    pb_question empty = {.question = ""}, none = {0}, odd = question;
    odd.template_name = "mine";
    pb_trace_options options = pb_trace_defaults();
    assert_fails(pb_ask(&answer, model, &empty, 0, 0, NULL, err), PB_EINVAL, "question");
    assert_null(answer);
    assert_fails(pb_ask(&answer, model, &none, 0, 0, NULL, err), PB_EINVAL, "question");
    assert_fails(pb_trace_run(&trace, model, &odd, &options, err), PB_EINVAL, "mine");
    assert_null(trace);
    assert_fails(pb_trace_run(&trace, model, &none, &options, err), PB_EINVAL, "question");
    pb_model_free(model);
}

static void errors_may_go_unread(void **state)
{
    (void)state;
    pb_model *model;
    assert_int_equal(pb_model_open(&model, "/nowhere", NULL, NULL), PB_EIO);
    model = opened(LLAVA);
    pb_trace *trace;
    pb_trace_options options = pb_trace_defaults();
    options.sites = "nothing";
    assert_int_equal(pb_trace_run(&trace, model, &question, &options, NULL), PB_EINVAL);
    options = pb_trace_defaults();
    options.run.memory = 1;
    assert_int_equal(pb_trace_run(&trace, model, &question, &options, NULL), PB_ENOMEM);
    const char *bad[] = {"noise:x", "swaps:y", "swap-phrase:a b c d e f", "noise:s1@/nowhere.jsonl"};
    for (size_t i = 0; i < 4; i++) {
        options = pb_trace_defaults();
        options.corruptions = &bad[i];
        options.corruption_count = 1;
        assert_true(pb_trace_run(&trace, model, &question, &options, NULL) != PB_OK);
    }
    pb_model_free(model);
}

static void a_trace_of_heads_can_be_read(void **state)
{
    (void)state;
    pb_model *model = opened(LLAVA);
    pb_trace *trace;
    pb_question seen = question;
    pb_trace_options options = pb_trace_defaults();
    seen.image = PICTURE;
    options.sites = "head_out";
    options.positions = "constraint,last";
    options.freeze = "mlp";
    options.freeze_span = "last";
    assert_ok(pb_trace_run(&trace, model, &seen, &options, err));
    size_t layers, cells, row, head, column, heads = pb_trace_heads(trace);
    double prob, highest = 0;
    const double *all = pb_trace_prob(trace, "head_out", &layers, &cells);
    assert_true(layers == 4 && heads == 4 && cells > 1);
    for (size_t i = 0; i < layers * cells * heads; i++)
        highest = all[i] > highest ? all[i] : highest;
    assert_true(pb_trace_top_head(trace, 0, &row, &head, &column, &prob));
    assert_true(prob == highest && prob == all[(row * cells + column) * heads + head]);
    assert_true(pb_trace_highest(trace, "head_out", &row, &column));
    assert_false(pb_trace_top_head(trace, SIZE_MAX, &row, &head, &column, &prob));
    pb_trace_free(trace);
    options.freeze_span = NULL;
    assert_fails(pb_trace_run(&trace, model, &seen, &options, err), PB_EINVAL, "--freeze-span");
    pb_model_free(model);
}

static void an_answer_can_be_read(void **state)
{
    (void)state;
    pb_model *model = opened(LLAVA);
    pb_answer *answer;
    pb_question seen = question;
    seen.image = PICTURE;
    assert_ok(pb_ask(&answer, model, &seen, 3, 4, NULL, err));
    int32_t id;
    const char *text;
    double prob, before = 1;
    assert_non_null(pb_answer_text(answer));
    for (size_t i = 0; i < 4; i++) {
        assert_true(pb_answer_top(answer, i, &id, &text, &prob));
        assert_true(id >= 0 && id < 571 && text && prob > 0 && prob <= before);
        before = prob;
    }
    assert_false(pb_answer_top(answer, 4, &id, &text, &prob));
    assert_false(pb_answer_top(answer, SIZE_MAX, &id, &text, &prob));
    char *json;
    pb_answer_json(answer, &json);
    json_t *object = parsed(json, "patchbay.ask/1");
    assert_int_equal(json_array_size(json_object_get(object, "top")), 4);
    json_decref(object);
    pb_answer_free(answer);
    pb_model_free(model);
}

static void a_trace_can_be_read(void **state)
{
    (void)state;
    pb_model *model = opened(LLAVA);
    pb_trace_options options = pb_trace_defaults();
    pb_trace *trace;
    size_t layers, cells;
    double clean, corrupted;
    options.positions = "constraint,last";
    assert_ok(pb_trace_run(&trace, model, &question, &options, err));
    pb_trace_scores(trace, &clean, &corrupted);
    assert_true(clean > corrupted && corrupted > 0 && clean < 1);
    const double *prob = pb_trace_prob(trace, "resid_post", &layers, &cells);
    assert_non_null(prob);
    assert_int_equal(layers, 4);
    assert_true(cells > 2);
    double rest = prob[layers * cells - 1] / clean - 1; /* the last layer's output at the last row is the answer's */
    assert_true(rest < 1e-4 && rest > -1e-4);
    assert_null(pb_trace_prob(trace, "resid_pre", &layers, &cells));
    assert_null(pb_trace_prob(trace, "", &layers, &cells));
    char *json;
    pb_trace_json(trace, &json);
    json_decref(parsed(json, "patchbay.trace/1"));
    pb_trace_free(trace);
    pb_model_free(model);
}

static void estimates_can_be_read(void **state)
{
    (void)state;
    pb_model *model = opened(LLAVA);
    pb_attribute_options options = pb_attribute_defaults();
    pb_attribute *estimates;
    pb_attribute_cell cell;
    size_t layers, cells, count = 0;
    double clean, corrupted, before = INFINITY;
    options.trace.positions = "constraint,last";
    options.trace.sites = "mlp_out,head_out";
    options.exact = 7;
    assert_ok(pb_attribute_run(&estimates, model, &question, &options, err));
    const double *estimate = pb_attribute_estimate(estimates, "mlp_out", &layers, &cells);
    assert_true(estimate && layers == 4 && cells > 2 && isfinite(estimate[0]));
    assert_null(pb_attribute_estimate(estimates, "attn_out", &layers, &cells));
    pb_trace_scores(pb_attribute_trace(estimates), &clean, &corrupted);
    assert_true(fabs(exp(pb_attribute_unpatched(estimates)) - corrupted) < 1e-12);
    for (; pb_attribute_largest(estimates, count, &cell); count++) {
        double size = fabs(cell.estimate - pb_attribute_unpatched(estimates));
        assert_true(size <= before + 1e-12 && fabs(exp(cell.logprob) - cell.prob) < 1e-12 && cell.layer < 4);
        before = size;
    }
    assert_int_equal(count, 7);
    assert_true(isnan(pb_attribute_spearman(estimates)));
    char *json;
    pb_attribute_json(estimates, &json);
    json_decref(parsed(json, "patchbay.attribute/1"));
    pb_attribute_free(estimates);
    options.exact_all = true;
    assert_ok(pb_attribute_run(&estimates, model, &question, &options, err));
    assert_true(pb_attribute_spearman(estimates) <= 1);
    pb_attribute_free(estimates);
    const char *nothing = "noise:0";
    options.trace.corruptions = &nothing;
    options.trace.corruption_count = 1;
    assert_fails(pb_attribute_run(&estimates, model, &question, &options, err), PB_EINVAL, "changes no row");
    assert_null(estimates);
    assert_int_equal(pb_attribute_run(&estimates, model, &question, &options, NULL), PB_EINVAL);
    pb_model_free(model);
}

static void a_trace_can_be_written_again(void **state)
{
    (void)state;
    pb_model *model = opened(LLAVA);
    pb_trace_options options = pb_trace_defaults();
    pb_trace *trace;
    char *folder = folder_new(), *below = path_join(folder, "a/b"), *json = path_join(below, "trace.json");
    assert_ok(pb_trace_run(&trace, model, &question, &options, err));
    assert_ok(pb_trace_write(trace, below, err));
    assert_ok(pb_trace_write(trace, below, err));
    assert_true(file_exists(json));
    assert_fails(pb_trace_write(trace, json, err), PB_EIO, "trace.json");
    pb_trace_free(trace);
    pb_model_free(model);
    free(below), free(json);
    folder_remove(folder);
}

typedef struct told {
    size_t calls;
    double done, total;
    const char *what;
} told;

static void listen(void *context, const char *what, double done, double total)
{
    told *t = context;
    assert_true(done >= 0 && done <= total * (1 + 1e-9));
    if (t->what && strcmp(t->what, what) == 0)
        assert_true(done >= t->done && total == t->total);
    *t = (told){t->calls + 1, done, total, what};
}

static void progress_is_told(void **state)
{
    (void)state;
    pb_model *model = opened(LLAMA);
    pb_trace_options options = pb_trace_defaults();
    pb_trace *trace;
    told heard = {0};
    options.run.progress = listen;
    options.run.context = &heard;
    options.verify = 3;
    assert_ok(pb_trace_run(&trace, model, &question, &options, err));
    assert_true(heard.calls > 1 && heard.done > 0.99 * heard.total);
    pb_trace_free(trace);
    pb_model_free(model);
}

/* Two models at once, questions in turn: neither remembers the other, or what it was asked before. */
static void models_are_independent(void **state)
{
    (void)state;
    pb_model *a = opened(LLAVA), *b = opened(LLAMA), *c = opened(LLAVA);
    pb_model *turn[] = {a, b, c, b, a};
    double clean[5], corrupted;
    pb_trace_options options = pb_trace_defaults();
    for (size_t i = 0; i < 5; i++) {
        pb_trace *trace;
        options.run.threads = 1 + (int)(i % 2);
        assert_ok(pb_trace_run(&trace, turn[i], &question, &options, err));
        pb_trace_scores(trace, &clean[i], &corrupted);
        pb_trace_free(trace);
    }
    for (size_t i = 2; i < 5; i++) /* not to the bit: CBLAS rounds otherwise on two threads */
        assert_true(clean[i] / clean[i == 3] < 1 + 1e-4 && clean[i] / clean[i == 3] > 1 - 1e-4);
    assert_true(clean[0] != clean[1]);
    pb_model_free(b);
    pb_model_free(a);
    pb_model_free(c);
}

static void a_model_describes_itself(void **state)
{
    (void)state;
    pb_model *model = opened(LLAMA);
    char *json;
    pb_model_info(model, &json);
    json_t *object = parsed(json, "patchbay.info/1");
    assert_int_equal(json_number_value(json_object_get(object, "layers")), 3);
    assert_true(json_is_null(json_object_get(object, "image")));
    json_decref(object);
    pb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_may_be_opened_changed),
        cmocka_unit_test(nothing_can_be_freed),
        cmocka_unit_test(a_failure_leaves_nothing),
        cmocka_unit_test(errors_may_go_unread),
        cmocka_unit_test(a_trace_of_heads_can_be_read),
        cmocka_unit_test(an_answer_can_be_read),
        cmocka_unit_test(a_trace_can_be_read),
        cmocka_unit_test(estimates_can_be_read),
        cmocka_unit_test(a_trace_can_be_written_again),
        cmocka_unit_test(progress_is_told),
        cmocka_unit_test(models_are_independent),
        cmocka_unit_test(a_model_describes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
