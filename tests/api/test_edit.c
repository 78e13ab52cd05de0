/* test_edit.c: edits through the public interface, as a program that links the library uses it: its header alone. */
#include "patchbay/patchbay.h"

#define IN_FOLDER_FILE "file"
#include "tests/in_folder.h"

#include <jansson.h>
#include <math.h>

#define LLAVA GOLDEN("data/model/llava")
#define PICTURE GOLDEN("data/image/rgb.jpg")
#define OTHER GOLDEN("data/image/photo.png")

static const char *const constraint = "this country";
static const pb_question question = {.question = "What is the capital of this country?", .constraints = &constraint,
                                     .constraint_count = 1};

static pb_model *model;

static int open_model(void **state)
{
    (void)state;
    return pb_model_open(&model, LLAVA, NULL, NULL);
}

static int close_model(void **state)
{
    (void)state;
    pb_model_free(model);
    return 0;
}

static pb_edit_options quick(void)
{
    pb_edit_options o = pb_edit_defaults();
    o.first_layer = 1;
    o.end_layer = 2;
    o.steps = 4;
    o.lr = 0.5;
    return o;
}

static json_t *json_of(const pb_edit *e)
{
    char *text;
    pb_edit_json(e, &text);
    json_t *json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), "patchbay.edit/1");
    return json;
}

static double first_prob(void)
{
    pb_answer *answer;
    int32_t id;
    const char *text;
    double prob;
    assert_ok(pb_ask(&answer, model, &question, 1, 1, NULL, err));
    assert_true(pb_answer_top(answer, 0, &id, &text, &prob));
    pb_answer_free(answer);
    return prob;
}

static void nothing_can_be_freed(void **state)
{
    (void)state;
    pb_edit_free(NULL);
    pb_edit_requests_free(NULL);
    pb_eval_questions_free(NULL);
}

static void an_edit_changes_an_answer_and_leaves_the_model(void **state)
{
    (void)state;
    const pb_edit_method methods[] = {PB_MULTEDIT, PB_FT, PB_FT_CONSTRAINED};
    double unedited = first_prob();
    for (size_t i = 0; i < 3; i++) {
        pb_edit_request request = {.question = question, .target = "Paris"};
        pb_edit_options options = quick();
        pb_edit *e;
        const char *before, *after;
        double prob_before, prob_after;
        options.method = methods[i];
        options.lr = i ? NAN : 0.5;
        assert_ok(pb_edit_run(&e, model, &request, 1, NULL, 0, &options, err));
        assert_true(pb_edit_answers(e, 0, &before, &after, &prob_before, &prob_after));
        assert_true(before && after && prob_after > prob_before && prob_before > 0);
        assert_false(pb_edit_answers(e, 1, &before, &after, &prob_before, &prob_after));
        assert_true(first_prob() == unedited);
        assert_ok(pb_edit_save_merged(e, path, err));
        assert_true(first_prob() == unedited);
        char *text;
        pb_edit_text(e, &text);
        assert_non_null(strstr(text, "What is the capital of this country?"));
        free(text);
        pb_edit_free(e);
        folder_remove(path);
        path = path_join(folder, "file");
    }
}

/* What was handed in may be gone when the result is looked at. */
static void an_edit_keeps_what_it_reports(void **state)
{
    (void)state;
    char *words = strdup("this country"), *asked = strdup("Is this country this country?"), *target = strdup("Paris");
    char *image = strdup(PICTURE), *other = strdup("Where is this?"), *subject = strdup("Utopia"), *file = strdup("f: line 3");
    size_t start = 16;
    pb_question rephrasing = {.question = other, .image = image};
    pb_edit_request request = {
        .name = file, .id = subject, .subject = subject, .target = target, .rephrasings = &rephrasing, .rephrasing_count = 1,
        .question = {.question = asked, .image = image, .constraints = (const char *const *)&words, .constraint_count = 1,
                     .constraint_starts = &start}};
    const char *answer = other;
    pb_eval_question eval = {.id = subject, .question = {.question = other, .image = OTHER}, .answers = &answer, .answer_count = 1};
    pb_edit_options options = quick();
    pb_edit *e;
    assert_ok(pb_edit_run(&e, model, &request, 1, &eval, 1, &options, err));
    char *const texts[] = {words, asked, target, image, other, subject, file};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        memset(texts[i], '#', strlen(texts[i]));
        free(texts[i]);
    }
    start = 0;
    assert_ok(pb_edit_write(e, path, err));
    json_t *json = json_of(e), *found = json_array_get(json_object_get(json, "requests"), 0);
    assert_string_equal(json_string_value(json_object_get(found, "question")), "Is this country this country?");
    assert_string_equal(json_string_value(json_object_get(found, "image")), PICTURE);
    assert_string_equal(json_string_value(json_object_get(found, "target")), "Paris");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "specificity"), "questions")), 1);
    json_decref(json);
    pb_edit_free(e);
}

/* A picture is its file, however it is spelled: not its own neighbour, and of the subject that another question says. */
static void one_picture_under_two_names_is_one(void **state)
{
    (void)state;
    pb_edit_request request = {.question = question, .target = "Paris"};
    pb_eval_question eval[] = {{.question = question, .answers = &constraint, .answer_count = 1, .subject = "Utopia"},
                               {.question = question, .answers = &constraint, .answer_count = 1, .subject = "Elsewhere"}};
    pb_edit_options options = quick();
    pb_edit *e;
    request.question.image = PICTURE;
    eval[0].question.image = GOLDEN("data/model/../image/rgb.jpg");
    eval[1].question.image = OTHER;
    assert_ok(pb_edit_run(&e, model, &request, 1, eval, 2, &options, err));
    json_t *json = json_of(e), *neighbours = json_object_get(json_object_get(json, "neighbourhood"), "asked");
    assert_int_equal(json_array_size(neighbours), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(neighbours, 0), "subject")), "Elsewhere");
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(json, "requests"), 0), "subject")),
                        "Utopia");
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "specificity"), "asked")), 1);
    json_decref(json);
    pb_edit_free(e);
}

