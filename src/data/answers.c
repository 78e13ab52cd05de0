/* answers.c: see answers.h. The book maps "i\nNUMBER", "q\nQUESTION" and "q\nQUESTION\nPICTURE" to lists of texts. */
#include "data/answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/csv.h"
#include "data/json_items.h"
#include "data/lines.h"

static char *key_of(const char *id, const char *question, const char *image)
{
    buffer b = {0};
    if (id)
        buffer_printf(&b, "i\n%s", id);
    else
        buffer_printf(&b, "q\n%s%s%s", question ? question : "", image ? "\n" : "", image ? path_base(image) : "");
    return b.data;
}

static bool says_something(const char *text)
{
    return text && text[strspn(text, " \t\r\n")];
}

static void add_answer(json_t *book, const char *key, const char *text)
{
    json_t *list = json_object_get(book, key);
    if (!says_something(text))
        return;
    if (!list) {
        list = json_array();
        json_object_set_new(book, key, list);
    }
    json_array_append_new(list, json_string(text));
}

/* ---- tables ---- */

/* ["a", 'b']: the quoted texts of a list as JSON or Python write it; \ takes the next character as it is. */
static void add_list(json_t *book, const char *key, const char *text)
{
    buffer b = {0};
    char quote = '\0';
    for (const char *at = text; *at; at++) {
        if (!quote && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else if (quote && *at == quote) {
            add_answer(book, key, b.data);
            buffer_free(&b);
            quote = '\0';
        } else if (quote) {
            at += *at == '\\' && at[1];
            buffer_add(&b, at, 1);
        }
    }
    buffer_free(&b);
}

static void add_cell(json_t *book, const char *key, const char *text)
{
    json_t *list = NULL;
    const json_t *item;
    size_t i;
    if (text[strspn(text, " ")] != '[') {
        add_answer(book, key, text);
        return;
    }
    if (!(list = json_loads(text, 0, NULL)))
        add_list(book, key, text);
    json_array_foreach(list, i, item)
        if (json_is_string(item))
            add_answer(book, key, json_string_value(item));
    json_decref(list);
}

static const char *first_column(const csv *c, const char *const *names)
{
    for (; *names; names++)
        if (csv_has(c, *names))
            return *names;
    return NULL;
}

static pb_status read_table(json_t *book, const char *text, size_t size, const char *name, pb_error *err)
{
    static const char *const ids[] = {"id", "index", "question_id", NULL}, *const words[] = {"answers", "answer", NULL},
                      *const pictures[] = {"image_url", "image", NULL};
    csv c;
    TRY(csv_open(&c, text, size, name, err));
    const char *id = first_column(&c, ids), *answer = first_column(&c, words), *image = first_column(&c, pictures);
    if (!id && !csv_has(&c, "question") && csv_has(&c, ""))
        id = "";
    pb_status status = PB_OK;
    if (!answer || (!id && !csv_has(&c, "question")))
        status = fail(err, PB_EFORMAT, "%s: has no column %s", name,
                      answer ? "\"id\" or \"question\"" : "\"answer\" or \"answers\"");
    while (!status && csv_next(&c)) {
        const char *value = csv_get(&c, answer), *of = csv_get(&c, id ? id : "question");
        if (c.problem) {
            status = fail(err, PB_EFORMAT, "%s: line %zu: %s", name, c.line, c.problem);
            break;
        }
        char *key = id ? key_of(of, NULL, NULL) : key_of(NULL, of, image ? csv_get(&c, image) : NULL);
        add_cell(book, key, value);
        free(key);
    }
    csv_close(&c);
    return status;
}

/* ---- JSON lines ---- */

static pb_status add_object(json_t *book, const json_t *object, const char *name, pb_error *err)
{
    const json_t *number = json_object_get(object, "id");
    const char *id = json_string_value(number), *question = NULL, *image = NULL, *answer = NULL;
    char written[32];
    json_t *list, *item;
    size_t i;
    TRY(json_get_text(object, "question", &question, name, err));
    TRY(json_get_text(object, "image", &image, name, err));
    TRY(json_get_text(object, "answer", &answer, name, err));
    TRY(json_get_array(object, "answers", &list, name, err));
    if (json_is_number(number)) {
        snprintf(written, sizeof written, "%.0f", json_number_value(number));
        id = written;
    }
    if (!id && !question)
        return fail(err, PB_EFORMAT, "%s: has neither \"id\" nor \"question\"", name);
    for (int by = 0; by < 2; by++) {
        if (by == 0 ? !id : !question)
            continue;
        char *key = by == 0 ? key_of(id, NULL, NULL) : key_of(NULL, question, image);
        add_answer(book, key, answer);
        json_array_foreach(list, i, item)
            if (json_is_string(item))
                add_answer(book, key, json_string_value(item));
        free(key);
    }
    return PB_OK;
}

static pb_status read_lines(json_t *book, const char *text, size_t size, const char *file, pb_error *err)
{
    lines l = lines_of(text, size);
    pb_status status = PB_OK;
    while (!status && lines_next(&l)) {
        json_t *object = NULL;
        buffer name = {0};
        if (l.size == 0 || (l.size == 1 && *l.text == '\r'))
            continue;
        buffer_printf(&name, "%s: line %zu", file, l.number);
        status = json_parse_object(&object, l.text, l.size, name.data, err);
        if (!status)
            status = add_object(book, object, name.data, err);
        json_decref(object);
        buffer_free(&name);
    }
    return status;
}

/* ---- the whole ---- */

pb_status answers_read(json_t **book, const char *path, pb_error *err)
{
    file_map map;
    TRY(file_map_copy(&map, path, err));
    const char *text = map.data ? (const char *)map.data : "";
    size_t mark = lines_mark(text, map.size);
    *book = json_object();
    pb_status status = map.size > mark && text[mark] == '{' ? read_lines(*book, text, map.size, path, err)
                                                            : read_table(*book, text, map.size, path, err);
    file_map_close(&map);
    if (status) {
        json_decref(*book);
        *book = NULL;
    }
    return status;
}

const json_t *answers_find(const json_t *book, const char *id, const char *question, const char *image)
{
    const json_t *found = NULL;
    for (int by = 0; by < 3 && !found; by++) {
        if (by == 0 ? !id : !question)
            continue;
        char *key = by == 0 ? key_of(id, NULL, NULL) : key_of(NULL, question, by == 1 ? image : NULL);
        found = json_object_get(book, key);
        free(key);
    }
    return found;
}
