/* read_back.h: a result's JSON as whoever opens its file has it: written with nine digits, and parsed. */
#ifndef TESTS_REPORT_READ_BACK_H
#define TESTS_REPORT_READ_BACK_H

#include "tests/support.h"

#include "base/json.h"
#include "report/json_at.h"
#include "report/report.h"

/* Takes the tree; free the new one with json_decref. */
static inline json_t *read_back(json_t *made)
{
    buffer text = {0};
    json_t *tree;
    report_json_text(made, &text);
    json_decref(made);
    assert_ok(json_parse_object(&tree, text.data, text.size, "result.json", err));
    buffer_free(&text);
    return tree;
}

/* Pages, or figures, are the same to the byte; both are freed. */
static inline void assert_same_page(buffer *found, buffer *expected)
{
    for (size_t i = 0; i < expected->size && i <= found->size; i++)
        if (found->data[i] != expected->data[i])
            test_stop(__FILE__, __LINE__, "byte %zu: \"%.90s\", expected \"%.90s\"", i, found->data + (i > 30 ? i - 30 : 0),
                      expected->data + (i > 30 ? i - 30 : 0));
    assert_int_equal(found->size, expected->size);
    buffer_free(found);
    buffer_free(expected);
}

#endif
