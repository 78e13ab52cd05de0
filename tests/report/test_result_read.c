/* test_result_read.c: traces read back from their JSON make the same page and figure, to the byte; and what is wrong with a
 * file is said by name. (Flows, knockouts and lenses: beside their reports' tests.) */
#include "tests/support.h"

#include <math.h>

#include "fake_tokenizer.h"
#include "made_up.h"
#include "read_back.h"
#include "report/result_read.h"

/* ---- the same pages ---- */

static void check(const made_up_request *q)
{
    made_up m;
    trace_read t;
    made_up_make(&m, q);
    json_t *tree = read_back(report_trace_json(&m.report));
    json_at root = {.value = tree, .file = "trace.json"};
    assert_ok(trace_read_json(&t, &root, err));
    buffer made = {0}, page = {0}, drawn = {0}, figure = {0};
    report_trace_html(&m.report, &made);
    report_trace_html(&t.report, &page);
    assert_same_page(&page, &made);
    report_trace_svg(&m.report, &drawn);
    report_trace_svg(&t.report, &figure);
    assert_same_page(&figure, &drawn);
    trace_read_free(&t);
    json_decref(tree);
    made_up_free(&m);
}

static const char *const two_words[] = {"<s>", "<image>", "\n", "Wie", " ist", "* Stra\u00dfe", " \xff", "\t", "\u202e", " ", NULL};

static void traces_make_the_same_page(void **state)
{
    (void)state;
    made_up_request q = made_up_usual;
    check(&q);
    q.layers = 6, q.image_rows = 9;
    check(&q);
    q.trace_image = true;
    check(&q);
    q.grouped = true, q.direction = TRACE_NOISE, q.window_kind = WINDOW_RADIUS, q.window = 2;
    check(&q);
    q = made_up_usual;
    q.layers = 5, q.image_rows = 4, q.samples = 10, q.with_foil = true, q.severed = true, q.site_count = 4;
    check(&q);
    q.heads = 3;
    check(&q);
    q.corrupted = q.clean - 0.05, q.grouped = true;
    check(&q);
}

static void odd_texts(void **state)
{
    (void)state;
    made_up_request q = made_up_usual;
    q.tokens = two_words, q.layers = 3, q.image_rows = 4;
    q.asked[0] = 3, q.asked[1] = 7;
    check(&q);
    q.image_path = NULL, q.image_rows = 0;
    q.tokens = (const char *const[]){"Paris", "* is", " in", NULL};
    q.asked[0] = q.asked[1] = 0;
    check(&q);
}

static void estimates_make_the_same_page(void **state)
{
    (void)state;
    made_up_request q = made_up_usual;
    q.layers = 8, q.image_rows = 9, q.estimated = true;
    check(&q);
    q.all_exact = true;
    check(&q);
    q.heads = 2;
    check(&q);
}

/* ---- what is wrong ---- */

static json_t *sound_file(void)
{
    made_up m;
    made_up_request q = made_up_usual;
    q.layers = 3, q.image_rows = 4, q.heads = 2;
    made_up_make(&m, &q);
    json_t *tree = read_back(report_trace_json(&m.report));
    made_up_free(&m);
    return tree;
}

/* Reading fails, and says so in these words. */
static void refuse(json_t *tree, const char *words)
{
    trace_read t;
    json_at root = {.value = tree, .file = "trace.json"};
    assert_fails(trace_read_json(&t, &root, err), PB_EFORMAT, words);
    json_decref(tree);
}

/* The value at a path of keys, with dots between them; what is a number is an index. */
static json_t *at(json_t *tree, const char *path)
{
    char key[64];
    for (size_t n; *path; path += n + (path[n] == '.')) {
        n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        tree = json_is_array(tree) ? json_array_get(tree, strtoul(key, NULL, 10)) : json_object_get(tree, key);
    }
    return tree;
}

static void set(json_t *tree, const char *path, const char *key, json_t *value)
{
    json_t *in = at(tree, path);
    assert_non_null(in);
    if (json_is_array(in))
        json_array_set_new(in, strtoul(key, NULL, 10), value);
    else if (value)
        json_object_set_new(in, key, value);
    else
        json_object_del(in, key);
}

