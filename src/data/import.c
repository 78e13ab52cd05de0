/* import.c: see import.h: which form a file has, and what is checked of every row alike. */
#include "data/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "data/answers.h"
#include "data/import_parts.h"
#include "data/lines.h"
#include "data/picture.h"
#include "data/votes.h"

/* From the most telling form to the least. */
static const import_form *const forms[] = {&import_okvqa_json, &import_vqav2, &import_known1000, &import_lines,
                                           &import_movies,     &import_known, &import_okvqa};

enum { FORMS = sizeof forms / sizeof *forms };

const char *import_form_names(void)
{
    return "known|movies|okvqa|okvqa-json|vqav2|known1000";
}

const char *import_text(const char *text)
{
    return text && text[strspn(text, " \t\r\n")] ? text : NULL;
}

void import_add_constraint(json_t *list, const char *kind, const char *text, size_t start)
{
    json_t *constraint = json_pack("{s:s, s:s}", "kind", kind, "text", text);
    if (start != PHRASE_NOWHERE) {
        json_object_set_new(constraint, "start", json_integer((json_int_t)start));
        json_object_set_new(constraint, "end", json_integer((json_int_t)(start + phrase_length(text))));
    }
    json_array_append_new(list, constraint);
}

/* ---- one row: what it lacks ---- */

/* The first mark of a row, and in words what is behind it. */
typedef struct marking {
    const char *mark;
    buffer problem;
} marking;

static bool mark(marking *m, const char *reason)
{
    if (m->mark)
        return false;
    m->mark = reason;
    return true;
}

static void look_for_image(import_job *j, import_row *r, marking *m)
{
    if (r->image && !r->looked)
        r->image_path = picture_find(j->images, r->image);
    if (!r->image_path && (r->wants_image || r->image) && mark(m, MARK_NO_PICTURE)) {
        if (r->image)
            buffer_printf(&m->problem, "there is no file \"%s\" in %s", r->image,
                          *j->images ? j->images : "this folder");
        else
            buffer_text(&m->problem, "names no picture");
    }
}

/* Whether what start and end say is the text. */
static bool is_placed(const json_t *constraint, const char *question, const char *text)
{
    const json_t *from = json_object_get(constraint, "start"), *to = json_object_get(constraint, "end");
    double start = json_number_value(from), end = json_number_value(to), length = (double)phrase_length(question);
    if (!json_is_number(from) || !json_is_number(to) || !(start >= 0 && start < end && end <= length) ||
        start != (size_t)start || end != (size_t)end)
        return false;
    const char *at = phrase_at(question, (size_t)start);
    size_t n = (size_t)(phrase_at(at, (size_t)(end - start)) - at);
    return strlen(text) == n && memcmp(text, at, n) == 0;
}

/* Gives the constraint its place, and its text the question's letters; false: it stands nowhere in the question. */
static bool place(json_t *constraint, const char *question)
{
    const char *text = json_string_value(json_object_get(constraint, "text"));
    size_t length, start = text ? phrase_place(question, text, &length) : PHRASE_NOWHERE;
    if (text && is_placed(constraint, question, text))
        return true;
    if (start == PHRASE_NOWHERE)
        return false;
    const char *at = phrase_at(question, start);
    json_object_set_new(constraint, "text", json_stringn(at, (size_t)(phrase_at(at, length) - at)));
    json_object_set_new(constraint, "start", json_integer((json_int_t)start));
    json_object_set_new(constraint, "end", json_integer((json_int_t)(start + length)));
    return true;
}

/* What can be placed stays; the others become "unplaced". */
static void place_constraints(import_row *r, json_t *unplaced)
{
    for (size_t i = 0; i < json_array_size(r->constraints);) {
        json_t *constraint = json_array_get(r->constraints, i);
        if (r->question && place(constraint, r->question)) {
            i++;
        } else {
            json_array_append(unplaced, constraint);
            json_array_remove(r->constraints, i);
        }
    }
}

static void mark_spans(const import_row *r, const json_t *unplaced, marking *m)
{
    const json_t *first = json_array_get(unplaced, 0);
    const char *text = json_string_value(json_object_get(first, "text"));
    if (first && mark(m, MARK_SPAN))
        buffer_printf(&m->problem, "\"%s\" does not stand in the question \"%s\"", text ? text : "",
                      r->question ? r->question : "");
    if (!first && r->wants_span && json_array_size(r->constraints) == 0 && mark(m, MARK_NO_SPAN))
        buffer_text(&m->problem, "names no constraint");
}

