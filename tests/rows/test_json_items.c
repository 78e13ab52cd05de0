/* test_json_items.c: the items of a long list, found without parsing it. */
#include "tests/support.h"

#include "base/memory.h"
#include "data/json_items.h"

/* All items with bars between, each after the number of its line. */
static void assert_items(const char *text, const char *key, const char *items, bool ended)
{
    json_items it;
    buffer b = {0};
    assert_ok(json_items_open(&it, text, strlen(text), key, "f.json", err));
    while (json_items_next(&it))
        buffer_printf(&b, "%zu %.*s|", it.line, (int)it.item_size, it.item);
    assert_string_equal(b.data ? b.data : "", items);
    if (ended)
        assert_ok(json_items_ended(&it, err));
    else
        assert_fails(json_items_ended(&it, err), PB_EFORMAT, "f.json: breaks off inside of its list");
    buffer_free(&b);
}

static void items_are_found_by_brackets_and_quotes(void **state)
{
    (void)state;
    assert_items("[]", NULL, "", true);
    assert_items("\xef\xbb\xbf [1, \"a]\\\"}\" ,\n{\"b\": [{}, \"]\"]},true]", NULL, "1 1|1 \"a]\\\"}\"|2 {\"b\": [{}, \"]\"]}|2 true|", true);
    assert_items("{\"x\": {\"list\": [0]}, \"y\": \"list\", \"list\":\n[{\"a\": 1},\n{broken}]}", "list", "2 {\"a\": 1}|3 {broken}|", true);
    assert_items("[1,,2]", NULL, "1 1|1 |1 2|", true);
}

static void a_list_that_breaks_off_says_so(void **state)
{
    (void)state;
    assert_items("[1, {\"a\": 2}, {\"b\"", NULL, "1 1|1 {\"a\": 2}|", false);
    assert_items("[", NULL, "", false);
    assert_items("[1}", NULL, "1 1|", false);
    assert_items("[\"a", NULL, "", false);
}

static void what_has_no_such_list_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[1]", "{\"list\"}", "{\"list\": {}}", "{\"a\": 1}", "{\"a\": [}", "{a: []}", "{\"list\":"};
    json_items it;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_fails(json_items_open(&it, texts[i], strlen(texts[i]), "list", "f.json", err), PB_EFORMAT, "f.json: has no list \"list\"");
    assert_fails(json_items_open(&it, "{}", 2, NULL, "f.json", err), PB_EFORMAT, "f.json: holds no list");
}

static void a_member_is_parsed_by_itself(void **state)
{
    (void)state;
    const char *text = "{\"a\": [1, 2], \"b\": \"val\", \"c\": }";
    json_t *member = json_items_member(text, strlen(text), "b");
    assert_string_equal(json_string_value(member), "val");
    json_decref(member);
    assert_null(json_items_member(text, strlen(text), "c"));
    assert_null(json_items_member(text, strlen(text), "d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_found_by_brackets_and_quotes),
        cmocka_unit_test(a_list_that_breaks_off_says_so),
        cmocka_unit_test(what_has_no_such_list_is_refused),
        cmocka_unit_test(a_member_is_parsed_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
