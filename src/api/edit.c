/* edit.c: the public functions for edits (patchbay.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/edit_copies.h"
#include "api/parts.h"
#include "base/memory.h"
#include "method/edit_choice.h"
#include "method/edit_run.h"
#include "model/edit_factors.h"
#include "model/lora.h"
#include "model/merged.h"
#include "report/edit_report.h"

struct pb_edit {
    model *model;
    char *preset;
    edit_run_result run;
    edit_factors factors;         /* empty of fine-tuning, and of a sweep over layers */
    measure_request *requests;    /* [request_count] */
    measure_question *evaluation; /* [evaluation_count] */
    size_t request_count, evaluation_count;
    edit_copies copies;           /* what requests and evaluation are made of */
};

pb_edit_options pb_edit_defaults(void)
{
    return (pb_edit_options){.lr = NAN, .weight_decay = NAN, .clamp = NAN, .lambda = NAN, .epsilon = NAN,
                             .keep_lambda = NAN, .neighbours = 10};
}

/* ---- what is wrong with the requests ---- */

/* The failure in err, with the name of what it is about before it. */
static pb_status name_failure(pb_error *err, pb_status status, const char *name, size_t number, size_t count,
                              const char *of)
{
    if (!err || (!name && count == 1))
        return status;
    pb_error why = *err;
    if (name)
        fail(err, status, "%s: %s", name, why.message);
    else
        fail(err, status, "%s %zu: %s", of, number, why.message);
    if (why.hint[0])
        fail_hint(err, "%s", why.hint);
    return status;
}

static pb_status check_request(pb_edit *e, const measure_request *r, const pb_edit_options *o, pb_error *err)
{
    size_t tokens;
    if (o->method == PB_MULTEDIT && !o->key && r->question.asked.constraint_count == 0) {
        fail(err, PB_EINVAL, "there is no constraint, at whose last token multedit takes its key");
        return fail_hint(err, "give the words of the question that say what it is about: \"this country\"");
    }
    TRY(edit_check_target(e->model, r->target, &tokens, err));
    tokens = o->whole_target ? tokens : 1;
    TRY(question_check(e->model, &r->question.asked, tokens, err));
    for (size_t i = 0; i < r->rephrasing_count; i++) {
        pb_status status = question_check(e->model, &r->rephrasings[i].asked, 0, err);
        if (status)
            return name_failure(err, status, NULL, i, 0, "rephrasing");
    }
    return PB_OK;
}

/* All that can be seen before anything is run is told of all questions, each by its name. */
static pb_status check_questions(pb_edit *e, const pb_edit_options *o, pb_error *err)
{
    pb_status status;
    for (size_t i = 0; i < e->request_count; i++)
        if ((status = check_request(e, &e->requests[i], o, err)))
            return name_failure(err, status, e->requests[i].question.name, i, e->request_count, "request");
    for (size_t i = 0; i < e->evaluation_count; i++)
        if ((status = question_check(e->model, &e->evaluation[i].asked, 0, err)))
            return name_failure(err, status, e->evaluation[i].name, i, 0, "evaluation question");
    return PB_OK;
}

/* ---- running ---- */

/* The questions to keep, open: they are run when the edits are solved for. */
typedef struct kept_questions {
    question *list;
    question **pointers; /* [count] */
    size_t count;
    picture_cache pictures;
} kept_questions;

static pb_status check_kept(pb_edit *e, const pb_question *q, const pb_edit_options *o, pb_error *err)
{
    if (!o->key && !o->keep_rows && q->constraint_count == 0)
        return fail(err, PB_EINVAL, "there is no constraint, at whose last token the key is");
    return question_check(e->model, q, 0, err);
}

static pb_status open_kept(kept_questions *k, pb_edit *e, const pb_edit_options *o, pb_error *err)
{
    *k = (kept_questions){.list = mem_new(o->keep_count, sizeof *k->list),
                          .pointers = mem_new(o->keep_count, sizeof *k->pointers)};
    for (; k->count < o->keep_count; k->count++) {
        pb_question q = o->keep[k->count].question;
        q.template_name = q.template_name || q.prompt ? q.template_name : o->template_name;
        pb_status status = check_kept(e, &q, o, err);
        if (!status)
            status = question_open_shared(&k->list[k->count], e->model, &q, &k->pictures, err);
        if (status)
            return name_failure(err, status, o->keep[k->count].name, k->count, 0, "question to keep");
        k->pointers[k->count] = &k->list[k->count];
    }
    return PB_OK;
}

