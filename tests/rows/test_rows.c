/* test_rows.c: files of questions: what a row may say, and that a broken one is named by file, line and field. */
#define IN_FOLDER_FILE "rows.jsonl"
#include "tests/in_folder.h"

#include "base/memory.h"
#include "data/rows.h"

#define ROW(fields) "{\"question\": \"What is the capital of this country?\", " fields "}\n"

static void put_file(const char *name, const char *text)
{
    char *at = path_join(folder, name);
    assert_ok(file_write_all(at, text, strlen(text), err));
    free(at);
}

static rows read_text(const char *text, rows_use use)
{
    rows r;
    put_file("rows.jsonl", text);
    assert_ok(rows_read(&r, path, use, err));
    return r;
}

/* The message names the file, the line, and holds the words. */
static void refused(const char *text, rows_use use, size_t line, const char *words)
{
    rows r = {.count = 1};
    char place[32];
    snprintf(place, sizeof place, ": line %zu: ", line);
    put_file("rows.jsonl", text);
    assert_fails(rows_read(&r, path, use, err), PB_EFORMAT, words);
    assert_fails(rows_read(&r, path, use, err), PB_EFORMAT, place);
    assert_fails(rows_read(&r, path, use, err), PB_EFORMAT, path);
    assert_int_equal(r.count, 0);
}

static void a_row_is_read_whole(void **state)
{
    (void)state;
    put_file("pt.png", "no picture is read here");
    rows r = read_text("{\"id\": \"pt\", \"image\": \"pt.png\", \"question\": \"Caf\u00e9: where is Portugal, Portugal?\", "
                       "\"constraints\": [{\"kind\": \"textual\", \"text\": \"Portugal\", \"start\": 25, \"end\": 33}, "
                       "{\"text\": \"CAF\u00c9\"}, {\"start\": 0, \"end\": 4}], \"answers\": [\"Europe\", \"Iberia\"], "
                       "\"source\": \"s\", \"subject\": \"Portugal\", \"target\": \"Asia\", \"prefill\": \"In\", \"other\": {}}",
                       ROWS_REQUESTS);
    char *picture = path_join(folder, "pt.png");
    const row *it = &r.items[0];
    assert_int_equal(r.count, 1);
    assert_int_equal(it->line, 1);
    assert_string_equal(it->id, "pt");
    assert_string_equal(it->asked.image, picture);
    assert_int_equal(it->asked.constraint_count, 3);
    assert_string_equal(it->asked.constraints[0], "Portugal");
    assert_string_equal(it->asked.kinds[0], "textual");
    assert_int_equal(it->asked.starts[0], 25);
    assert_string_equal(it->asked.constraints[1], "CAF\u00c9");
    assert_null(it->asked.kinds[1]);
    assert_true(it->asked.starts[1] == ROWS_ANYWHERE);
    assert_string_equal(it->asked.constraints[2], "Caf\u00e9");
    assert_int_equal(it->answer_count, 2);
    assert_string_equal(it->answers[1], "Iberia");
    assert_string_equal(it->source, "s");
    assert_string_equal(it->subject, "Portugal");
    assert_string_equal(it->target, "Asia");
    assert_string_equal(it->asked.prefill, "In");
    assert_int_equal(it->rephrasing_count, 0);
    rows_free(&r);
    free(picture);
}

static void rephrasings_inherit_what_they_leave_out(void **state)
{
    (void)state;
    put_file("a.png", "");
    put_file("b.png", "");
    rows r = read_text(ROW("\"image\": \"a.png\", \"prefill\": \"It is\", \"target\": \"x\", \"rephrasings\": [\"Which?\", "
                           "{\"question\": \"Where?\", \"image\": \"b.png\", \"constraints\": [{\"text\": \"Where\"}]}, "
                           "{\"question\": \"Who?\", \"image\": null, \"prefill\": null}]"), ROWS_REQUESTS);
    const row_question *q = r.items[0].rephrasings;
    assert_int_equal(r.items[0].rephrasing_count, 3);
    assert_string_equal(q[0].question, "Which?");
    assert_string_equal(path_base(q[0].image), "a.png");
    assert_string_equal(q[0].prefill, "It is");
    assert_string_equal(path_base(q[1].image), "b.png");
    assert_string_equal(q[1].prefill, "It is");
    assert_string_equal(q[1].constraints[0], "Where");
    assert_null(q[2].image);
    assert_null(q[2].prefill);
    rows_free(&r);
}

