/* test_lines.c: a text line by line. */
#include "tests/support.h"

#include "data/lines.h"

static void assert_line(lines *l, size_t number, const char *text, bool blank)
{
    assert_true(lines_next(l));
    assert_int_equal(l->number, number);
    assert_int_equal(l->size, strlen(text));
    assert_memory_equal(l->text, text, l->size);
    assert_int_equal(lines_is_blank(l), blank);
}

static void lines_are_numbered_and_blank_ones_told(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf" "a\r\n\n \t\r\nb c\n\nd";
    lines l = lines_of(text, sizeof text - 1);
    assert_line(&l, 1, "a\r", false);
    assert_line(&l, 2, "", true);
    assert_line(&l, 3, " \t\r", true);
    assert_line(&l, 4, "b c", false);
    assert_line(&l, 5, "", true);
    assert_line(&l, 6, "d", false);
    assert_false(lines_next(&l));
}

static void what_ends_with_a_line_feed_has_no_line_behind_it(void **state)
{
    (void)state;
    lines l = lines_of("a\n", 2);
    assert_line(&l, 1, "a", false);
    assert_false(lines_next(&l));
    l = lines_of("", 0);
    assert_false(lines_next(&l));
    l = lines_of("\xef\xbb\xbf", 3);
    assert_false(lines_next(&l));
}

static void a_zero_byte_is_not_blank(void **state)
{
    (void)state;
    lines l = lines_of("\0", 1);
    assert_true(lines_next(&l));
    assert_false(lines_is_blank(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_numbered_and_blank_ones_told),
        cmocka_unit_test(what_ends_with_a_line_feed_has_no_line_behind_it),
        cmocka_unit_test(a_zero_byte_is_not_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