static void what_is_wrong_is_said_by_name(void **state)
{
    (void)state;
    const struct {
        const char *path, *key;
        json_t *value; /* NULL: left out */
        const char *words;
    } cases[] = {
        {"", "model", NULL, "trace.json: model is missing, expected an object"},
        {"model", "layers", json_string("32"), "model.layers is a string, expected a whole number from 0"},
        {"model", "d_model", json_real(-1), "model.d_model is -1, expected a whole number"},
        {"", "prompt", json_null(), "prompt is null, expected a string"},
        {"question", "1", json_real(1e6), "question[1] is 1000000, expected a whole number from 0 to"},
        {"tokens.0", "position", json_real(3), "tokens[0].position is 3, expected the row after the one before"},
        {"tokens.0", "id", json_real(0.5), "tokens[0].id is 0.5, expected a token's id"},
        {"tokens.4", "count", json_real(0), "tokens[4].count is 0, expected one row or more"},
        {"tokens.4", "count", json_real(1e12), "tokens[4].count is 1000000000000, expected a whole number"},
        {"image", "rows", json_real(5), "image.rows is 5, expected the number of the image's rows in tokens"},
        {"", "image", json_null(), "image is null, expected a picture"},
        {"constraints.0.positions", "0", json_real(500), "constraints[0].positions[0] is 500, expected a whole number from 0 to"},
        {"answer", "ids", json_array(), "answer.ids is a list of 0, expected an id or more"},
        {"window", "kind", json_string("wide"), "window.kind is a string, expected \"centred\" or \"radius\""},
        {"positions", "0", json_real(999), "positions[0] is 999, expected a whole number"},
        {"layers", "1", json_real(0), "layers[1] is 0, expected a number larger than the one before"},
        {"", "layers", json_array(), "sites.attn_out is an object, expected layers and positions at the top"},
        {"clean", "prob", json_string("0.9"), "clean.prob is a string, expected a number"},
        {"corrupted.top", "0", json_true(), "corrupted.top[0].id is missing, expected a token's id"},
        {"", "direction", json_string("up"), "direction is a string, expected \"denoise\" or \"noise\""},
        {"sites", "mlp_in", json_object(), "sites.mlp_in is an object, expected no such site"},
        {"sites.mlp_out.prob", "1", json_array(), "sites.mlp_out.prob[1] is a list of 0, expected a list of"},
        {"sites.mlp_out.prob.1", "2", json_true(), "sites.mlp_out.prob[1][2] is a boolean, expected a number"},
        {"sites.mlp_out", "logprob", NULL, "sites.mlp_out.logprob is missing, expected a list of 3"},
        {"sites.head_out.prob.2", "1", json_real(0.5), "sites.head_out.prob[2][1] is 0.5, expected a list of 2"},
        {"sites.mlp_out.restored.0", "0", json_real(0.1), "sites.mlp_out.restored[0][0] is 0.1, expected a whole number"},
        {"", "verify", json_real(1), "verify is 1, expected an object"},
        {"cost", "phases", NULL, "cost.phases is missing, expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *tree = sound_file();
        set(tree, cases[i].path, cases[i].key, cases[i].value);
        refuse(tree, cases[i].words);
    }
}

/* Every value of a sound file in turn becomes something else: it is read, or refused with a name, and nothing leaks. */
static size_t spoil(json_t *tree, json_t *in)
{
    size_t n = json_is_array(in) ? json_array_size(in) : 0, tried = 0;
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(in, next, key, value)
    {
        json_t *kept = json_incref(value);
        json_t *others[] = {json_null(), json_real(-0.5), json_string("x"), json_array(), json_object()};
        for (size_t i = 0; i < 5; i++) {
            json_object_set_new(in, key, others[i]);
            trace_read t;
            json_at root = {.value = tree, .file = "trace.json"};
            pb_error wrong;
            if (trace_read_json(&t, &root, &wrong) == PB_OK) {
                buffer page = {0};
                report_trace_html(&t.report, &page);
                buffer_free(&page);
                trace_read_free(&t);
            } else {
                assert_non_null(strstr(wrong.message, "trace.json: "));
            }
            tried++;
        }
        json_object_set_new(in, key, kept);
        tried += spoil(tree, kept);
    }
    for (size_t i = 0; i < n && i < 3; i++)
        tried += spoil(tree, json_array_get(in, i));
    return tried;
}

static void spoilt_files(void **state)
{
    (void)state;
    json_t *tree = sound_file();
    assert_true(spoil(tree, tree) > 200);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces_make_the_same_page),     cmocka_unit_test(odd_texts),
        cmocka_unit_test(estimates_make_the_same_page),  cmocka_unit_test(what_is_wrong_is_said_by_name),
        cmocka_unit_test(spoilt_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
