/* test_report.c: a report of a sweep through the public interface: its header alone, but for the store that it reads. */
#include "patchbay/patchbay.h"

#include <math.h>

#include "tests/in_folder.h"

#include "data/store.h"

/* Two questions, of which one is traced; and one that nobody has come to yet. */
static void make_store(const char *path, const char *method)
{
    store *s;
    json_t *model = json_pack("{s:i}", "layers", 2), *options = json_pack("{s:i}", "seed", 1);
    json_t *dataset = json_pack("{s:i, s:s}", "rows", 3, "digest", "d");
    const store_about about = {method, model, options, dataset};
    const store_question questions[] = {{.number = 0, .id = "a", .subject = "Spain", .row = "{}"},
                                        {.number = 1, .id = "b", .row = "{}"},
                                        {.number = 2, .id = "c", .row = "{}"}};
    const double curve[] = {0.5, 0.25};
    const store_curve curves[] = {{"mlp_out/prob", "last", curve, 2}};
    const store_result results[] = {
        {.question = questions[0], .status = STORE_DONE, .correct = 1, .clean_prob = 0.75, .corrupted_prob = 0.25, .curves = curves,
         .curve_count = 1},
        {.question = questions[1], .status = STORE_FAILED, .reason = "broken", .correct = -1, .clean_prob = NAN,
         .corrupted_prob = NAN}};
    assert_ok(store_open_for(&s, path, &about, err));
    assert_ok(store_add_questions(s, questions, 3, err));
    for (size_t i = 0; i < 2; i++)
        assert_ok(store_put(s, &results[i], err));
    store_close(s);
    json_decref(model), json_decref(options), json_decref(dataset);
}

static void a_report_counts_and_writes(void **state)
{
    (void)state;
    pb_report *report;
    char *path = path_join(folder, "report.db"), *out = path_join(folder, "out"), *file = path_join(folder, "out/depth.csv");
    const char *stores[] = {path, path};
    make_store(path, "trace");
    assert_ok(pb_report_open(&report, stores, 1, &(pb_report_options){0}, err));
    pb_report_counts c = pb_report_count(report, 0);
    assert_string_equal(c.label, "report");
    assert_string_equal(c.method, "trace");
    assert_true(c.questions == 3 && c.done == 1 && c.failed == 1 && c.pending == 1 && c.wrong == 0 && c.marked == 0);
    assert_int_equal(c.subjects, 1);
    assert_ok(pb_report_write(report, out, err));
    assert_true(dir_exists(out) && !file_exists(file));
    pb_report_free(report);
    assert_ok(pb_report_open(&report, stores, 2, &(pb_report_options){.contrast = true}, err));
    assert_string_equal(pb_report_count(report, 1).label, path); /* one file twice */
    assert_ok(pb_report_write(report, out, err));
    assert_true(file_exists(file));
    pb_report_free(report);
    free(path), free(out), free(file);
}

static void what_cannot_be_reported_is_refused(void **state)
{
    (void)state;
    pb_report *report;
    char *trace = path_join(folder, "trace.db"), *flow = path_join(folder, "flow.db");
    const char *stores[] = {trace, flow};
    make_store(trace, "trace");
    make_store(flow, "flow");
    assert_fails(pb_report_open(&report, stores, 0, &(pb_report_options){0}, err), PB_EINVAL, "at least one store");
    assert_null(report);
    assert_fails(pb_report_open(&report, stores, 2, &(pb_report_options){0}, err), PB_EINVAL, "one method");
    assert_fails(pb_report_open(&report, stores, 1, &(pb_report_options){.contrast = true}, err), PB_EINVAL, "two stores");
    assert_fails(pb_report_open(&report, stores, 1, &(pb_report_options){.by = "relation"}, err), PB_EINVAL, "--by relation");
    pb_report_free(NULL);
    free(trace), free(flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(a_report_counts_and_writes),
        in_folder(what_cannot_be_reported_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
