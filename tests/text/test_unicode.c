/* test_unicode.c: UTF-8 read, written, replaced; classes of characters that older Unicodes do not know. */
#include "tests/support.h"

#include "text/unicode.h"

static void every_code_point_goes_there_and_back(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char bytes[4];
        uint32_t back = 0;
        size_t n = utf8_write(c, bytes), at = 0;
        bool surrogate = c >= 0xD800 && c < 0xE000;
        if (utf8_read(bytes, n, &back) != (surrogate ? 0 : n) || (!surrogate && back != c))
            test_stop(__FILE__, __LINE__, "U+%04X is read as U+%04X", c, back);
        if (surrogate)
            continue;
        assert_int_equal(utf8_next(bytes, &at), c);
        assert_int_equal(at, n);
        assert_int_equal(utf8_before(bytes, n), 0);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(utf8_read(bytes, cut, &back), 0);
    }
}

static void check_lossy(const char *text, size_t size, const char *wanted)
{
    buffer got = {0};
    utf8_add_lossy(&got, text, size);
    assert_string_equal(got.data, wanted);
    buffer_free(&got);
}

/* The examples of the Unicode standard, chapter 3, tables 3-8 to 3-11, with "?" read as U+FFFD. */
static void invalid_pieces_become_one_replacement_each(void **state)
{
    (void)state;
#define R "\xEF\xBF\xBD"
    check_lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, R R R R R R R R "A");
    check_lossy("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9, R R R R R R R R "A");
    check_lossy("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9, R R R R R "A" R R "B");
    check_lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, R R R R "A");
    check_lossy("a\xE2\x82", 3, "a" R);
#undef R
}

static void classes(void **state)
{
    (void)state;
    assert_int_equal(unicode_classes('a'), CLASS_LETTER | CLASS_WORD);
    assert_int_equal(unicode_classes('7'), CLASS_NUMBER | CLASS_NUMERIC | CLASS_WORD);
    assert_int_equal(unicode_classes('_'), CLASS_PUNCTUATION | CLASS_WORD);
    assert_int_equal(unicode_classes('+'), CLASS_SYMBOL);
    assert_int_equal(unicode_classes(0x85), CLASS_SPACE);
    assert_int_equal(unicode_classes(0x3000), CLASS_SPACE);
    assert_int_equal(unicode_classes(0x200B), 0);                                 /* no white space */
    assert_int_equal(unicode_classes(0x301), CLASS_MARK | CLASS_WORD | CLASS_NORMAL);
    assert_int_equal(unicode_classes(0xBD), CLASS_NUMBER | CLASS_NUMERIC);
    assert_true(unicode_classes(0x1C89) & CLASS_LETTER);                          /* Unicode 16 */
    assert_int_equal(unicode_classes(0x11DE0) & (CLASS_NUMBER | CLASS_NUMERIC), CLASS_NUMERIC); /* Unicode 17 */
    assert_int_equal(unicode_classes(0x10FFFF), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_point_goes_there_and_back),
                                       cmocka_unit_test(invalid_pieces_become_one_replacement_each),
                                       cmocka_unit_test(classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
