/* asked.c: a row's question made concrete: the options' texts with each @ replaced. See job.h.
 *
 *     @other    of a corruption of the picture the counterpart's picture, of one of words its constraint:0; elsewhere
 *               its first accepted answer
 *     @FIELD    a field of the row: a text, or the first of a list of texts (@answers); a picture's is relative to the
 *               data set */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "sweep/counterpart.h"
#include "sweep/job.h"

/* Corruptions whose argument may be named by @. */
static const struct {
    const char *opening;
    bool picture;
} replaceable[] = {{"image:@", true}, {"swap:@", false}, {"swap-phrase:@", false}};

enum { REPLACEABLE = sizeof replaceable / sizeof *replaceable };

/* What an option wants of another question. */
typedef enum wanted { WANTED_ANSWER, WANTED_PHRASE, WANTED_PICTURE } wanted;

static bool is_other(const char *text)
{
    return text && strcmp(text, "@other") == 0;
}

bool sweep_wants_other(const pb_sweep_options *o)
{
    const char *const texts[] = {o->trace.foil, o->trace.answer.text, o->flow.answer.text, o->knockout.answer.text,
                                 o->target};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (is_other(texts[i]))
            return true;
    for (size_t i = 0; i < o->trace.corruption_count; i++) {
        const char *argument = strchr(o->trace.corruptions[i], ':');
        if (argument && is_other(argument + 1))
            return true;
    }
    return false;
}

static char *keep(sweep_asked *a, char *text)
{
    a->made = mem_resize(a->made, a->made_count + 1, sizeof *a->made);
    return a->made[a->made_count++] = text;
}

/* ---- another question's ---- */

static pb_status other_text(const sweep_job *j, size_t at, wanted what, const char **text, pb_error *err)
{
    static const char *const names[] = {"accepted answer", "constraint", "picture"};
    size_t other = j->other[at];
    if (other == COUNTERPART_NONE)
        return fail(err, PB_EINVAL, "@other: no subject of this relation has other answers");
    const row *o = &j->rows.items[other];
    *text = what == WANTED_PICTURE  ? o->asked.image
            : what == WANTED_ANSWER ? (o->answer_count ? o->answers[0] : NULL)
                                    : (o->asked.constraint_count ? o->asked.constraints[0] : NULL);
    if (!*text)
        return fail(err, PB_EINVAL, "@other: the other question, %s, has no %s", o->id, names[what]);
    return PB_OK;
}

/* ---- the row's own ---- */

static pb_status field_text(const sweep_job *j, size_t at, const char *field, const char **text, pb_error *err)
{
    const json_t *value = json_object_get(j->rows.items[at].json, field);
    *text = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
    if (!*text || !**text)
        return fail(err, PB_EINVAL, "@%s: the row has no text of this name", field);
    return PB_OK;
}

static pb_status replace(sweep_asked *a, const sweep_job *j, size_t at, const char *name, wanted what,
                         const char **text, pb_error *err)
{
    if (strcmp(name, "other") == 0)
        return other_text(j, at, what, text, err);
    TRY(field_text(j, at, name, text, err));
    if (what == WANTED_PICTURE && **text != '/')
        *text = keep(a, path_join(j->folder, *text));
    return PB_OK;
}

/* ---- options ---- */

static pb_status replace_option(sweep_asked *a, const sweep_job *j, size_t at, const char *given, const char **text,
                                pb_error *err)
{
    *text = given;
    return given && given[0] == '@' ? replace(a, j, at, given + 1, WANTED_ANSWER, text, err) : PB_OK;
}

static pb_status replace_corruption(sweep_asked *a, const sweep_job *j, size_t at, const char *spec, pb_error *err)
{
    const char *text = NULL;
    for (size_t i = 0; i < REPLACEABLE && !text; i++) {
        size_t n = strlen(replaceable[i].opening);
        if (strncmp(spec, replaceable[i].opening, n) != 0)
            continue;
        if (replaceable[i].picture && !j->rows.items[at].asked.image)
            return fail(err, PB_EINVAL, "%s: the question has no picture to exchange", spec);
        TRY(replace(a, j, at, spec + n, replaceable[i].picture ? WANTED_PICTURE : WANTED_PHRASE, &text, err));
        buffer made = {0};
        buffer_add(&made, spec, n - 1);
        buffer_text(&made, text);
        spec = keep(a, made.data);
    }
    a->corruptions[a->corruption_count++] = spec;
    return PB_OK;
}

static pb_status fill(sweep_asked *a, const sweep_job *j, size_t at, pb_error *err)
{
    const pb_sweep_options *o = &j->options;
    const row_question *q = &j->rows.items[at].asked;
    const pb_answer_choice *const answers[] = {[PB_SWEEP_TRACE] = &o->trace.answer, [PB_SWEEP_FLOW] = &o->flow.answer,
                                               [PB_SWEEP_KNOCKOUT] = &o->knockout.answer};
    a->question = (pb_question){.image = q->image, .question = q->question, .prefill = q->prefill,
                                .constraints = q->constraints, .constraint_count = q->constraint_count,
                                .constraint_starts = q->starts, .all_occurrences = o->all_occurrences,
                                .template_name = o->template_name, .image_order = q->image ? o->image_order : NULL};
    if (o->prefill)
        TRY(replace_option(a, j, at, o->prefill, &a->question.prefill, err));
    if (o->method <= PB_SWEEP_KNOCKOUT) {
        a->answer = *answers[o->method];
        TRY(replace_option(a, j, at, a->answer.text, &a->answer.text, err));
    }
    if (o->method == PB_SWEEP_EDIT) {
        a->target = j->rows.items[at].target;
        if (o->target)
            return replace_option(a, j, at, o->target, &a->target, err);
        return a->target ? PB_OK : fail(err, PB_EINVAL, "the row has no \"target\"");
    }
    if (o->method != PB_SWEEP_TRACE)
        return PB_OK;
    TRY(replace_option(a, j, at, o->trace.foil, &a->foil, err));
    a->corruptions = mem_new(o->trace.corruption_count, sizeof *a->corruptions);
    for (size_t i = 0; i < o->trace.corruption_count; i++)
        TRY(replace_corruption(a, j, at, o->trace.corruptions[i], err));
    return PB_OK;
}

pb_status sweep_ask(sweep_asked *a, const sweep_job *j, size_t at, pb_error *err)
{
    *a = (sweep_asked){0};
    pb_status status = fill(a, j, at, err);
    if (status)
        sweep_asked_free(a);
    return status;
}

void sweep_asked_free(sweep_asked *a)
{
    for (size_t i = 0; i < a->made_count; i++)
        free(a->made[i]);
    free(a->made);
    free(a->corruptions);
    *a = (sweep_asked){0};
}
