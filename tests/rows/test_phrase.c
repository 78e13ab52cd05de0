/* test_phrase.c: where phrases stand in texts, counted in code points. */
#include "tests/support.h"

#include "data/phrase.h"

static void assert_placed(const char *text, const char *phrase, size_t start, size_t length)
{
    size_t n;
    assert_int_equal(phrase_place(text, phrase, &n), start);
    if (start != PHRASE_NOWHERE)
        assert_int_equal(n, length);
}

static void phrases_are_found_folded(void **state)
{
    (void)state;
    assert_int_equal(phrase_find("What is the capital of This Country?", "this country", 0), 23);
    assert_int_equal(phrase_find("\u00c9t\u00e9 \u00c9T\u00c9", "\u00e9t\u00e9", 0), 0);
    assert_int_equal(phrase_find("\u00c9t\u00e9 \u00c9T\u00c9", "\u00e9t\u00e9", 1), 4);
    assert_true(phrase_find("abc", "abcd", 0) == PHRASE_NOWHERE);
    assert_true(phrase_find("abc", "", 0) == PHRASE_NOWHERE);
    assert_true(phrase_find("abc", "c", 9) == PHRASE_NOWHERE);
    assert_int_equal(phrase_length("\u6771\u4eac tower"), 8);
}

static void written_phrases_are_placed(void **state)
{
    (void)state;
    assert_placed("Is this a castle?", " this ", 3, 4);
    assert_placed("Is this castle old?", " , This  Castle,", 3, 11);
    assert_placed("Is this castle old?", "this castle\u3002", 3, 11);
    assert_placed("Is this \"castle\" old?", "this \"castle\",", 3, 13);
    assert_placed("Is this castle old?", "\"this castle\"", 3, 11);
    assert_placed("Is this  castle old?", "this  castle", 3, 12);
    assert_placed("Is this \u00a0 castle old?", "this castle,", 3, 13);
    assert_placed("Is this\r\ncastle  old?", "this castle", 3, 12);
    assert_placed("Is this  ", "this ,castle", PHRASE_NOWHERE, 0);
    assert_placed("Is thiscastle old?", "this castle", PHRASE_NOWHERE, 0);
    assert_placed("Is this castle old?", "the castle", PHRASE_NOWHERE, 0);
    assert_placed("Is this castle old?", " ,", PHRASE_NOWHERE, 0);
    assert_placed("Is this castle old?", "", PHRASE_NOWHERE, 0);
}

static void whole_words_come_first(void **state)
{
    (void)state;
    assert_placed("Does the catalogue show a cat?", "cat", 26, 3);
    assert_placed("Does the catalogue show it?", "cat", 9, 3);
    assert_placed("cat", "cat", 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phrases_are_found_folded),
        cmocka_unit_test(written_phrases_are_placed),
        cmocka_unit_test(whole_words_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
