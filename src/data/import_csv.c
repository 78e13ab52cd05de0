/* import_csv.c: the three tables that VQA-Constraints was released as (docs/datasets.md). They differ in one column:
 * what the picture shows (known), who directed the film (movies), or nothing (okvqa). */
#include <stdlib.h>
#include <string.h>

#include "data/csv.h"
#include "data/import_parts.h"

static bool has_columns(const char *text, size_t size, const char *also)
{
    pb_error err;
    csv c;
    if (csv_open(&c, text, size, "", &err))
        return false;
    bool has = csv_has(&c, "question") && csv_has(&c, "main_entity") && csv_has(&c, "image_url") &&
               (!also || csv_has(&c, also));
    csv_close(&c);
    return has;
}

static bool is_known(const char *text, size_t size)
{
    return has_columns(text, size, "subject");
}

static bool is_movies(const char *text, size_t size)
{
    return has_columns(text, size, "director");
}

static bool is_okvqa(const char *text, size_t size)
{
    return has_columns(text, size, NULL);
}

/* ---- one record ---- */

static bool is_column(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* What other columns say, as it is; but not under a name that means something else to readers of rows. */
static json_t *other_columns(const csv *c)
{
    static const char *const taken[] = {"", "Unnamed: 0", "id", "question", "subject", "main_entity", "image_url",
                                        "image", "constraints", "answers", "rephrasings", "target", "source",
                                        "relation", "prefill", "marked", "unplaced", NULL};
    json_t *more = json_object();
    for (size_t i = 0; i < c->column_count && i < c->field_count; i++)
        if (!is_column(c->columns[i], taken) && import_text(c->fields[i]))
            json_object_set_new(more, c->columns[i], json_string(c->fields[i]));
    return more;
}

static bool stands_in(const char *question, const char *phrase)
{
    size_t length;
    return question && phrase && phrase_place(question, phrase, &length) != PHRASE_NOWHERE;
}

/* The picture's phrase; of films the director too, where the question names one. */
static json_t *constraints_of(const csv *c)
{
    const char *entity = import_text(csv_get(c, "main_entity")), *director = import_text(csv_get(c, "director"));
    const char *question = csv_get(c, "question");
    json_t *list = json_array();
    bool named = stands_in(question, director);
    bool same = named && stands_in(entity, director) && stands_in(director, entity);
    if (entity && !same)
        import_add_constraint(list, "visual", entity, PHRASE_NOWHERE);
    if (named)
        import_add_constraint(list, "textual", director, PHRASE_NOWHERE);
    return list;
}

/* The picture's name without folders and ending: questions about one picture have one subject. free() */
static char *picture_name(const char *image)
{
    const char *base = image ? path_base(image) : "", *dot = strrchr(base, '.');
    return mem_text_n(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static const char *number_of(const csv *c, const char *otherwise)
{
    static const char *const names[] = {"", "Unnamed: 0", "id"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (import_text(csv_get(c, names[i])))
            return csv_get(c, names[i]);
    return otherwise;
}

static pb_status put_record(import_job *j, const csv *c, size_t index, pb_error *err)
{
    char counted[24];
    buffer id = {0};
    snprintf(counted, sizeof counted, "%zu", index);
    const char *number = number_of(c, counted), *subject = csv_get(c, "subject"), *image = csv_get(c, "image_url");
    char *picture = picture_name(image);
    buffer_printf(&id, "%s-%s", j->form->name, number);
    import_row r = {.line = c->line, .broken = c->problem, .id = id.data, .number = number,
                    .question = csv_get(c, "question"), .image = image, .wants_image = true,
                    .subject = import_text(subject) ? subject : picture, .constraints = constraints_of(c),
                    .wants_span = true, .more = other_columns(c)};
    pb_status status = import_put(j, &r, err);
    free(picture);
    buffer_free(&id);
    return status;
}

static pb_status read_table(import_job *j, const char *text, size_t size, pb_error *err)
{
    csv c;
    TRY(csv_open(&c, text, size, j->name, err));
    static const char *const needed[] = {"question", "main_entity", "image_url"};
    pb_status status = PB_OK;
    for (size_t i = 0; i < sizeof needed / sizeof *needed && !status; i++)
        if (!csv_has(&c, needed[i]))
            status = fail(err, PB_EFORMAT, "%s: has no column \"%s\" in its header, which the form %s needs", j->name,
                          needed[i], j->form->name);
    for (size_t i = 0; !status && csv_next(&c); i++)
        status = put_record(j, &c, i, err);
    csv_close(&c);
    return status;
}

const import_form import_known = {"known", "multimodal_known", false, false, is_known, read_table};
const import_form import_movies = {"movies", "multimodal_movies", false, false, is_movies, read_table};
const import_form import_okvqa = {"okvqa", "okvqa", false, false, is_okvqa, read_table};
