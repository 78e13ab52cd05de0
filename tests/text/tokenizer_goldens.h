/* tokenizer_goldens.h: a tokenizer against the files that tools/goldens wrote: what others made of hard texts.
 *
 * {"before", "after", "cases": [...]}: the ids that stand around every text, and per case {"text", "tokens": [id,
 * start, end, ...], "decoded", "skipped"} or {"ids", "decoded", "skipped"} (make_tokenizer_goldens.py and
 * make_sentencepiece_goldens.py say more). */
#ifndef TESTS_TEXT_TOKENIZER_GOLDENS_H
#define TESTS_TEXT_TOKENIZER_GOLDENS_H

#include "tests/support.h"

#include "base/json.h"
#include "text/tokenizer.h"

static inline int number_at(const json_t *array, size_t i)
{
    return (int)json_number_value(json_array_get(array, i));
}

static inline void check_bytes(const char *form, const char *what, const json_t *text, const json_t *wanted,
                               buffer *got)
{
    const char *bytes = got->data ? got->data : "";
    if (got->size != json_string_length(wanted) || memcmp(bytes, json_string_value(wanted), got->size) != 0)
        test_stop(__FILE__, __LINE__, "%s: \"%s\": %s is \"%s\", expected \"%s\"", form, json_string_value(text), what,
                  bytes, json_string_value(wanted));
    buffer_free(got);
}

static inline void check_decoded(const tokenizer *t, const char *form, const json_t *row, const int32_t *ids,
                                 size_t count)
{
    const json_t *text = json_object_get(row, "text"), *decoded = json_object_get(row, "decoded");
    const json_t *skipped = json_object_get(row, "skipped");
    buffer got = {0};
    decoded = decoded ? decoded : text;
    tokenizer_decode(t, ids, count, false, &got);
    check_bytes(form, "decoded", text, decoded, &got);
    tokenizer_decode(t, ids, count, true, &got);
    check_bytes(form, "skipped", text, skipped ? skipped : decoded, &got);
}

static inline void check_tokens(const char *form, const json_t *row, const encoding *e)
{
    const json_t *tokens = json_object_get(row, "tokens");
    const char *text = json_string_value(json_object_get(row, "text"));
    if (e->count != json_array_size(tokens) / 3)
        test_stop(__FILE__, __LINE__, "%s: \"%s\": %zu tokens, expected %zu", form, text, e->count,
                  json_array_size(tokens) / 3);
    for (size_t i = 0; i < e->count; i++) {
        token got = e->tokens[i];
        int id = number_at(tokens, 3 * i), start = number_at(tokens, 3 * i + 1), end = number_at(tokens, 3 * i + 2);
        bool ranged = start >= 0; /* -1: nobody knows */
        if (got.id != id || (ranged && ((int)got.start != start || (int)got.end != end)))
            test_stop(__FILE__, __LINE__, "%s: \"%s\": token %zu is %d [%u, %u), expected %d [%d, %d)", form, text, i,
                      got.id, got.start, got.end, id, start, end);
    }
}

/* The ids with special tokens are those without, between the template's. */
static inline void check_special(const json_t *cases, const encoding *plain, const encoding *special)
{
    const json_t *before = json_object_get(cases, "before"), *after = json_object_get(cases, "after");
    size_t lead = json_array_size(before);
    assert_int_equal(special->count, lead + plain->count + json_array_size(after));
    for (size_t i = 0; i < lead; i++)
        assert_int_equal(special->tokens[i].id, number_at(before, i));
    for (size_t i = 0; i < plain->count; i++)
        assert_memory_equal(&special->tokens[lead + i], &plain->tokens[i], sizeof(token));
    for (size_t i = 0; i < json_array_size(after); i++)
        assert_int_equal(special->tokens[lead + plain->count + i].id, number_at(after, i));
}

static inline void check_text(const tokenizer *t, const char *form, const json_t *cases, const json_t *row)
{
    const json_t *text = json_object_get(row, "text");
    encoding plain, special;
    assert_ok(tokenizer_encode(t, json_string_value(text), json_string_length(text), false, &plain, err));
    assert_ok(tokenizer_encode(t, json_string_value(text), json_string_length(text), true, &special, err));
    check_tokens(form, row, &plain);
    check_special(cases, &plain, &special);
    int32_t *ids = mem_new(special.count, sizeof *ids);
    for (size_t i = 0; i < special.count; i++)
        ids[i] = special.tokens[i].id;
    if (!json_is_null(json_object_get(row, "decoded")))
        check_decoded(t, form, row, ids, special.count);
    free(ids);
    encoding_free(&plain);
    encoding_free(&special);
}

static inline void check_ids(const tokenizer *t, const char *form, const json_t *row)
{
    const json_t *list = json_object_get(row, "ids");
    int32_t *ids = mem_new(json_array_size(list), sizeof *ids);
    for (size_t i = 0; i < json_array_size(list); i++)
        ids[i] = number_at(list, i);
    check_decoded(t, form, row, ids, json_array_size(list));
    free(ids);
}

/* All cases in a file against a tokenizer; `form` is its name in failures. */
static inline void check_goldens(const tokenizer *t, const char *form, const char *path)
{
    json_t *cases = NULL, *row;
    size_t i;
    assert_ok(json_read_file(&cases, path, err));
    assert_true(json_array_size(json_object_get(cases, "cases")) >= 50);
    json_array_foreach(json_object_get(cases, "cases"), i, row) {
        if (json_object_get(row, "ids"))
            check_ids(t, form, row);
        else
            check_text(t, form, cases, row);
    }
    json_decref(cases);
}

#endif
