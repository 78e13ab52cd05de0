/* edit_shared.c: what the edits of a sweep share: their settings, which are also what of its options decides results,
 * and the questions beside the rows' own: those that are asked before and after, and those that are to stay
 * (edit_parts.h). */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/edit_choice.h"
#include "report/json_values.h"
#include "sweep/edit_parts.h"

/* ---- questions ---- */

const char *edits_resolve(edits_shared *e, const char *path)
{
    if (!path)
        return NULL;
    char *resolved = realpath(path, NULL);
    e->paths = mem_resize(e->paths, e->path_count + 1, sizeof *e->paths);
    return e->paths[e->path_count++] = resolved ? resolved : mem_text(path);
}

pb_question edits_question(edits_shared *e, const sweep_job *j, const row_question *q)
{
    return (pb_question){.image = edits_resolve(e, q->image), .question = q->question, .prefill = q->prefill,
                         .constraints = q->constraints, .constraint_count = q->constraint_count,
                         .constraint_starts = q->starts, .all_occurrences = j->options.all_occurrences,
                         .template_name = j->options.template_name,
                         .image_order = q->image ? j->options.image_order : NULL};
}

static void make_pool(edits_shared *e, const sweep_job *j)
{
    e->pool = mem_new(j->rows.count, sizeof *e->pool);
    for (size_t i = 0; i < j->rows.count; i++) {
        const row *r = &j->rows.items[i];
        if (r->marked || r->problem || !r->asked.image)
            continue;
        e->pool[e->pool_count++] = (measure_question){.asked = edits_question(e, j, &r->asked), .id = r->id,
                                                      .subject = r->subject, .answers = r->answers,
                                                      .answer_count = r->answer_count};
    }
}

static pb_question with_template(const sweep_job *j, const pb_question *q)
{
    pb_question copy = *q;
    if (!copy.template_name && !copy.prompt)
        copy.template_name = j->options.template_name;
    return copy;
}

static void make_evaluation(edits_shared *e, const sweep_job *j)
{
    const pb_sweep_options *o = &j->options;
    e->evaluation = mem_new(o->eval_count, sizeof *e->evaluation);
    for (size_t i = 0; i < o->eval_count; i++) {
        const pb_eval_question *q = &o->eval[i];
        e->evaluation[i] = (measure_question){.asked = with_template(j, &q->question), .name = q->name, .id = q->id,
                                              .subject = q->subject, .answers = q->answers,
                                              .answer_count = q->answer_count};
        e->evaluation[i].asked.image = edits_resolve(e, q->question.image);
    }
}

static pb_status open_kept(edits_shared *e, sweep_job *j, pb_error *err)
{
    const pb_edit_options *o = &j->options.edit;
    e->kept = mem_new(o->keep_count, sizeof *e->kept);
    e->kept_pointers = mem_new(o->keep_count, sizeof *e->kept_pointers);
    for (; e->kept_count < o->keep_count; e->kept_count++) {
        pb_question q = with_template(j, &o->keep[e->kept_count].question);
        TRY(question_open_shared(&e->kept[e->kept_count], j->model, &q, &j->pictures, err));
        e->kept_pointers[e->kept_count] = &e->kept[e->kept_count];
    }
    e->settings.keep = e->kept_pointers;
    e->settings.keep_count = e->kept_count;
    e->settings.keep_rows = o->keep_rows;
    return PB_OK;
}

/* ---- all of it ---- */

static pb_status check_targets(const sweep_job *j, pb_error *err)
{
    size_t tokens;
    const char *target = j->options.target;
    for (size_t i = 0; !target && i < j->rows.count; i++)
        if (j->rows.items[i].target)
            return PB_OK;
    if (!target) {
        fail(err, PB_EINVAL, "no row has a \"target\", which its edit could make the answer");
        return fail_hint(err, "give --target TEXT, --target @FIELD or --target @other");
    }
    return target[0] == '@' ? PB_OK : edit_check_target(j->model, target, &tokens, err);
}

