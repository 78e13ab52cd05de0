/* import_lines.c: JSON lines of our own: looked over anew, so that a row that was mended loses its mark, and one that
 * became wrong gets one. What a row says beyond the fields that are checked goes on as it is. */
#include <stdlib.h>
#include <string.h>

#include "data/import_parts.h"
#include "data/json_items.h"
#include "data/lines.h"
#include "data/picture.h"

/* Objects, but not the file of annotations, which is one object too. */
static bool is_lines(const char *text, size_t size)
{
    pb_error err;
    json_items it;
    size_t first = 0;
    if (json_items_open(&it, text, size, "annotations", "", &err) == PB_OK)
        return false;
    while (first < size && (strchr(" \t\r\n", text[first]) && text[first]))
        first++;
    return first < size && text[first] == '{';
}

/* ---- fields ---- */

/* A text member; what is there but is no plain text that says something makes the row broken. */
static const char *text_member(const json_t *object, const char *key, buffer *broken)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (!value || json_is_null(value))
        return NULL;
    if (text && strlen(text) == json_string_length(value) && import_text(text))
        return text;
    if (!broken->size)
        buffer_printf(broken, "\"%s\" is no text that says something", key);
    return NULL;
}

/* A member that is a list, the caller's to release. */
static json_t *list_member(const json_t *object, const char *key, buffer *broken)
{
    json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return NULL;
    if (!json_is_array(value) && !broken->size)
        buffer_printf(broken, "\"%s\" is no list", key);
    return json_is_array(value) ? json_deep_copy(value) : NULL;
}

/* Constraints that could not be placed before get another try. */
static json_t *all_constraints(const json_t *object, buffer *broken)
{
    json_t *list = list_member(object, "constraints", broken), *unplaced = list_member(object, "unplaced", broken),
           *one;
    size_t i;
    if (!list)
        list = json_array();
    if (unplaced)
        json_array_extend(list, unplaced);
    json_decref(unplaced);
    json_array_foreach(list, i, one)
        if (!json_is_object(one) && !broken->size)
            buffer_printf(broken, "\"constraints\"[%zu] is no object", i);
    return list;
}

/* Marks that are found anew where they still hold; what made a row unreadable is gone, so that one stays. */
static bool is_found_anew(const char *mark)
{
    static const char *const own[] = {MARK_UNREADABLE, MARK_NO_QUESTION, MARK_NO_PICTURE, MARK_NO_ANSWER,
                                      MARK_DUPLICATE,  MARK_NO_SPAN,     MARK_SPAN};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i], mark) == 0)
            return true;
    return false;
}

static bool is(const char *marked, const char *mark)
{
    return marked && strcmp(marked, mark) == 0;
}

static json_t *other_members(const import_job *j, json_t *object)
{
    char *folder = mem_text_n(j->name, (size_t)(path_base(j->name) - j->name));
    static const char *const checked[] = {"id", "image", "question", "constraints", "unplaced", "answers", "source",
                                          "subject", "relation", "prefill", "marked"};
    json_t *more = json_deep_copy(object);
    for (size_t i = 0; i < sizeof checked / sizeof *checked; i++)
        json_object_del(more, checked[i]);
    picture_move(more, folder, j->to_folder);
    free(folder);
    return more;
}

/* Integers stay integers, unless there is one that no 64 bits hold. */
static json_t *parse(const char *text, size_t size, json_error_t *at)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *json = json_loadb(text, size, flags, at);
    return json ? json : json_loadb(text, size, flags | JSON_DECODE_INT_AS_REAL, at);
}

/* ---- lines ---- */

static pb_status put_line(import_job *j, const char *text, size_t size, size_t line, pb_error *err)
{
    json_error_t at;
    buffer broken = {0};
    char counted[32];
    json_t *object = size > IMPORT_RECORD_MOST ? NULL : parse(text, size, &at);
    snprintf(counted, sizeof counted, "line-%zu", line);
    if (size > IMPORT_RECORD_MOST)
        buffer_text(&broken, IMPORT_TOO_LONG);
    else if (!object)
        buffer_printf(&broken, "is not valid JSON (column %d: %s)", at.column, at.text);
    else if (!json_is_object(object))
        buffer_text(&broken, "is no JSON object");
    const char *id = text_member(object, "id", &broken), *marked = text_member(object, "marked", &broken);
    import_row r = {.line = line, .id = id ? id : counted, .number = id,
                    .question = text_member(object, "question", &broken),
                    .image = text_member(object, "image", &broken), .source = text_member(object, "source", &broken),
                    .subject = text_member(object, "subject", &broken),
                    .relation = text_member(object, "relation", &broken),
                    .prefill = text_member(object, "prefill", &broken), .constraints = all_constraints(object, &broken),
                    .answers = list_member(object, "answers", &broken),
                    .marked = marked && !is_found_anew(marked) ? marked : NULL,
                    .wants_image = is(marked, MARK_NO_PICTURE), .wants_answers = is(marked, MARK_NO_ANSWER),
                    .wants_span = is(marked, MARK_NO_SPAN),
                    .more = json_is_object(object) ? other_members(j, object) : NULL};
    r.broken = broken.data ? broken.data : is(marked, MARK_UNREADABLE) ? "was marked so before" : NULL;
    pb_status status = import_put(j, &r, err);
    json_decref(object);
    buffer_free(&broken);
    return status;
}

static pb_status read_lines(import_job *j, const char *text, size_t size, pb_error *err)
{
    lines l = lines_of(text, size);
    while (lines_next(&l))
        if (!lines_is_blank(&l))
            TRY(put_line(j, l.text, l.size, l.number, err));
    return PB_OK;
}

const import_form import_lines = {NULL, NULL, false, false, is_lines, read_lines};