static void requests_that_cannot_be_met_say_why(void **state)
{
    (void)state;
    pb_edit *e = (pb_edit *)&question;
    pb_edit_request good = {.question = question, .target = "Paris"}, bad[2] = {good, good};
    pb_edit_options options = quick(), odd;
    assert_fails(pb_edit_run(&e, model, &good, 0, NULL, 0, &options, err), PB_EINVAL, "no request");
    assert_null(e);
    bad[1].target = NULL;
    assert_fails(pb_edit_run(&e, model, bad, 2, NULL, 0, &options, err), PB_EINVAL, "request 1: the target is empty");
    bad[1] = good;
    bad[1].question.constraint_count = 0;
    assert_fails(pb_edit_run(&e, model, bad, 2, NULL, 0, &options, err), PB_EINVAL, "request 1: there is no constraint");
    bad[1].name = "mine";
    assert_fails(pb_edit_run(&e, model, bad, 2, NULL, 0, &options, err), PB_EINVAL, "mine: there is no constraint");
    odd = options;
    odd.preset = "best";
    assert_fails(pb_edit_run(&e, model, &good, 1, NULL, 0, &odd, err), PB_EINVAL, "known are default, official");
    odd = options;
    odd.clamp = -1;
    assert_fails(pb_edit_run(&e, model, &good, 1, NULL, 0, &odd, err), PB_EINVAL, "clamp is -1");
    odd.clamp = INFINITY;
    assert_fails(pb_edit_run(&e, model, &good, 1, NULL, 0, &odd, err), PB_EINVAL, "clamp is inf");
    odd = options;
    odd.end_layer = 99;
    assert_fails(pb_edit_run(&e, model, &good, 1, NULL, 0, &odd, err), PB_EINVAL, "0:4");
    odd = options;
    odd.method = PB_FT;
    odd.each_layer = true;
    assert_fails(pb_edit_run(&e, model, &good, 1, NULL, 0, &odd, err), PB_EINVAL, "multedit");
    assert_int_equal(pb_edit_run(&e, model, bad, 2, NULL, 0, &options, NULL), PB_EINVAL);
}

static void what_cannot_be_saved_is_refused(void **state)
{
    (void)state;
    pb_edit_request two[] = {{.question = question, .target = "Paris"}, {.question = question, .target = "Lisbon"}};
    pb_edit_options options = quick();
    pb_edit *e;
    assert_ok(pb_edit_run(&e, model, two, 2, NULL, 0, &options, err));
    assert_fails(pb_edit_save_lora(e, path, err), PB_EINVAL, "2 edits were made");
    assert_fails(pb_edit_save_merged(e, path, err), PB_EINVAL, "2 edits were made");
    pb_edit_free(e);
    options.method = PB_FT;
    assert_ok(pb_edit_run(&e, model, two, 1, NULL, 0, &options, err));
    assert_fails(pb_edit_save_lora(e, path, err), PB_EUNSUPPORTED, "no low rank");
    pb_edit_free(e);
    options = quick();
    options.each_layer = true;
    assert_ok(pb_edit_run(&e, model, two, 1, NULL, 0, &options, err));
    assert_fails(pb_edit_save_merged(e, path, err), PB_EINVAL, "choose a layer");
    pb_edit_free(e);
    assert_false(file_exists(path) || dir_exists(path));
}

static void files_of_requests_can_be_read(void **state)
{
    (void)state;
    static const char text[] = "{\"question\": \"Is this country large?\", \"target\": \"no\", \"id\": \"a\", \"constraints\": "
                               "[{\"text\": \"this country\", \"start\": 3, \"end\": 15}], \"rephrasings\": [\"Large?\"], "
                               "\"answers\": [\"yes\"]}\n";
    pb_edit_requests *requests;
    pb_eval_questions *questions;
    size_t count;
    assert_ok(file_write_all(path, text, strlen(text), err));
    assert_ok(pb_edit_requests_read(&requests, path, err));
    const pb_edit_request *r = pb_edit_requests_all(requests, &count);
    assert_int_equal(count, 1);
    assert_string_equal(r->target, "no");
    assert_int_equal(r->question.constraint_starts[0], 3);
    assert_string_equal(r->rephrasings[0].question, "Large?");
    assert_ok(pb_eval_questions_read(&questions, path, err));
    assert_string_equal(pb_eval_questions_all(questions, &count)->answers[0], "yes");
    assert_int_equal(pb_eval_questions_marked(questions), 0);
    pb_edit *e;
    pb_edit_options options = quick();
    assert_ok(pb_edit_run(&e, model, r, count, NULL, 0, &options, err));
    pb_edit_free(e);
    pb_edit_requests_free(requests);
    pb_eval_questions_free(questions);
    assert_ok(file_write_all(path, "{}", 2, err));
    assert_fails(pb_edit_requests_read(&requests, path, err), PB_EFORMAT, "line 1: has no \"question\"");
    assert_null(requests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_can_be_freed),
        in_folder(an_edit_changes_an_answer_and_leaves_the_model),
        in_folder(an_edit_keeps_what_it_reports),
        cmocka_unit_test(one_picture_under_two_names_is_one),
        cmocka_unit_test(requests_that_cannot_be_met_say_why),
        in_folder(what_cannot_be_saved_is_refused),
        in_folder(files_of_requests_can_be_read),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