static const json_t *answers_of(const import_job *j, const import_row *r)
{
    const json_t *found = answers_find(j->book, r->id, NULL, NULL);
    return found ? found : answers_find(j->book, r->number, r->question, r->image);
}

static void find_answers(import_job *j, import_row *r, marking *m)
{
    if (!r->answers && j->book)
        r->answers = json_incref((json_t *)(size_t)answers_of(j, r));
    if (r->answers) {
        json_t *distinct = votes_distinct(r->answers);
        json_decref(r->answers);
        r->answers = distinct;
    }
    if (json_array_size(r->answers) == 0 && (r->answers || j->answers || r->wants_answers) && mark(m, MARK_NO_ANSWER))
        buffer_text(&m->problem,
                    j->answers ? "the file of answers has none for it" : "has no answer that says something");
}

/* ---- one row: whether it was there before ---- */

static void find_duplicate(import_job *j, const import_row *r, const char *id, marking *m)
{
    buffer key = {0};
    const json_t *constraint;
    size_t i;
    if (!r->question)
        return;
    buffer_printf(&key, "%s\n%s", r->question, r->image_path ? r->image_path : r->image ? r->image : "");
    json_array_foreach(r->constraints, i, constraint)
        buffer_printf(&key, "\n%s", json_string_value(json_object_get(constraint, "text")));
    const char *first = json_string_value(json_object_get(j->asked, key.data));
    if (!first)
        json_object_set_new_nocheck(j->asked, key.data, json_string(id));
    else if (mark(m, MARK_DUPLICATE))
        buffer_printf(&m->problem, "asks the same as %s", first);
    buffer_free(&key);
}

/* The row's id, or one behind it that no row before has: the first that is free,
 * looked for from where it was found last. free() */
static char *own_id(import_job *j, const char *id)
{
    buffer own = {0};
    json_int_t n = json_integer_value(json_object_get(j->ids, id));
    buffer_text(&own, id);
    for (; json_object_get(j->ids, own.data); n++) {
        buffer_free(&own);
        buffer_printf(&own, "%s-%" JSON_INTEGER_FORMAT, id, n);
    }
    if (n)
        json_object_set_new(j->ids, id, json_integer(n));
    json_object_set_new(j->ids, own.data, json_integer(2));
    return own.data;
}

/* ---- one row: its line ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

/* The picture's path as the output names it, also where it would be if it were there. */
static void set_image(const import_job *j, json_t *line, const import_row *r)
{
    if (!r->image_path && !r->image)
        return;
    const char *named_so = r->image && strstr(r->image, "://") ? path_base(r->image) : r->image; /* of an address */
    char *path = r->image_path      ? mem_text(r->image_path)
                 : *named_so == '/' ? mem_text(named_so)
                                    : path_join(j->images, named_so);
    char *named = picture_relative(j->to_folder, path);
    set_text(line, "image", named);
    free(named);
    free(path);
}

static json_t *line_of(const import_job *j, const import_row *r, const char *id, const json_t *unplaced,
                       const marking *m)
{
    json_t *line = json_object();
    set_text(line, "id", id);
    set_image(j, line, r);
    set_text(line, "question", r->question);
    if (r->constraints)
        json_object_set(line, "constraints", r->constraints);
    if (json_array_size(r->answers))
        json_object_set(line, "answers", r->answers);
    set_text(line, "source", r->source ? r->source : j->form->source);
    set_text(line, "subject", import_text(r->subject));
    set_text(line, "relation", import_text(r->relation));
    set_text(line, "prefill", r->prefill);
    if (json_array_size(unplaced))
        json_object_set(line, "unplaced", (json_t *)(size_t)unplaced);
    if (r->more)
        json_object_update_missing(line, r->more);
    set_text(line, "marked", m->mark);
    return line;
}

static void write_line(import_job *j, const json_t *line)
{
    char *text = json_dumps(line, 0);
    file_write(&j->out, text, strlen(text));
    file_write(&j->out, "\n", 1);
    free(text);
}

/* The order in which is looked is that of the marks. */
static void check_row(import_job *j, import_row *r, const char *id, json_t *unplaced, marking *m)
{
    if (r->broken && mark(m, MARK_UNREADABLE))
        buffer_text(&m->problem, r->broken);
    r->question = import_text(r->question);
    r->image = import_text(r->image);
    if (!r->question && mark(m, MARK_NO_QUESTION))
        buffer_text(&m->problem, "has no question");
    look_for_image(j, r, m);
    find_answers(j, r, m);
    place_constraints(r, unplaced);
    find_duplicate(j, r, id, m);
    mark_spans(r, unplaced, m);
    if (r->marked && mark(m, r->marked))
        buffer_text(&m->problem, "was marked so before");
}

