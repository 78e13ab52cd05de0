/* rows.c: see rows.h. */
#include "data/rows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/lines.h"
#include "data/phrase.h"
#include "text/unicode.h"

/* ---- texts ---- */

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
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
    size_t length = phrase_length(question);
    const char *text = NULL;
    if (start >= end || end > length)
        return fail(err, PB_EFORMAT, "%s: \"start\" %zu and \"end\" %zu are no stretch of the question \"%s\", which "
                    "has %zu characters", name, start, end, question, length);
    const char *from = phrase_at(question, start);
    size_t n = (size_t)(phrase_at(from, end - start) - from);
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
        return fail(err, PB_EFORMAT, "%s: \"image\": there is no file %s", name, image);
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
    TRY(get_words(r->json, "relation", false, &r->relation, r->name, err));
    TRY(read_question(&r->asked, r->json, file, r->name, err));
    TRY(read_answers(r, use == ROWS_QUESTIONS, err));
    if (use != ROWS_REQUESTS)
        return PB_OK;
    TRY(get_words(r->json, "target", true, &r->target, r->name, err));
    return read_rephrasings(r, file, err);
}

/* ---- rows that need not be whole ---- */

/* The first problem of a row stays, without the row's name, and whole characters of it.
 * Returns whether this was none. */
static bool well(row *r, pb_status status, const pb_error *err)
{
    if (status && !r->problem) {
        size_t n = strlen(r->name);
        const char *text = err->message;
        if (strncmp(text, r->name, n) == 0 && strncmp(text + n, ": ", 2) == 0)
            text += n + 2;
        r->problem = mem_text_n(text, utf8_valid(text, strlen(text)));
    }
    return status == PB_OK;
}

/* Constraints that are given by their words alone must stand in the question, or in what the answer begins with. */
static pb_status check_words(const row_question *q, const char *name, pb_error *err)
{
    for (size_t i = 0; i < q->constraint_count; i++)
        if (q->starts[i] == ROWS_ANYWHERE && phrase_find(q->question, q->constraints[i], 0) == PHRASE_NOWHERE &&
            (!q->prefill || phrase_find(q->prefill, q->constraints[i], 0) == PHRASE_NOWHERE))
            return fail(err, PB_EFORMAT, "%s: \"constraints\"[%zu]: \"%s\" does not occur in the question \"%s\"", name,
                        i, q->constraints[i], q->question);
    return PB_OK;
}

/* Every part is read, whatever became of those before it. */
static void read_what_is_there(row *r, const char *text, size_t size, const char *file)
{
    pb_error err;
    row_question *q = &r->asked;
    if (!well(r, json_parse_strict(&r->json, text, size, r->name, &err), &err))
        return;
    well(r, get_words(r->json, "marked", false, &r->marked, r->name, &err), &err);
    well(r, get_words(r->json, "id", false, &r->id, r->name, &err), &err);
    well(r, get_words(r->json, "source", false, &r->source, r->name, &err), &err);
    well(r, get_words(r->json, "subject", false, &r->subject, r->name, &err), &err);
    well(r, get_words(r->json, "relation", false, &r->relation, r->name, &err), &err);
    well(r, json_get_text(r->json, "prefill", &q->prefill, r->name, &err), &err);
    if (well(r, get_words(r->json, "question", true, &q->question, r->name, &err), &err) &&
        well(r, read_constraints(q, r->json, r->name, &err), &err))
        well(r, check_words(q, r->name, &err), &err);
    well(r, read_image(q, r->json, file, r->name, &err), &err);
    well(r, read_answers(r, false, &err), &err);
    well(r, get_words(r->json, "target", false, &r->target, r->name, &err), &err);
    well(r, read_rephrasings(r, file, &err), &err);
}

/* "line-37", or, where another row is called so, "line-37'". */
static void name_by_line(row *r, json_t *taken)
{
    buffer id = {0};
    buffer_printf(&id, "line-%zu", r->line);
    while (json_object_get(taken, id.data))
        buffer_text(&id, "'");
    json_object_set_new(taken, id.data, json_integer((json_int_t)r->line));
    r->id = r->made_id = id.data;
}

/* Gives every row an id of its own. */
static void name_rows(rows *all)
{
    pb_error err;
    json_t *taken = json_object(); /* from each id to its line */
    for (size_t i = 0; i < all->count; i++) {
        row *r = &all->items[i];
        const json_t *line = r->id ? json_object_get(taken, r->id) : NULL;
        if (line) {
            well(r, fail(&err, PB_EFORMAT, "\"id\" is \"%s\", as on line %" JSON_INTEGER_FORMAT, r->id,
                         json_integer_value(line)), &err);
            r->id = NULL;
        } else if (r->id) {
            json_object_set_new(taken, r->id, json_integer((json_int_t)r->line));
        }
    }
    for (size_t i = 0; i < all->count; i++)
        if (!all->items[i].id)
            name_by_line(&all->items[i], taken);
    json_decref(taken);
}

/* ---- files ---- */

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
    free(r->problem);
    free(r->made_id);
    json_decref(r->json);
}

/* A row of that name; from here on rows_free frees it. */
static row *add_row(rows *out, const char *file, size_t line)
{
    buffer name = {0};
    buffer_printf(&name, "%s: line %zu", file, line);
    out->items = mem_resize(out->items, out->count + 1, sizeof *out->items);
    out->items[out->count] = (row){.name = name.data, .line = line};
    return &out->items[out->count++];
}

static pb_status add_line(rows *out, const char *text, size_t size, const char *file, size_t line, rows_use use,
                          pb_error *err)
{
    row *r = add_row(out, file, line);
    if (use == ROWS_ALL) {
        read_what_is_there(r, text, size, file);
        return PB_OK;
    }
    TRY(json_parse_strict(&r->json, text, size, r->name, err));
    TRY(get_words(r->json, "marked", false, &r->marked, r->name, err));
    if (!r->marked)
        return read_row(r, file, use, err);
    if (use == ROWS_REQUESTS)
        return fail(err, PB_EFORMAT, "%s: is marked \"%s\": mend the row, or take it out", r->name, r->marked);
    row_free(r);
    out->count--;
    out->marked++;
    return PB_OK;
}

static pb_status add_lines(rows *out, const char *text, size_t size, const char *file, rows_use use, pb_error *err)
{
    lines l = lines_of(text, size);
    while (lines_next(&l))
        if (!lines_is_blank(&l))
            TRY(add_line(out, l.text, l.size, file, l.number, use, err));
    return PB_OK;
}

pb_status rows_read(rows *out, const char *path, rows_use use, pb_error *err)
{
    file_map map;
    *out = (rows){0};
    TRY(file_map_copy(&map, path, err));
    pb_status status = map.size ? add_lines(out, (const char *)map.data, map.size, path, use, err) : PB_OK;
    file_map_close(&map);
    if (!status && use == ROWS_ALL)
        name_rows(out);
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
