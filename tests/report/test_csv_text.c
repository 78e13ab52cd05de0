/* test_csv_text.c: tables are read back as they were meant. */
#include "tests/support.h"

#include <math.h>

#include "report/csv_text.h"

static void assert_line(buffer *b, const char *expected)
{
    csv_end(b);
    assert_string_equal(b->data, expected);
    buffer_free(b);
}

static void texts_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    buffer b = {0};
    csv_text(&b, "plain"), csv_text(&b, "two words"), csv_text(&b, "a,b"), csv_text(&b, "say \"so\""), csv_text(&b, "l\ni\r");
    csv_text(&b, " edge"), csv_text(&b, ""), csv_text(&b, NULL), csv_text(&b, "Åland");
    assert_line(&b, "plain,two words,\"a,b\",\"say \"\"so\"\"\",\"l\ni\r\",\" edge\",\"\",,Åland\n");
}

/* What is not there first in a line still is a field. */
static void a_line_may_begin_with_nothing(void **state)
{
    (void)state;
    buffer b = {0};
    csv_text(&b, NULL), csv_count(&b, 1);
    csv_end(&b);
    csv_number(&b, NAN), csv_count(&b, 2);
    csv_end(&b);
    csv_text(&b, "\n"), csv_count(&b, 3);
    assert_line(&b, "\"\",1\n\"\",2\n\"\n\",3\n");
}

static void numbers_have_nine_digits(void **state)
{
    (void)state;
    buffer b = {0};
    csv_number(&b, 1.0 / 3), csv_number(&b, -0.0), csv_number(&b, 123456789012), csv_number(&b, 1e-20), csv_number(&b, INFINITY);
    csv_interval(&b, &(interval){.mean = 0.5, .low = NAN, .high = 2, .questions = 7, .subjects = 3});
    assert_line(&b, "0.333333333,0,1.23456789e+11,1e-20,,7,3,0.5,,2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_quoted_where_they_must_be),
        cmocka_unit_test(a_line_may_begin_with_nothing),
        cmocka_unit_test(numbers_have_nine_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
