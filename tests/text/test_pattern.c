/* test_pattern.c: split patterns, one construct after the other, and those that are refused. */
#include "tests/support.h"

#include "base/memory.h"
#include "text/pattern.h"

/* The matches of `regex` in `text`, with bars around them. */
static void check(const char *regex, const char *text, const char *wanted)
{
    pattern *p = NULL;
    size_t size = strlen(text), at = 0, start, end;
    buffer got = {0};
    assert_ok(pattern_regex(&p, regex, strlen(regex), "file", "field", err));
    while (pattern_find(p, text, size, at, &start, &end)) {
        buffer_printf(&got, "%.*s|%.*s|", (int)(start - at), text + at, (int)(end - start), text + start);
        at = end;
    }
    buffer_text(&got, text + at);
    assert_string_equal(got.data, wanted);
    buffer_free(&got);
    pattern_free(p);
}

static void constructs(void **state)
{
    (void)state;
    check("a", "banana", "b|a|n|a|n|a|");
    check("an|ana|n", "banana", "b|an||an|a");
    check("[a-cx-]+", "abc-d", "|abc-|d");
    check("[^a\\n]+", "aéb\nc", "a|éb|\n|c|");
    check("\\p{L}+", "añ1日本٣", "|añ|1|日本|٣");
    check("\\P{L}+", "añ1日٣", "añ|1|日|٣|");
    check("[^\\s\\p{L}\\p{N}]+", "a1 -!\xC2\x85—", "a1 |-!|\xC2\x85|—|");
    check("[\\S]+", " a\xE3\x80\x80" "b", " |a|\xE3\x80\x80|b|");
    check("\\s+(?!\\S)|\\s+", "a   b  ", "a|  || |b|  |");
    check("a(?=b)", "abac", "|a|bac");
    check("\\s*[\\r\\n]+", " \n \nx", "| \n \n|x");
    check("\\p{N}{1,3}", "12345", "|123||45|");
    check("a{2}", "aaaaa", "|aa||aa|a");
    check("a{2,}", "aaaaab", "|aaaaa|b");
    check("x?+x", "xx", "|xx|");   /* possessive: the first x is not given back, */
    check("x?+xx", "xx", "xx");    /* so this one needs three */
    check("a*+ab|b", "aab", "aa|b|");
    check("(?:ab)?c", "abcc", "|abc||c|");
    check("(a|b)c", "acbc", "|ac||bc|");
    check(".", "a\nb", "|a|\n|b|");
    check("\\.\\[\\]\\\\", "x.[]\\", "x|.[]\\|");
}

static void case_folds(void **state)
{
    (void)state;
    check("(?i:'s|'t|'re)", "'S'ſ'T'Re're's", "|'S||'ſ||'T||'Re||'re||'s|");
    check("(?i:[k-m])x", "KxKxLx", "|Kx||Kx||Lx|");
    check("(?i:a)a", "Aaaa", "|Aa||aa|"); /* ends with the group */
    check("é", "É", "É");
}

static void refused(const char *regex, const char *words)
{
    pattern *p = NULL;
    assert_fails(pattern_regex(&p, regex, strlen(regex), "file", "field", err), PB_EUNSUPPORTED, words);
    assert_fails(pattern_regex(&p, regex, strlen(regex), "file", "field", err), PB_EUNSUPPORTED, "file: field: ");
    assert_null(p);
}

static void unknown_constructs_are_refused(void **state)
{
    (void)state;
    static const char *const unknown[][2] = {
        {"\\w", "an escape that is not known"},    {"\\d+", "an escape"},        {"\\bx", "an escape"},
        {"\\1", "an escape"},                      {"\\p{Lu}", "a property"},    {"\\p{^L}", "a property"},
        {"^a", "something that is not known"},     {"a$", "something"},          {"a+?", "a lazy or repeated"},
        {"a**", "a lazy or repeated"},             {"a{1,2}+", "something behind"}, {"a{,2}", "counts"},
        {"a{2,1}", "counts"},                      {"a{99999}", "counts"},       {"(ab)+", "a repeated group"},
        {"(?<=a)b", "a group of a kind"},          {"(?>a)", "a group of a kind"}, {"(?i)a", "a group of a kind"},
        {"[a[b]]", "a set inside"},                {"[a&&b]", "a set inside"},   {"[]a]", "an empty set"},
        {"[b-a]", "a range"},                      {"[a-\\s]", "a range"},       {"[a", "a set that does not end"},
        {"(a", "a group that does not end"},       {"a)", "a parenthesis"},      {"a|", "alternatives that match no"},
        {"a*", "alternatives that match no"},      {"", "alternatives"},         {"(?=a)", "alternatives"},
        {"(?i:é)", "something other than ASCII"},  {"(?i:\\s)", "something other"}, {"(?i:ss)", "a pair of letters"},
        {"(?i:f[hi])", "a pair of letters"},       {"\\", "a backslash"},        {"*", "something"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        refused(unknown[i][0], unknown[i][1]);
    buffer deep = {0};
    for (int i = 0; i < 1000; i++)
        buffer_text(&deep, "(");
    refused(deep.data, "groups too deep");
    buffer_free(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(constructs), cmocka_unit_test(case_folds),
                                       cmocka_unit_test(unknown_constructs_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
