/* test_vqa.c: answers as VQA's evaluation compares them. The table's right column is what vqaEval.py makes of the left
 * one. */
#include "tests/support.h"

#include "method/vqa.h"

static const char *const table[][2] = {
    {"", ""},
    {"red\x1c" "blue", "red blue"}, /* an information separator parts words in Python */
    {"Lisbon", "lisbon"},
    {"  The capital is Lisbon.\n", "capital is lisbon"},
    {"A man, an apple and the dog", "man apple and dog"},
    {"Two", "2"},
    {"none of them", "0 of them"},
    {"ten-four", "10 4"},
    {"3.5", "3.5"},
    {"No. 3.", "no 3"},
    {"U.S.A.", "usa"},
    {"p.3 .5", "p.3 .5"},
    {"1,000 dollars", "1000 dollars"},
    {"1,000-2,000", "10002000"},            /* a comma between digits takes every mark away */
    {"red/blue", "red blue"},
    {"red / blue/green", "red bluegreen"},  /* a mark that stands beside a space somewhere */
    {"yes, no,maybe", "yes nomaybe"},
    {"yes,no", "yes no"},
    {"what?!", "what"},
    {"dont know", "don't know"},
    {"don't", "don't"},
    {"Im 5 oclock", "im 5 o'clock"},
    {"somebody'd", "somebodyd"},
    {"10:30", "10:30"},
    {"(left)", "left"},
    {"the", ""},
    {"A", ""},
    {"\"Ten\" [tens]", "10 tens"},
    {"\xC3\x89" "COLE \xC3\x84rzte", "\xC3\xA9" "cole \xC3\xA4rzte"},
    {"a\tb\nc", "b c"},
    {"x\xC2\xA0y", "x y"},                  /* a no-break space parts words */
    {"\xFFzero zero", "\xFFzero 0"},        /* no UTF-8: kept */
    {"3.)5 6.", "3 5 6"},
    {". . .", ""},
    {"................................................", "................"}, /* 48: 32 go */
};

static void texts_are_normalised(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer b = {0};
        vqa_normalise(table[i][0], &b);
        assert_string_equal(b.data, table[i][1]);
        buffer_free(&b);
    }
}

static void normalising_appends(void **state)
{
    (void)state;
    buffer b = {0};
    vqa_normalise("The One", &b);
    vqa_normalise("two", &b);
    assert_string_equal(b.data, "12");
    buffer_free(&b);
}

static void whole_words_are_contained(void **state)
{
    (void)state;
    assert_true(vqa_contains(" The capital is Lisbon.", "lisbon"));
    assert_true(vqa_contains("Rio de Janeiro, Brazil", "Rio de Janeiro"));
    assert_true(vqa_contains("two dogs", "2"));
    assert_true(vqa_contains("2 dogs", "Two"));
    assert_true(vqa_contains("the Netherlands", "The Netherlands"));
    assert_false(vqa_contains("Lisbonne", "Lisbon"));
    assert_false(vqa_contains("New Lisbon", "New Lis"));
    assert_false(vqa_contains("Janeiro de Rio", "Rio de Janeiro"));
    assert_false(vqa_contains("no\nLisbon", "Lisbon")); /* cut at the newline */
    assert_true(vqa_contains("Lisbon\nno", "Lisbon"));
    assert_false(vqa_contains("the answer", "the")); /* nothing remains of it */
    assert_false(vqa_contains("", "Lisbon"));
}

static void answers_are_the_same(void **state)
{
    (void)state;
    assert_true(vqa_same(" The Lisbon.", "lisbon"));
    assert_true(vqa_same("Lisbon\nIt is", "Lisbon\nYes"));
    assert_false(vqa_same("Lisbon", "Lisbon Lisbon"));
    assert_true(vqa_same("", "the"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_normalised),
        cmocka_unit_test(normalising_appends),
        cmocka_unit_test(whole_words_are_contained),
        cmocka_unit_test(answers_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