static void blank_lines_and_line_ends_do_not_matter(void **state)
{
    (void)state;
    rows r = read_text("\xef\xbb\xbf\n" ROW("\"answers\": [\"a\"]") " \t\r\n\r\n{\"question\": \"b?\", \"answers\": [\"b\"]}\r", ROWS_QUESTIONS);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.items[0].line, 2);
    assert_int_equal(r.items[1].line, 5);
    assert_null(r.items[1].target);
    rows_free(&r);
}

static void marked_rows_lack_something(void **state)
{
    (void)state;
    rows r = read_text(ROW("\"marked\": \"no picture\"") ROW("\"answers\": [\"a\"], \"marked\": null"), ROWS_QUESTIONS);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.marked, 1);
    rows_free(&r);
    refused(ROW("\"marked\": \"no picture\", \"target\": \"x\""), ROWS_REQUESTS, 1, "is marked \"no picture\"");
}

static void a_broken_line_is_named(void **state)
{
    (void)state;
    buffer text = {0};
    for (int i = 1; i < 37; i++)
        buffer_text(&text, ROW("\"target\": \"x\""));
    buffer_text(&text, "{\"question\": \"Wh\n" ROW("\"target\": \"x\""));
    refused(text.data, ROWS_REQUESTS, 37, "is not valid JSON");
    buffer_free(&text);
    refused("[1]\n", ROWS_REQUESTS, 1, "holds an array, expected a JSON object");
    refused("\n\n{\"question\": \"a\xff\"}", ROWS_REQUESTS, 3, "is not valid JSON");
    refused("{\"question\": \"a\", \"question\": \"b\", \"target\": \"x\"}", ROWS_REQUESTS, 1, "duplicate object key");
}

static void a_bad_field_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"target\": \"x\"}", "has no \"question\""},
        {"{\"question\": null, \"target\": \"x\"}", "has no \"question\""},
        {"{\"question\": \" \", \"target\": \"x\"}", "\"question\" is empty"},
        {"{\"question\": 3, \"target\": \"x\"}", "\"question\" is a number, expected a string"},
        {ROW("\"id\": 1"), "\"id\" is a number"},
        {ROW("\"id\": \"a\""), "has no \"target\""},
        {ROW("\"target\": \"\""), "\"target\" is empty"},
        {ROW("\"target\": \"a\\u0000b\""), "\"target\" holds a NUL"},
        {ROW("\"target\": [\"a\"]"), "\"target\" is an array"},
        {ROW("\"target\": \"x\", \"image\": \"no.png\""), "\"image\": there is no file "},
        {ROW("\"target\": \"x\", \"image\": 3"), "\"image\" is a number"},
        {ROW("\"target\": \"x\", \"answers\": \"a\""), "\"answers\" is a string, expected an array"},
        {ROW("\"target\": \"x\", \"answers\": [\"a\", 2]"), "\"answers\"[1] is a number"},
        {ROW("\"target\": \"x\", \"answers\": [\"a\", \" \"]"), "\"answers\"[1] is empty"},
        {ROW("\"target\": \"x\", \"constraints\": {}"), "\"constraints\" is an object, expected an array"},
        {ROW("\"target\": \"x\", \"constraints\": [\"a\"]"), "\"constraints\"[0]: is a string, expected an object"},
        {ROW("\"target\": \"x\", \"constraints\": [{\"text\": \"a\"}, {}]"), "\"constraints\"[1]: has no \"text\""},
        {ROW("\"target\": \"x\", \"constraints\": [{\"text\": \"\"}]"), "\"constraints\"[0]: \"text\" is empty"},
        {ROW("\"target\": \"x\", \"constraints\": [{\"text\": \"this\", \"start\": 23}]"), "has \"start\" without \"end\""},
        {ROW("\"target\": \"x\", \"constraints\": [{\"text\": \"this\", \"end\": 23}]"), "has \"end\" without \"start\""},
        {ROW("\"target\": \"x\", \"constraints\": [{\"text\": \"this\", \"start\": 23, \"end\": 28}]"),
         "\"text\" is \"this\", but characters 23 to 28 of the question are \"this \""},
        {ROW("\"target\": \"x\", \"constraints\": [{\"text\": \"This\", \"start\": 23, \"end\": 27}]"), "are \"this\""},
        {ROW("\"target\": \"x\", \"constraints\": [{\"start\": 23, \"end\": 37}]"), "are no stretch of the question"},
        {ROW("\"target\": \"x\", \"constraints\": [{\"start\": 23, \"end\": 23}]"), "are no stretch of the question"},
        {ROW("\"target\": \"x\", \"constraints\": [{\"start\": -1, \"end\": 23}]"), "\"start\" is -1"},
        {ROW("\"target\": \"x\", \"constraints\": [{\"start\": 1.5, \"end\": 23}]"), "\"start\" is 1.5"},
        {ROW("\"target\": \"x\", \"rephrasings\": \"a?\""), "\"rephrasings\" is a string, expected an array"},
        {ROW("\"target\": \"x\", \"rephrasings\": [\"a?\", 3]"), "\"rephrasings\"[1]: is a number, expected a question"},
        {ROW("\"target\": \"x\", \"rephrasings\": [\"\"]"), "\"rephrasings\"[0]: \"question\" is empty"},
        {ROW("\"target\": \"x\", \"rephrasings\": [{}]"), "\"rephrasings\"[0]: has no \"question\""},
        {ROW("\"target\": \"x\", \"rephrasings\": [{\"question\": \"a\", \"constraints\": [1]}]"),
         "\"rephrasings\"[0]: \"constraints\"[0]: is a number"},
        {ROW("\"target\": \"x\", \"rephrasings\": [{\"question\": \"a\", \"image\": \"b\"}]"),
         "\"rephrasings\"[0]: \"image\": there is no file "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i][0], ROWS_REQUESTS, 1, cases[i][1]);
    refused(ROW("\"target\": \"x\""), ROWS_QUESTIONS, 1, "has no \"answers\"");
    refused(ROW("\"answers\": []"), ROWS_QUESTIONS, 1, "has no \"answers\"");
}

