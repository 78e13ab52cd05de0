/* test_error.c: failures carry their words, whole and harmless. */
#include "tests/support.h"

static void a_failure_fills_code_and_message_and_clears_the_hint(void **state)
{
    (void)state;
    pb_error err = {.hint = "old"};
    assert_int_equal(fail(&err, PB_EFORMAT, "%s: %d", "file", 7), PB_EFORMAT);
    assert_int_equal(err.code, PB_EFORMAT);
    assert_string_equal(err.message, "file: 7");
    assert_string_equal(err.hint, "");
    assert_int_equal(fail_hint(&err, "try %d", 8), PB_EFORMAT);
    assert_string_equal(err.message, "file: 7");
    assert_string_equal(err.hint, "try 8");
}

static void a_caller_that_wants_no_words_may_pass_null(void **state)
{
    (void)state;
    assert_int_equal(fail(NULL, PB_EIO, "x"), PB_EIO);
    assert_int_not_equal(fail_hint(NULL, "x"), PB_OK);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    pb_error err;
    char text[3 * sizeof err.message];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) /* U+1F600, four bytes */
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        (void)fail(&err, PB_EIO, "%s", text);
        size_t n = strlen(err.message);
        assert_true(n > sizeof err.message - 9);
        assert_int_equal((n - shift) % 4, 0);
        assert_memory_equal(err.message, text, n);
    }
}

static void a_message_may_quote_the_one_it_replaces(void **state)
{
    (void)state;
    pb_error err;
    (void)fail(&err, PB_EIO, "inner");
    (void)fail(&err, PB_EIO, "outer: %s", err.message);
    assert_string_equal(err.message, "outer: inner");
}

static void control_characters_become_spaces(void **state)
{
    (void)state;
    pb_error err;
    (void)fail(&err, PB_EIO, "a\nb\033[2Jc\x7f");
    assert_string_equal(err.message, "a b [2Jc ");
}

static void bytes_of_any_kind_can_be_shown(void **state)
{
    (void)state;
    char many[100];
    memset(many, 'm', sizeof many);
    assert_string_equal(shown_bytes("a b\0\n\xff.", 7).text, "a b???.");
    assert_string_equal(shown_bytes(NULL, 0).text, "");
    assert_int_equal(strlen(shown_bytes(many, 64).text), 64);
    assert_int_equal(strlen(shown_bytes(many, 65).text), 67);
    assert_string_equal(shown_bytes(many, 100).text + 62, "mm...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_fills_code_and_message_and_clears_the_hint),
        cmocka_unit_test(a_caller_that_wants_no_words_may_pass_null),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_message_may_quote_the_one_it_replaces),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(bytes_of_any_kind_can_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