static void close_kept(kept_questions *k)
{
    for (size_t i = 0; i < k->count; i++)
        question_free(&k->list[i]);
    free(k->list);
    free(k->pointers);
    picture_cache_free(&k->pictures);
}

/* The factors row by row: a request's layers stand together. */
static void make_factors(pb_edit *e)
{
    const decoder_config *c = &e->model->decoder.config;
    const edit *of = &e->run.e;
    size_t F = c->d_ff, D = c->d_model, N = of->count * of->layer_count;
    edit_factors *f = &e->factors;
    *f = (edit_factors){.count = N, .d_ff = F, .d_model = D, .together = of->settings.together,
                        .key = mem_new(N * F, sizeof *f->key), .v0 = mem_new(N * D, sizeof *f->v0),
                        .v = mem_new(N * D, sizeof *f->v), .u = mem_new(N * D, sizeof *f->u),
                        .layer = mem_new(N, sizeof *f->layer), .request = mem_new(N, sizeof *f->request)};
    for (size_t n = 0; n < N; n++) {
        size_t i = n / of->layer_count;
        const edit_layer *l = &of->layers[n % of->layer_count];
        memcpy(f->key + n * F, l->along + i * F, F * sizeof *f->key);
        memcpy(f->v0 + n * D, l->v0 + i * D, D * sizeof *f->v0);
        memcpy(f->v + n * D, l->v + i * D, D * sizeof *f->v);
        memcpy(f->u + n * D, l->u + i * D, D * sizeof *f->u);
        f->layer[n] = (int64_t)l->layer;
        f->request[n] = (int64_t)i;
    }
}

static pb_status find_edits(pb_edit *e, edit_settings *s, const pb_edit_options *o, pb_error *err)
{
    const measure_plan plan = {.requests = e->requests, .request_count = e->request_count, .evaluation = e->evaluation,
                               .evaluation_count = e->evaluation_count, .neighbours = o->neighbours,
                               .seed = o->run.seed, .memory = o->run.memory, .progress = o->run.progress,
                               .context = o->run.context};
    if (o->each_layer)
        return edit_run_layers(&e->run, e->model, &plan, s, o->whole_target, err);
    TRY(edit_run(&e->run, e->model, &plan, s, o->whole_target, err));
    if (e->run.tuning)
        tuning_undo(e->run.tuning);
    else if (s->method == EDIT_MULTEDIT)
        make_factors(e);
    return PB_OK;
}

static pb_status run(pb_edit *e, edit_settings *s, const pb_edit_options *o, pb_error *err)
{
    kept_questions kept;
    TRY(check_questions(e, o, err));
    pb_status status = open_kept(&kept, e, o, err);
    s->keep = kept.pointers;
    s->keep_count = kept.count;
    s->keep_rows = o->keep_rows;
    if (!status)
        status = find_edits(e, s, o, err);
    e->run.settings.keep = NULL; /* what is reported has no use for them */
    e->run.e.settings.keep = NULL;
    close_kept(&kept);
    return status;
}

pb_status pb_edit_run(pb_edit **out, pb_model *pm, const pb_edit_request *requests, size_t request_count,
                      const pb_eval_question *eval, size_t eval_count, const pb_edit_options *options, pb_error *err)
{
    edit_settings settings;
    *out = NULL;
    api_set_threads(&options->run);
    if (request_count == 0)
        return fail(err, PB_EINVAL, "there is no request for an edit");
    if (options->each_layer && options->method != PB_MULTEDIT)
        return fail(err, PB_EINVAL, "layers can be tried one by one with multedit only");
    if (options->keep_count && options->method != PB_MULTEDIT)
        return fail(err, PB_EINVAL, "questions can be kept with multedit only");
    TRY(edit_choose_settings(&settings, options, pm->m, err));
    pb_edit *e = mem_new(1, sizeof *e);
    e->model = pm->m;
    e->preset = mem_text(options->preset ? options->preset : "default");
    settings.key = edit_copy_text(&e->copies, settings.key);
    e->evaluation = edit_copy_evaluation(&e->copies, eval, eval_count, options);
    e->evaluation_count = eval_count;
    e->requests = mem_new(request_count, sizeof *e->requests);
    for (; e->request_count < request_count; e->request_count++)
        e->requests[e->request_count] = edit_copy_request(&e->copies, &requests[e->request_count], options);
    pb_status status = run(e, &settings, options, err);
    if (status)
        pb_edit_free(e);
    else
        *out = e;
    return status;
}