static void a_file_without_rows_is_refused(void **state)
{
    (void)state;
    rows r;
    put_file("rows.jsonl", "");
    assert_fails(rows_read(&r, path, ROWS_REQUESTS, err), PB_EFORMAT, "holds no requests");
    put_file("rows.jsonl", "\n \n");
    assert_fails(rows_read(&r, path, ROWS_QUESTIONS, err), PB_EFORMAT, "holds no questions");
    put_file("rows.jsonl", ROW("\"marked\": \"m\""));
    assert_fails(rows_read(&r, path, ROWS_QUESTIONS, err), PB_EFORMAT, "holds no questions that are not marked");
    assert_fails(rows_read(&r, folder, ROWS_REQUESTS, err), PB_EIO, folder);
    assert_fails(rows_read(&r, "/nowhere.jsonl", ROWS_REQUESTS, err), PB_EIO, "/nowhere.jsonl");
}

/* ---- rows that need not be whole ---- */

static void what_a_line_lacks_is_its_problem(void **state)
{
    (void)state;
    put_file("a.png", "");
    static const struct {
        const char *line, *problem; /* NULL: none */
    } cases[] = {
        {ROW("\"answers\": [\"a\"]"), NULL},
        {ROW("\"image\": \"a.png\""), NULL},
        {"{\"question\": \"Wh\n", "is not valid JSON (line 1"},
        {"[1]\n", "holds an array, expected a JSON object"},
        {"{\"answers\": [\"a\"]}\n", "has no \"question\""},
        {ROW("\"image\": \"no.png\""), "\"image\": there is no file no.png"},
        {ROW("\"answers\": [3]"), "\"answers\"[0] is a number, expected a text that says something"},
        {ROW("\"constraints\": [{\"text\": \"THIS country\"}]"), NULL},
        {ROW("\"prefill\": \"The Capital is\", \"constraints\": [{\"text\": \"capital is\"}]"), NULL},
        {ROW("\"constraints\": [{\"text\": \"that\"}]"),
         "\"constraints\"[0]: \"that\" does not occur in the question \"What is the capital of this country?\""},
        {ROW("\"constraints\": [{\"text\": \"that\", \"start\": 23, \"end\": 27}]"), "\"constraints\"[0]: \"text\" is \"that\", but"},
        {ROW("\"relation\": 3"), "\"relation\" is a number, expected a string"},
        {ROW("\"target\": \" \""), "\"target\" is empty"},
        {ROW("\"rephrasings\": [\"\"]"), "\"rephrasings\"[0]: \"question\" is empty"},
        {ROW("\"marked\": \"no picture\", \"image\": \"b.png\""), "\"image\": there is no file b.png"},
    };
    buffer text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        buffer_text(&text, cases[i].line);
    rows r = read_text(text.data, ROWS_ALL);
    assert_int_equal(r.count, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < r.count; i++) {
        const row *it = &r.items[i];
        assert_int_equal(it->line, i + 1);
        if (!cases[i].problem)
            assert_null(it->problem);
        else
            assert_ptr_equal(strstr(it->problem ? it->problem : "", cases[i].problem), it->problem);
    }
    assert_string_equal(r.items[r.count - 1].marked, "no picture");
    assert_null(r.items[0].marked);
    rows_free(&r);
    buffer_free(&text);
}