pb_status import_put(import_job *j, import_row *r, pb_error *err)
{
    marking m = {0};
    json_t *unplaced = json_array();
    char *id = own_id(j, r->id);
    check_row(j, r, id, unplaced, &m);
    json_t *line = line_of(j, r, id, unplaced, &m);
    write_line(j, line);
    if (m.mark) {
        tally_mark(j->tally, m.mark);
        tally_problem(j->tally, r->line, id, m.problem.data);
    } else {
        tally_kept(j->tally);
    }
    json_decref(line);
    json_decref(unplaced);
    json_decref(r->constraints);
    json_decref(r->answers);
    json_decref(r->more);
    free(r->image_path);
    free(id);
    buffer_free(&m.problem);
    return interrupt_check(j->to, err);
}

/* ---- the whole ---- */

static const import_form *form_named(const char *name)
{
    for (size_t i = 0; i < FORMS; i++)
        if (forms[i]->name && strcmp(forms[i]->name, name) == 0)
            return forms[i];
    return NULL;
}

static const import_form *form_told(const char *text, size_t size)
{
    for (size_t i = 0; i < FORMS; i++)
        if (forms[i]->is(text, size))
            return forms[i];
    return NULL;
}

static pb_status choose_form(import_job *j, const char *asked, const char *text, size_t size, pb_error *err)
{
    j->form = asked ? form_named(asked) : form_told(text, size);
    if (!j->form && asked)
        return fail(err, PB_EINVAL, "--format %s: expected %s", asked, import_form_names());
    if (!j->form) {
        fail(err, PB_EINVAL, "%s: is of no form that is known here", j->name);
        return fail_hint(err,
                         "a table needs the columns question, main_entity and image_url; a JSON file a list "
                         "\"questions\", or ROME's facts; see docs/datasets.md, or say --format %s",
                         import_form_names());
    }
    if (j->answers && j->form->has_answers)
        return fail(err, PB_EINVAL, "--answers: a file of the form %s has its answers", j->form->name);
    return j->answers && !j->form->annotations ? answers_read(&j->book, j->answers, err) : PB_OK;
}

static bool is_blank(const char *text, size_t size)
{
    while (size && strchr(" \t\r\n", text[size - 1]) && text[size - 1])
        size--;
    return size == 0;
}

static pb_status read_form(void *context, pb_error *err)
{
    import_job *j = context;
    TRY(j->form->read(j, j->text, j->size, err));
    return j->tally->rows ? PB_OK : fail(err, PB_EFORMAT, "%s: holds no rows", j->name);
}

static pb_status read_into(import_job *j, const pb_dataset_import_options *o, const file_map *map, pb_error *err)
{
    const char *text = map->data ? (const char *)map->data : "";
    size_t mark = lines_mark(text, map->size);
    j->text = text + mark;
    j->size = map->size - mark;
    if (is_blank(j->text, j->size))
        return fail(err, PB_EFORMAT, "%s: is empty", j->name);
    TRY(choose_form(j, o->format, j->text, j->size, err));
    return file_writer_run(&j->out, j->to, read_form, j, err);
}

pb_status import_run(tally *t, const char *path, const pb_dataset_import_options *o, const char *to, pb_error *err)
{
    file_map map;
    tally_open(t, path);
    TRY(file_map_copy(&map, path, err));
    import_job j = {.name = path, .answers = o->answers, .tally = t, .to = to, .ids = json_object(),
                    .asked = json_object()};
    j.images = o->images ? mem_text(o->images) : mem_text_n(path, (size_t)(path_base(path) - path));
    j.to_folder = mem_text_n(to, (size_t)(path_base(to) - to));
    interrupt_watch();
    pb_status status = o->images && !dir_exists(o->images)
                           ? fail(err, PB_EIO, "--images %s: there is no such folder", o->images)
                           : read_into(&j, o, &map, err);
    if (!status) {
        json_object_set_new(t->more, "form", json_string(j.form->name ? j.form->name : "lines"));
        buffer_printf(&t->words, "written to %s\n", to);
    }
    file_map_close(&map);
    free(j.images);
    free(j.to_folder);
    json_decref(j.book);
    json_decref(j.ids);
    json_decref(j.asked);
    interrupt_release();
    return status;
}
