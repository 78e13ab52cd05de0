/* tally.c: see tally.h. */
#include "data/tally.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

enum { PROBLEMS_SHOWN = 20 };

void tally_open(tally *t, const char *file)
{
    *t = (tally){.file = mem_text(file), .marked = json_object(), .problems = json_array(), .more = json_object()};
}

void tally_free(tally *t)
{
    free(t->file);
    json_decref(t->marked);
    json_decref(t->problems);
    json_decref(t->more);
    buffer_free(&t->words);
    *t = (tally){0};
}

static json_t *text_of(const char *text)
{
    buffer b = {0};
    utf8_add_lossy(&b, text, strlen(text));
    json_t *json = json_string(b.data ? b.data : "");
    buffer_free(&b);
    return json;
}

void tally_count(json_t *map, const char *key)
{
    json_t *name = text_of(key), *count = json_object_get(map, json_string_value(name));
    if (count)
        json_integer_set(count, json_integer_value(count) + 1);
    else
        json_object_set_new(map, json_string_value(name), json_integer(1));
    json_decref(name);
}

void tally_kept(tally *t)
{
    t->rows++;
    t->kept++;
}

void tally_mark(tally *t, const char *reason)
{
    t->rows++;
    tally_count(t->marked, reason);
}

void tally_problem(tally *t, size_t line, const char *id, const char *problem)
{
    json_array_append_new(t->problems, json_pack("{s:I, s:o, s:o}", "line", (json_int_t)line, "id", text_of(id),
                                                 "problem", text_of(problem)));
}

json_t *tally_json(const tally *t)
{
    json_t *json = json_pack("{s:s, s:I, s:I, s:O, s:O}", "schema", "patchbay.dataset/1", "rows", (json_int_t)t->rows,
                             "kept", (json_int_t)t->kept, "marked", t->marked, "problems", t->problems);
    json_object_update(json, t->more);
    return json;
}

void tally_text(const tally *t, buffer *out)
{
    const char *reason;
    const json_t *count, *problem;
    size_t i, left = json_array_size(t->problems);
    buffer_printf(out, "%s: %zu rows, %zu kept, %zu marked\n", t->file, t->rows, t->kept, t->rows - t->kept);
    json_object_foreach(t->marked, reason, count)
        buffer_printf(out, "%8" JSON_INTEGER_FORMAT "  %s\n", json_integer_value(count), reason);
    json_array_foreach(t->problems, i, problem)
    {
        if (i == PROBLEMS_SHOWN)
            break;
        buffer_printf(out, "%s:%" JSON_INTEGER_FORMAT ": %s: %s\n", t->file,
                      json_integer_value(json_object_get(problem, "line")),
                      json_string_value(json_object_get(problem, "id")),
                      json_string_value(json_object_get(problem, "problem")));
    }
    if (left > PROBLEMS_SHOWN)
        buffer_printf(out, "... and %zu more, which --json lists\n", left - PROBLEMS_SHOWN);
    buffer_text(out, t->words.data ? t->words.data : "");
}