static void what_a_broken_line_has_is_kept(void **state)
{
    (void)state;
    rows r = read_text("{\"question\": \"a b?\", \"id\": \"x\", \"subject\": \"S\", \"relation\": \"of\", "
                       "\"constraints\": [{\"text\": \"a\", \"kind\": \"textual\"}, {\"text\": \"c\", \"start\": 0, \"end\": 1}], "
                       "\"image\": \"no.png\", \"answers\": [\"y\"], \"target\": \"t\", \"rephrasings\": [\"b a?\"]}\n"
                       "{\"answers\": [\"y\"], \"image\": \"no.png\"}\n", ROWS_ALL);
    const row *it = &r.items[0];
    assert_non_null(strstr(it->problem, "\"constraints\"[1]: \"text\" is \"c\""));
    assert_string_equal(it->asked.question, "a b?");
    assert_string_equal(it->id, "x");
    assert_string_equal(it->subject, "S");
    assert_string_equal(it->relation, "of");
    assert_int_equal(it->asked.constraint_count, 1);
    assert_string_equal(path_base(it->asked.image), "no.png");
    assert_string_equal(it->answers[0], "y");
    assert_string_equal(it->target, "t");
    assert_string_equal(it->rephrasings[0].question, "b a?");
    assert_null(r.items[1].asked.question);
    assert_string_equal(r.items[1].answers[0], "y");
    assert_non_null(r.items[1].asked.image);
    rows_free(&r);
}

static void every_row_has_an_id_of_its_own(void **state)
{
    (void)state;
    rows r = read_text(ROW("\"id\": \"a\"") "\n" ROW("\"id\": \"line-4\"") ROW("\"id\": null") ROW("\"id\": \"a\"") "{\n",
                       ROWS_ALL);
    static const char *const ids[] = {"a", "line-4", "line-4'", "line-5", "line-6"};
    assert_int_equal(r.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(r.items[i].id, ids[i]);
    assert_null(r.items[2].problem);
    assert_string_equal(r.items[3].problem, "\"id\" is \"a\", as on line 1");
    rows_free(&r);
}

static void only_a_file_without_lines_is_refused_then(void **state)
{
    (void)state;
    rows r;
    put_file("rows.jsonl", "\n \n");
    assert_fails(rows_read(&r, path, ROWS_ALL, err), PB_EFORMAT, "holds no questions");
    assert_fails(rows_read(&r, "/nowhere.jsonl", ROWS_ALL, err), PB_EIO, "/nowhere.jsonl");
    r = read_text(ROW("\"marked\": \"m\""), ROWS_ALL);
    assert_int_equal(r.count, 1);
    rows_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(a_row_is_read_whole),
        in_folder(rephrasings_inherit_what_they_leave_out),
        in_folder(blank_lines_and_line_ends_do_not_matter),
        in_folder(marked_rows_lack_something),
        in_folder(a_broken_line_is_named),
        in_folder(a_bad_field_is_named),
        in_folder(a_file_without_rows_is_refused),
        in_folder(what_a_line_lacks_is_its_problem),
        in_folder(what_a_broken_line_has_is_kept),
        in_folder(every_row_has_an_id_of_its_own),
        in_folder(only_a_file_without_lines_is_refused_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
