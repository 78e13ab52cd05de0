/* test_edit_read.c: edits read back from their JSON make the same page and figure, to the byte; what is wrong is said by name. */
#include "tests/support.h"

#include <math.h>

#include "edit_made_up.h"
#include "read_back.h"
#include "report/result_read.h"

static void check(const edit_made_up_request *q)
{
    edit_made_up m;
    edit_read e;
    edit_made_up_make(&m, q);
    json_t *tree = read_back(report_edit_json(&m.report));
    json_at root = {.value = tree, .file = "edit.json"};
    assert_ok(edit_read_json(&e, &root, err));
    buffer made = {0}, page = {0}, drawn = {0}, figure = {0};
    report_edit_html(&m.report, &made);
    report_edit_html(&e.report, &page);
    assert_same_page(&page, &made);
    report_edit_svg(&m.report, &drawn);
    report_edit_svg(&e.report, &figure);
    assert_same_page(&figure, &drawn);
    edit_read_free(&e);
    json_decref(tree);
    edit_made_up_free(&m);
}

static void edits_make_the_same_page(void **state)
{
    (void)state;
    edit_made_up_request q = edit_made_up_usual;
    check(&q);
    q.requests = 5;
    check(&q);
    q.together = true, q.end_layer = 5;
    check(&q);
    q = edit_made_up_usual;
    q.method = EDIT_FT, q.scope = EDIT_DOWN, q.fails = true;
    check(&q);
    q.method = EDIT_FT_CONSTRAINED, q.scope = EDIT_MATRIX, q.rephrasings = q.pictures = q.neighbours = q.evaluation = 0;
    check(&q);
    q = edit_made_up_usual;
    q.awkward = true, q.image_path = NULL;
    check(&q);
}

static void sweeps_make_the_same_page(void **state)
{
    (void)state;
    edit_made_up_request q = edit_made_up_usual;
    q.sweep = true, q.first_layer = 0, q.end_layer = 8;
    check(&q);
    q.requests = 4, q.evaluation = 0;
    check(&q);
}

static json_t *sound_file(void)
{
    edit_made_up m;
    edit_made_up_request q = edit_made_up_usual;
    q.requests = 2;
    edit_made_up_make(&m, &q);
    json_t *tree = read_back(report_edit_json(&m.report));
    edit_made_up_free(&m);
    return tree;
}

static void what_is_wrong_is_said_by_name(void **state)
{
    (void)state;
    const struct {
        const char *list;  /* a key of the root; NULL: the root itself */
        const char *key;   /* in it, or in its first item */
        json_t *value;     /* NULL: left out */
        const char *words;
    } cases[] = {
        {NULL, "method", json_string("rome"), "method is a string, expected \"multedit\""},
        {NULL, "requests", json_array(), "requests is a list of 0, expected a request or more"},
        {NULL, "cost", NULL, "cost is missing, expected an object"},
        {"settings", "steps", json_real(19), "requests[0].loss is a list of 20, expected a list of 19"},
        {"settings", "steps", json_real(1e15), "settings.steps is 1e+15, expected a whole number"},
        {"settings", "lr", json_string("x"), "settings.lr is a string, expected a number"},
        {"requests", "target_ids", json_array(), "requests[0].target_ids is a list of 0, expected an id or more"},
        {"requests", "layer", json_array(), "requests[0].layer is a list of 0, expected a list of 2"},
        {"requests", "after", json_null(), "requests[0].after is null, expected an object"},
        {"requests", "question", NULL, "requests[0].question is missing, expected a string"},
        {"requests", "constraint", json_null(), "requests[0].constraint is missing, expected a string: the key is there"},
        {"efficacy", "prob", NULL, "efficacy.prob.before is missing, expected an object"},
        {"neighbourhood", "kept_interval", json_array(), "neighbourhood.kept_interval is a list of 0, expected a list of 2"},
        {"neighbourhood", "asked", json_null(), "neighbourhood.asked is null, expected a list"},
        {"specificity", "gained", json_real(-1), "specificity.gained is -1, expected a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        edit_read e;
        json_t *tree = sound_file(), *in = cases[i].list ? json_object_get(tree, cases[i].list) : tree;
        json_at root = {.value = tree, .file = "edit.json"};
        in = json_is_array(in) ? json_array_get(in, 0) : in;
        if (cases[i].value)
            json_object_set_new(in, cases[i].key, cases[i].value);
        else
            json_object_del(in, cases[i].key);
        assert_fails(edit_read_json(&e, &root, err), PB_EFORMAT, cases[i].words);
        json_decref(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_make_the_same_page),
        cmocka_unit_test(sweeps_make_the_same_page),
        cmocka_unit_test(what_is_wrong_is_said_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