pb_status edits_shared_open(sweep_job *j, pb_error *err)
{
    size_t layers = j->model->decoder.config.layers;
    edits_shared *e = j->edits = mem_new(1, sizeof *e);
    e->most = j->options.edit.method == PB_MULTEDIT ? EDITS_AT_ONCE : 1;
    TRY(check_targets(j, err));
    TRY(edit_choose_settings(&e->settings, &j->options.edit, j->model, err));
    if (e->settings.end_layer > layers)
        return fail(err, PB_EINVAL, "layer %zu: the model has layers 0 to %zu", e->settings.end_layer - 1, layers - 1);
    make_pool(e, j);
    make_evaluation(e, j);
    return open_kept(e, j, err);
}

void edits_shared_free(sweep_job *j)
{
    edits_shared *e = j->edits;
    if (!e)
        return;
    for (size_t i = 0; i < e->kept_count; i++)
        question_free(&e->kept[i]);
    for (size_t i = 0; i < e->path_count; i++)
        free(e->paths[i]);
    free(e->kept);
    free(e->kept_pointers);
    free(e->paths);
    free(e->pool);
    free(e->evaluation);
    free(e);
    j->edits = NULL;
}

/* ---- options ---- */

static json_t *questions_json(const pb_eval_question *list, size_t count)
{
    uint64_t d = DIGEST_BEGIN;
    if (count == 0)
        return json_null();
    for (size_t i = 0; i < count; i++) {
        digest_text(&d, list[i].id);
        digest_text(&d, list[i].subject);
        digest_text(&d, list[i].question.question);
        digest_text(&d, list[i].question.prefill);
        for (size_t k = 0; k < list[i].answer_count; k++)
            digest_text(&d, list[i].answers[k]);
    }
    return json_pack("{s:o, s:o}", "questions", make_count(count), "digest", digest_json(d));
}

static void set_numbers(json_t *o, const edit_settings *s)
{
    json_object_set_new(o, "steps", make_count(s->steps));
    json_object_set_new(o, "lr", make_number(s->lr));
    if (s->method == EDIT_MULTEDIT) {
        json_object_set_new(o, "weight_decay", make_number(s->weight_decay));
        json_object_set_new(o, "clamp", make_number(s->clamp));
        json_object_set_new(o, "lambda", make_number(s->lambda));
        json_object_set_new(o, "key", make_text(s->key ? s->key : "constraint:0"));
        json_object_set_new(o, "keep_rows", make_text(s->keep_rows));
        json_object_set_new(o, "keep_lambda", make_number(s->keep_lambda));
    }
    if (s->method == EDIT_FT_CONSTRAINED)
        json_object_set_new(o, "epsilon", make_number(s->epsilon));
}

void sweep_edit_options(const sweep_job *j, json_t *o)
{
    static const char *const methods[] = {[PB_MULTEDIT] = "multedit", [PB_FT] = "ft",
                                          [PB_FT_CONSTRAINED] = "ft-constrained"};
    static const char *const scopes[] = {[PB_FT_MATRIX] = "matrix", [PB_FT_DOWN] = "down", [PB_FT_ALL] = "all"};
    const pb_edit_options *e = &j->options.edit;
    const edit_settings *s = &j->edits->settings;
    bool one = s->end_layer == s->first_layer + 1;
    json_object_set_new(o, "method", json_string(methods[e->method]));
    json_object_set_new(o, "target", make_text(j->options.target ? j->options.target : "@target"));
    json_object_set_new(o, "target_tokens", json_string(e->whole_target ? "all" : "first"));
    json_object_set_new(o, "layer", one ? make_count(s->first_layer) : json_pack("[o, o]", make_count(s->first_layer),
                                                                                 make_count(s->end_layer)));
    if (e->method != PB_MULTEDIT)
        json_object_set_new(o, "ft_scope", json_string(scopes[e->ft_scope]));
    set_numbers(o, s);
    json_object_set_new(o, "neighbours", make_count(e->neighbours));
    json_object_set_new(o, "keep", questions_json(e->keep, e->keep_count));
    json_object_set_new(o, "eval", questions_json(j->options.eval, j->options.eval_count));
}