void pb_edit_free(pb_edit *e)
{
    if (!e)
        return;
    edit_run_free(&e->run);
    edit_factors_free(&e->factors);
    free(e->requests);
    edit_copies_free(&e->copies);
    free(e->preset);
    free(e);
}

/* ---- results ---- */

static edit_report report_of(const pb_edit *e)
{
    return (edit_report){.about = about_of(e->model, NULL), .preset = e->preset, .run = &e->run,
                         .factors = e->factors.count ? &e->factors : NULL};
}

pb_status pb_edit_write(const pb_edit *e, const char *directory, pb_error *err)
{
    edit_report r = report_of(e);
    return report_edit_write(&r, directory, err);
}

void pb_edit_json(const pb_edit *e, char **json)
{
    edit_report r = report_of(e);
    api_dump(report_edit_json(&r), json);
}

void pb_edit_text(const pb_edit *e, char **text)
{
    buffer b = {0};
    edit_report r = report_of(e);
    report_edit_text(&r, &b);
    *text = b.data;
}

bool pb_edit_answers(const pb_edit *e, size_t request, const char **before, const char **after, double *prob_before,
                     double *prob_after)
{
    if (request >= e->request_count)
        return false;
    const measured *m = &e->run.measured.results[request].edited;
    *before = m->before.text;
    *after = m->after.text;
    *prob_before = m->before.prob;
    *prob_after = m->after.prob;
    return true;
}

/* ---- keeping it ---- */

/* Only one edited model can be kept. */
static pb_status check_single(const pb_edit *e, pb_error *err)
{
    if (e->run.layer_count)
        return fail(err, PB_EINVAL, "an edit that was tried at each layer cannot be saved: choose a layer first");
    if (e->request_count == 1 || e->run.settings.together)
        return PB_OK;
    fail(err, PB_EINVAL, "%zu edits were made, each in a model of its own, and only one model can be saved",
         e->request_count);
    return fail_hint(err, "give --together to make them all in one model, or one request");
}

pb_status pb_edit_save_lora(const pb_edit *e, const char *directory, pb_error *err)
{
    TRY(check_single(e, err));
    if (!e->factors.count)
        return fail(err, PB_EUNSUPPORTED, "what fine-tuning changed is of no low rank: an adapter cannot hold it");
    return lora_save(e->model, &e->factors, directory, err);
}

/* The decoder runs with the edit: its terms, or what was tuned. */
static pb_status put_in(const pb_edit *e, pb_error *err)
{
    decoder *m = &e->model->decoder;
    size_t count;
    if (e->run.tuning) {
        tuning_redo(e->run.tuning);
        return PB_OK;
    }
    const weight_term *terms = edit_terms(&e->run.e, 0, &count);
    for (size_t i = 0; i < count; i++) {
        const weight_term *t = &terms[i];
        const decoder_term added = {m->layers[t->layer].part[t->part], t->rank, t->a, t->b, 1};
        TRY(decoder_add_term(m, &added, err));
    }
    return PB_OK;
}

static void take_out(const pb_edit *e, size_t terms_before)
{
    if (e->run.tuning)
        tuning_undo(e->run.tuning);
    else
        decoder_drop_terms(&e->model->decoder, terms_before);
}

pb_status pb_edit_save_merged(const pb_edit *e, const char *directory, pb_error *err)
{
    size_t terms_before = decoder_term_count(&e->model->decoder);
    TRY(check_single(e, err));
    pb_status status = put_in(e, err);
    if (!status)
        status = merged_save(e->model, directory, err);
    take_out(e, terms_before);
    return status;
}
