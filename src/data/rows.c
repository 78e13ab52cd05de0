/* rows.c: see rows.h. */
#include "data/rows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* ---- texts ---- */

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static size_t count_points(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* Where code point n of valid UTF-8 begins, n at most its length. */
static const char *point_at(const char *text, size_t n)
{
    for (; n; n--)
        for (text++; ((unsigned char)*text & 0xc0) == 0x80;)
            text++;
    return text;
}

/* A text that must say something where it is given; `needed`: it must be given. */
static pb_status get_words(const json_t *object, const char *key, bool needed, const char **value, const char *name,
                           pb_error *err)
{
    *value = NULL;
    TRY(json_get_text(object, key, value, name, err));
    if (!*value)
        return needed ? fail(err, PB_EFORMAT, "%s: has no \"%s\"", name, key) : PB_OK;
    if (is_blank(*value))
        return fail(err, PB_EFORMAT, "%s: \"%s\" is empty", name, key);
    return PB_OK;
}

/* ---- constraints ---- */

/* What start and end cut out of the question must be the text; where there is none, it becomes the text. */
static pb_status check_place(json_t *constraint, const char *question, size_t start, size_t end, const char *name,
                             pb_error *err)
{
    size_t length = count_points(question);
    const char *text = NULL;
    if (start >= end || end > length)
        return fail(err, PB_EFORMAT, "%s: \"start\" %zu and \"end\" %zu are no stretch of the question \"%s\", which "
                    "has %zu characters", name, start, end, question, length);
    const char *from = point_at(question, start);
    size_t n = (size_t)(point_at(from, end - start) - from);
    TRY(json_get_text(constraint, "text", &text, name, err));
    if (!text)
        json_object_set_new(constraint, "text", json_stringn(from, n));
    else if (strlen(text) != n || memcmp(text, from, n) != 0)
        return fail(err, PB_EFORMAT, "%s: \"text\" is \"%s\", but characters %zu to %zu of the question are \"%.*s\"",
                    name, text, start, end, (int)n, from);
    return PB_OK;
}

static pb_status read_constraint(row_question *q, json_t *constraint, const char *name, pb_error *err)
{
    size_t i = q->constraint_count, start = ROWS_ANYWHERE, end = ROWS_ANYWHERE;
    if (!json_is_object(constraint))
        return fail(err, PB_EFORMAT, "%s: is %s, expected an object", name, json_kind(constraint));
    TRY(json_get_size(constraint, "start", &start, name, err));
    TRY(json_get_size(constraint, "end", &end, name, err));
    if ((start == ROWS_ANYWHERE) != (end == ROWS_ANYWHERE))
        return fail(err, PB_EFORMAT, "%s: has \"%s\" without \"%s\"", name, end == ROWS_ANYWHERE ? "start" : "end",
                    end == ROWS_ANYWHERE ? "end" : "start");
    if (start != ROWS_ANYWHERE)
        TRY(check_place(constraint, q->question, start, end, name, err));
    TRY(get_words(constraint, "kind", false, &q->kinds[i], name, err));
    TRY(get_words(constraint, "text", true, &q->constraints[i], name, err));
    q->starts[i] = start;
    q->constraint_count++;
    return PB_OK;
}

static pb_status read_constraints(row_question *q, const json_t *object, const char *name, pb_error *err)
{
    json_t *list, *constraint;
    size_t i;
    pb_status status = PB_OK;
    TRY(json_get_array(object, "constraints", &list, name, err));
    q->constraints = mem_new(json_array_size(list), sizeof *q->constraints);
    q->kinds = mem_new(json_array_size(list), sizeof *q->kinds);
    q->starts = mem_new(json_array_size(list), sizeof *q->starts);
    json_array_foreach(list, i, constraint)
    {
        buffer place = {0};
        buffer_printf(&place, "%s: \"constraints\"[%zu]", name, i);
        status = read_constraint(q, constraint, place.data, err);
        buffer_free(&place);
        TRY(status);
    }
    return PB_OK;
}

/* ---- questions ---- */

/* The picture's path, which is relative to the folder of `file`. */
static pb_status read_image(row_question *q, const json_t *object, const char *file, const char *name, pb_error *err)
{
    const char *image;
    TRY(get_words(object, "image", false, &image, name, err));
    if (!image)
        return PB_OK;
    char *folder = mem_text_n(file, (size_t)(path_base(file) - file));
    q->image = *image == '/' ? mem_text(image) : path_join(folder, image);
    free(folder);
    if (!file_exists(q->image))
        return fail(err, PB_EFORMAT, "%s: \"image\": there is no file %s", name, q->image);
    return PB_OK;
}

static pb_status read_question(row_question *q, const json_t *object, const char *file, const char *name,
                               pb_error *err)
{
    TRY(get_words(object, "question", true, &q->question, name, err));
    TRY(json_get_text(object, "prefill", &q->prefill, name, err));
    TRY(read_constraints(q, object, name, err));
    return read_image(q, object, file, name, err);
}

/* A rephrasing that is only a question, or leaves something out, is about the request's picture, its answer begun
 * alike. One that says null has none. */
static pb_status read_rephrasing(row *r, const json_t *value, const char *file, const char *name, pb_error *err)
{
    row_question *q = &r->rephrasings[r->rephrasing_count++];
    if (json_is_string(value)) {
        json_t *object = json_pack("{s:O}", "question", value);
        pb_status status = get_words(object, "question", true, &q->question, name, err);
        json_decref(object);
        TRY(status);
    } else if (json_is_object(value)) {
        TRY(read_question(q, value, file, name, err));
    } else {
        return fail(err, PB_EFORMAT, "%s: is %s, expected a question", name, json_kind(value));
    }
    if (!json_object_get(value, "image") && r->asked.image)
        q->image = mem_text(r->asked.image);
    if (!json_object_get(value, "prefill"))
        q->prefill = r->asked.prefill;
    return PB_OK;
}

static pb_status read_rephrasings(row *r, const char *file, pb_error *err)
{
    json_t *list, *value;
    size_t i;
    pb_status status = PB_OK;
    TRY(json_get_array(r->json, "rephrasings", &list, r->name, err));
    r->rephrasings = mem_new(json_array_size(list), sizeof *r->rephrasings);
    json_array_foreach(list, i, value)
    {
        buffer place = {0};
        buffer_printf(&place, "%s: \"rephrasings\"[%zu]", r->name, i);
        status = read_rephrasing(r, value, file, place.data, err);
        buffer_free(&place);
        TRY(status);
    }
    return PB_OK;
}

/* ---- rows ---- */

static pb_status read_answers(row *r, bool needed, pb_error *err)
{
    json_t *list, *value;
    size_t i;
    TRY(json_get_array(r->json, "answers", &list, r->name, err));
    if (needed && json_array_size(list) == 0)
        return fail(err, PB_EFORMAT, "%s: has no \"answers\"", r->name);
    r->answers = mem_new(json_array_size(list), sizeof *r->answers);
    json_array_foreach(list, i, value)
    {
        const char *text = json_string_value(value);
        if (!text || is_blank(text) || strlen(text) != json_string_length(value))
            return fail(err, PB_EFORMAT, "%s: \"answers\"[%zu] is %s, expected a text that says something", r->name, i,
                        text ? "empty, or holds a NUL character" : json_kind(value));
        r->answers[r->answer_count++] = text;
    }
    return PB_OK;
}

static pb_status read_row(row *r, const char *file, rows_use use, pb_error *err)
{
    TRY(get_words(r->json, "id", false, &r->id, r->name, err));
    TRY(get_words(r->json, "source", false, &r->source, r->name, err));
    TRY(get_words(r->json, "subject", false, &r->subject, r->name, err));
    TRY(read_question(&r->asked, r->json, file, r->name, err));
    TRY(read_answers(r, use == ROWS_QUESTIONS, err));
    if (use == ROWS_QUESTIONS)
        return PB_OK;
    TRY(get_words(r->json, "target", true, &r->target, r->name, err));
    return read_rephrasings(r, file, err);
}

static void question_free(row_question *q)
{
    free(q->image);
    free(q->constraints);
    free(q->kinds);
    free(q->starts);
}

static void row_free(row *r)
{
    question_free(&r->asked);
    for (size_t i = 0; i < r->rephrasing_count; i++)
        question_free(&r->rephrasings[i]);
    free(r->rephrasings);
    free(r->answers);
    free(r->name);
    json_decref(r->json);
}

static pb_status add_line(rows *out, const char *text, size_t size, const char *file, size_t line, rows_use use,
                          pb_error *err)
{
    buffer name = {0};
    const char *marked;
    out->items = mem_resize(out->items, out->count + 1, sizeof *out->items);
    row *r = &out->items[out->count++]; /* from here on rows_free frees it */
    buffer_printf(&name, "%s: line %zu", file, line);
    *r = (row){.name = name.data, .line = line};
    TRY(json_parse_strict(&r->json, text, size, r->name, err));
    TRY(get_words(r->json, "marked", false, &marked, r->name, err));
    if (!marked)
        return read_row(r, file, use, err);
    if (use == ROWS_REQUESTS)
        return fail(err, PB_EFORMAT, "%s: is marked \"%s\": mend the row, or take it out", r->name, marked);
    row_free(r);
    out->count--;
    out->marked++;
    return PB_OK;
}

static bool only_blanks(const char *text, size_t n)
{
    while (n && strchr(" \t\r", text[n - 1]) && text[n - 1])
        n--;
    return n == 0;
}

static pb_status add_lines(rows *out, const char *text, size_t size, const char *file, rows_use use, pb_error *err)
{
    const char *end = text + size, *next;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* the mark that some editors put first */
        text += 3;
    for (size_t line = 1; text < end; text = next, line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        next = stop ? stop + 1 : end;
        if (!only_blanks(text, n))
            TRY(add_line(out, text, n, file, line, use, err));
    }
    return PB_OK;
}

pb_status rows_read(rows *out, const char *path, rows_use use, pb_error *err)
{
    file_map map;
    *out = (rows){0};
    TRY(file_map_open(&map, path, err));
    pb_status status = map.size ? add_lines(out, (const char *)map.data, map.size, path, use, err) : PB_OK;
    file_map_close(&map);
    if (!status && out->count == 0)
        status = fail(err, PB_EFORMAT, "%s: holds no %s%s", path, use == ROWS_REQUESTS ? "requests" : "questions",
                      out->marked ? " that are not marked" : "");
    if (status)
        rows_free(out);
    return status;
}

void rows_free(rows *r)
{
    for (size_t i = 0; i < r->count; i++)
        row_free(&r->items[i]);
    free(r->items);
    *r = (rows){0};
}
