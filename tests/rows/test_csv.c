/* test_csv.c: tables as RFC 4180 has them, and what becomes of records that are none. */
#include "tests/support.h"

#include "data/csv.h"

static csv open_text(const char *text)
{
    csv c;
    assert_ok(csv_open(&c, text, strlen(text), "t.csv", err));
    return c;
}

/* The fields of the next record, with bars between. */
static void assert_record(csv *c, size_t line, const char *fields, const char *problem)
{
    buffer b = {0};
    assert_true(csv_next(c));
    for (size_t i = 0; i < c->field_count; i++)
        buffer_printf(&b, "%s%s", i ? "|" : "", c->fields[i]);
    assert_string_equal(b.data ? b.data : "", fields);
    assert_int_equal(c->line, line);
    assert_string_equal(c->problem ? c->problem : "", problem ? problem : "");
    buffer_free(&b);
}

static void quotes_commas_and_line_breaks(void **state)
{
    (void)state;
    csv c = open_text("\xef\xbb\xbf, a ,b\r\n1,\"x, \"\"y\"\"\r\nz\",\r\n\r\n2,\xe6\x9d\xb1\xe4\xba\xac,\"\"\n3, \"s\" ,a\"b\"c\r4,\"q\"r,\"\n\"");
    assert_string_equal(c.columns[0], "");
    assert_string_equal(c.columns[1], "a");
    assert_record(&c, 2, "1|x, \"y\"\r\nz|", NULL);
    assert_string_equal(csv_get(&c, "a"), "x, \"y\"\r\nz");
    assert_null(csv_get(&c, "c"));
    assert_record(&c, 5, "2|\xe6\x9d\xb1\xe4\xba\xac|", NULL);
    assert_record(&c, 6, "3| \"s\" |a\"b\"c", NULL);
    assert_record(&c, 7, "4|qr|\n", NULL);
    assert_false(csv_next(&c));
    csv_close(&c);
}

static void broken_records_do_not_take_others_with_them(void **state)
{
    (void)state;
    csv c = open_text("a,b\n1\n1,2,3\n\xff,x\xc3\nok,ok\n\"open,\n1,2\n");
    assert_record(&c, 2, "1", "has fewer fields than the header");
    assert_null(csv_get(&c, "b"));
    assert_record(&c, 3, "1|2|3", "has more fields than the header");
    assert_record(&c, 4, "\xef\xbf\xbd|x\xef\xbf\xbd", "is not UTF-8");
    assert_record(&c, 5, "ok|ok", NULL);
    assert_record(&c, 6, "open,\n1,2\n", "has a quote that is never closed");
    assert_false(csv_next(&c));
    csv_close(&c);
    assert_ok(csv_open(&c, "a,b\n1\0" "2,3\n", 10, "t.csv", err));
    assert_record(&c, 2, "1|3", "holds a NUL character");
    csv_close(&c);
}

static void a_record_that_is_too_long_is_let_go(void **state)
{
    (void)state;
    size_t size = 2 * CSV_RECORD_MOST;
    buffer text = {0};
    buffer_text(&text, "a,b\nfirst,");
    while (text.size < size)
        buffer_text(&text, "0123456789");
    buffer_text(&text, "\n1,2\n");
    csv c = open_text(text.data);
    assert_record(&c, 2, "first", "is longer than 4 MiB");
    assert_record(&c, 3, "1|2", NULL);
    csv_close(&c);
    buffer_free(&text);
}

static void what_is_no_table_is_refused(void **state)
{
    (void)state;
    csv c;
    assert_fails(csv_open(&c, "", 0, "t.csv", err), PB_EFORMAT, "t.csv: is empty");
    assert_fails(csv_open(&c, "\xef\xbb\xbf\r\n\n", 6, "t.csv", err), PB_EFORMAT, "t.csv: is empty");
    assert_fails(csv_open(&c, "\xff\xfe" "a\0", 4, "t.csv", err), PB_EFORMAT, "t.csv: is UTF-16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_commas_and_line_breaks),
        cmocka_unit_test(broken_records_do_not_take_others_with_them),
        cmocka_unit_test(a_record_that_is_too_long_is_let_go),
        cmocka_unit_test(what_is_no_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
