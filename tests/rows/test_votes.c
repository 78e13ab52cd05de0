/* test_votes.c: which of ten answers are accepted. */
#include "tests/support.h"

#include "data/votes.h"

/* given: answers with bars between, each "ANSWER" or "ANSWER=RAW". */
static void assert_accepted(const char *given, const char *accepted, const char *votes)
{
    json_t *list = json_array(), *is, *counted;
    char *copy = strdup(given), *rest = copy, *one;
    while ((one = strsep(&rest, "|"))) {
        char *raw = strchr(one, '=');
        if (raw)
            *raw++ = '\0';
        json_array_append_new(list, json_pack("{s:s, s:s*}", "answer", one, "raw_answer", raw));
    }
    votes_count(list, &is, &counted);
    char *text = json_dumps(is, 0), *numbers = json_dumps(counted, 0);
    assert_string_equal(text, accepted);
    assert_string_equal(numbers, votes);
    free(text);
    free(numbers);
    free(copy);
    json_decref(is);
    json_decref(counted);
    json_decref(list);
}

static void three_of_ten_are_enough(void **state)
{
    (void)state;
    assert_accepted("a cat|cat|dog|Cat.|dog|dog|cat|mouse|mouse|no", "[\"cat\", \"dog\"]",
                    "{\"cat\": 4, \"dog\": 3, \"mouse\": 2, \"no\": 1}");
    assert_accepted("two|2|2|2|Two|2|2|2|2|2", "[\"2\"]", "{\"2\": 10}");
}

static void where_none_has_three_the_most_count(void **state)
{
    (void)state;
    assert_accepted("a1|a2|a1|a2|a3|a4|a5|a6|a7|a8", "[\"a1\", \"a2\"]",
                    "{\"a1\": 2, \"a2\": 2, \"a3\": 1, \"a4\": 1, \"a5\": 1, \"a6\": 1, \"a7\": 1, \"a8\": 1}");
    assert_accepted("yes", "[\"yes\"]", "{\"yes\": 1}");
    assert_accepted("the|?", "[]", "{}");
}

static void raw_forms_are_accepted_too(void **state)
{
    (void)state;
    assert_accepted("race=racing|race=racing|race=Races|ride=riding", "[\"race\", \"racing\", \"Races\"]", "{\"race\": 3, \"ride\": 1}");
}

static void what_is_no_answer_has_no_vote(void **state)
{
    (void)state;
    json_t *accepted, *votes, *given = json_pack("[s, {}, {s:i}, n]", "x", "answer", 3);
    votes_count(given, &accepted, &votes);
    assert_int_equal(json_array_size(accepted), 0);
    assert_int_equal(json_object_size(votes), 0);
    json_decref(accepted);
    json_decref(votes);
    votes_count(NULL, &accepted, &votes);
    assert_int_equal(json_array_size(accepted), 0);
    json_decref(accepted);
    json_decref(votes);
    json_decref(given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_of_ten_are_enough),
        cmocka_unit_test(where_none_has_three_the_most_count),
        cmocka_unit_test(raw_forms_are_accepted_too),
        cmocka_unit_test(what_is_no_answer_has_no_vote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
