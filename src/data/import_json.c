/* import_json.c: the official files of VQAv2 and OK-VQA, which are of one form, and ROME's known facts.
 *
 *     questions    {"data_type": "mscoco", "data_subtype": "val2014",
 *                   "questions": [{"image_id", "question", "question_id"}, ...], ...}
 *     annotations  {"annotations": [{"question_id", "question_type", "answers": [{"answer", "raw_answer", ...}, ...]},
 *                                   ...],
 *                   "question_types": {"one": "Vehicles and Transportation", ...} of OK-VQA, ...}
 *     facts        [{"known_id", "subject", "attribute", "template", "prompt", "prediction", "relation_id"}, ...] */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "data/import_parts.h"
#include "data/json_items.h"
#include "data/picture.h"
#include "data/votes.h"

/* ---- values ---- */

/* A number or a text as a text; NULL: it is neither. */
static const char *written(const json_t *value, char *room, size_t size)
{
    if (json_is_integer(value))
        snprintf(room, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(room, size, "%.17g", json_real_value(value));
    else
        return json_string_value(value);
    return room;
}

/* A text without NUL in it, or NULL. */
static const char *plain(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

/* The item as an object; NULL: it is none, or too long. */
static json_t *parsed(const json_items *it)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *object = it->item_size > IMPORT_RECORD_MOST ? NULL : json_loadb(it->item, it->item_size, flags, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static const char *broken_by(const json_t *one, const json_items *it)
{
    return one ? NULL : it->item_size > IMPORT_RECORD_MOST ? IMPORT_TOO_LONG : "is no JSON object";
}

/* ---- annotations ---- */

/* What is known of the questions: {question_id: {"accepted", "votes", "type"}}. */
static pb_status read_annotations(json_t *known, const char *text, size_t size, const char *name, pb_error *err)
{
    json_items it;
    char room[32];
    json_t *types = json_items_member(text, size, "question_types");
    pb_status status = json_items_open(&it, text, size, "annotations", name, err);
    while (!status && json_items_next(&it)) {
        json_t *one = parsed(&it), *accepted, *votes;
        const char *id = written(json_object_get(one, "question_id"), room, sizeof room),
                   *type = plain(one, "question_type");
        const char *meaning = type ? plain(types, type) : NULL;
        if (!id) {
            status = fail(err, PB_EFORMAT, "%s: line %zu: an annotation is no object with a \"question_id\"", name,
                          it.line);
        } else {
            votes_count(json_object_get(one, "answers"), &accepted, &votes);
            json_t *entry = json_pack("{s:o, s:o}", "accepted", accepted, "votes", votes);
            if (type)
                json_object_set_new(entry, "type", json_string(meaning ? meaning : type));
            json_object_set_new(known, id, entry);
        }
        json_decref(one);
    }
    json_decref(types);
    return status ? status : json_items_ended(&it, err);
}

static pb_status open_annotations(json_t **known, const char *path, pb_error *err)
{
    file_map map;
    *known = json_object();
    if (!path)
        return PB_OK;
    TRY(file_map_copy(&map, path, err));
    pb_status status = read_annotations(*known, map.data ? (const char *)map.data : "", map.size, path, err);
    file_map_close(&map);
    return status;
}

/* ---- questions ---- */

/* What all questions of a file share. */
typedef struct question_file {
    json_t *known;        /* their annotations */
    json_t *type, *subset; /* "mscoco"; "val2014" */
} question_file;

static bool is_coco(const question_file *f)
{
    const char *type = json_string_value(f->type);
    return !type || strcmp(type, "mscoco") == 0;
}

/* The picture of a number: COCO's, or abstract_v002_train2015_000000000025.png. */
static void look_for_picture(const import_job *j, const question_file *f, const json_t *number, import_row *r,
                             char **first)
{
    const char *subset = json_string_value(f->subset);
    buffer name = {0};
    r->wants_image = true;
    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return;
    if (is_coco(f)) {
        r->image_path = picture_find_coco(j->images, subset, (size_t)json_integer_value(number), first);
    } else {
        buffer_printf(&name, "%s_%s_%012" JSON_INTEGER_FORMAT ".png", json_string_value(f->type), subset ? subset : "",
                      json_integer_value(number));
        r->image_path = picture_find(j->images, name.data);
        *first = r->image_path ? NULL : path_join(j->images, name.data);
    }
    r->looked = true;
    buffer_free(&name);
}

static pb_status put_question(import_job *j, const question_file *f, const json_items *it, size_t index, pb_error *err)
{
    char room[32], picture[32], *first = NULL;
    buffer id = {0};
    json_t *one = parsed(it);
    const char *number = written(json_object_get(one, "question_id"), room, sizeof room);
    const json_t *image = json_object_get(one, "image_id"), *known = number ? json_object_get(f->known, number) : NULL;
    if (number)
        buffer_printf(&id, "%s-%s", j->form->name, number);
    else
        buffer_printf(&id, "%s-row-%zu", j->form->name, index);
    import_row r = {.line = it->line, .broken = broken_by(one, it), .id = id.data, .number = number,
                    .question = plain(one, "question"), .subject = written(image, picture, sizeof picture),
                    .relation = plain(known, "type"), .answers = json_incref(json_object_get(known, "accepted")),
                    .constraints = json_array(), .more = json_object()};
    look_for_picture(j, f, image, &r, &first);
    r.image = first ? first + (*j->images ? strlen(j->images) + (j->images[strlen(j->images) - 1] != '/') : 0) : NULL;
    if (known)
        json_object_set(r.more, "votes", json_object_get(known, "votes"));
    pb_status status = import_put(j, &r, err);
    json_decref(one);
    free(first);
    buffer_free(&id);
    return status;
}

static pb_status read_questions(import_job *j, const char *text, size_t size, pb_error *err)
{
    json_items it;
    question_file f = {.type = json_items_member(text, size, "data_type"),
                       .subset = json_items_member(text, size, "data_subtype")};
    pb_status status = open_annotations(&f.known, j->answers, err);
    if (!status)
        status = json_items_open(&it, text, size, "questions", j->name, err);
    for (size_t i = 0; !status && json_items_next(&it); i++)
        status = put_question(j, &f, &it, i, err);
    json_decref(f.known);
    json_decref(f.type);
    json_decref(f.subset);
    return status ? status : json_items_ended(&it, err);
}

static bool is_questions(const char *text, size_t size)
{
    pb_error err;
    json_items it;
    return json_items_open(&it, text, size, "questions", "", &err) == PB_OK;
}

/* OK-VQA says who it is in its description. */
static bool is_okvqa_json(const char *text, size_t size)
{
    json_t *info = is_questions(text, size) ? json_items_member(text, size, "info") : NULL;
    const char *words = plain(info, "description");
    bool is = words && (strstr(words, "OK-VQA") || strstr(words, "OKVQA"));
    json_decref(info);
    return is;
}

/* ---- known facts ---- */

static bool is_known1000(const char *text, size_t size)
{
    pb_error err;
    json_items it;
    if (json_items_open(&it, text, size, NULL, "", &err) || !json_items_next(&it))
        return false;
    json_t *one = parsed(&it);
    bool is = plain(one, "prompt") && plain(one, "subject") && plain(one, "attribute");
    json_decref(one);
    return is;
}

/* Where the template puts the subject, if it made this prompt; else it is to be looked for. */
static size_t subject_start(const char *template, const char *prompt, const char *subject)
{
    const char *hole = template ? strstr(template, "{}") : NULL;
    size_t n = hole ? (size_t)(hole - template) : 0;
    if (!hole || strncmp(prompt, template, n) != 0 || strncmp(prompt + n, subject, strlen(subject)) != 0)
        return PHRASE_NOWHERE;
    char *before = mem_text_n(prompt, n);
    size_t start = phrase_length(before);
    free(before);
    return start;
}

static json_t *fact_extras(json_t *one)
{
    static const char *const used[] = {"known_id", "subject", "attribute", "prompt", "relation_id", "id", "image",
                                       "question", "constraints", "answers", "source", "relation", "prefill",
                                       "target", "rephrasings", "marked"};
    json_t *more = json_deep_copy(one);
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        json_object_del(more, used[i]);
    return more;
}

static pb_status put_fact(import_job *j, const json_items *it, size_t index, pb_error *err)
{
    char room[32];
    buffer id = {0};
    json_t *one = parsed(it);
    const char *number = written(json_object_get(one, "known_id"), room, sizeof room),
               *prompt = import_text(plain(one, "prompt"));
    const char *subject = import_text(plain(one, "subject")), *attribute = plain(one, "attribute");
    if (number)
        buffer_printf(&id, "%s-%s", j->form->name, number);
    else
        buffer_printf(&id, "%s-row-%zu", j->form->name, index);
    import_row r = {.line = it->line, .broken = broken_by(one, it), .id = id.data, .number = number,
                    .question = prompt, .subject = subject, .relation = plain(one, "relation_id"),
                    .constraints = json_array(), .answers = json_array(), .wants_span = true,
                    .more = one ? fact_extras(one) : NULL};
    if (subject)
        import_add_constraint(r.constraints, "textual", subject,
                              prompt ? subject_start(plain(one, "template"), prompt, subject) : PHRASE_NOWHERE);
    if (attribute)
        json_array_append_new(r.answers, json_string(attribute));
    pb_status status = import_put(j, &r, err);
    json_decref(one);
    buffer_free(&id);
    return status;
}

static pb_status read_facts(import_job *j, const char *text, size_t size, pb_error *err)
{
    json_items it;
    TRY(json_items_open(&it, text, size, NULL, j->name, err));
    for (size_t i = 0; json_items_next(&it); i++)
        TRY(put_fact(j, &it, i, err));
    return json_items_ended(&it, err);
}

const import_form import_okvqa_json = {"okvqa-json", "okvqa", false, true, is_okvqa_json, read_questions};
const import_form import_vqav2 = {"vqav2", "vqav2", false, true, is_questions, read_questions};
const import_form import_known1000 = {"known1000", "rome_known_1000", true, false, is_known1000, read_facts};
