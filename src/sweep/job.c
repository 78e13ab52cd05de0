/* job.c: a sweep before anything is run: rows, counterparts, units, and what the store is of. See sweep.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "method/corruption.h"
#include "method/layers.h"
#include "method/trace.h"
#include "sweep/counterpart.h"
#include "sweep/methods.h"
#include "text/prompt.h"

/* The folder that the rows' pictures are relative to, as an absolute path. free() */
static char *folder_of(const char *dataset)
{
    char *folder = mem_text_n(dataset, (size_t)(path_base(dataset) - dataset));
    char *resolved = realpath(*folder ? folder : ".", NULL);
    if (!resolved)
        return folder;
    free(folder);
    return resolved;
}

/* Rows with mistakes are told of one by one; a file of another kind has no rows at all. */
static pb_status check_kind(const rows *r, const char *dataset, pb_error *err)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].json)
            return PB_OK;
    fail(err, PB_EFORMAT, "%s: no line of it is a JSON object: line %zu: %s", dataset, r->items[0].line,
         r->items[0].problem);
    return fail_hint(err, "a data set has one JSON object a line; patchbay dataset import makes one of other files");
}

/* Reads the rows by the file's absolute path where it has one, so that all they name lies below `folder`. */
static pb_status read_rows(sweep_job *j, const char *dataset, pb_error *err)
{
    j->folder = folder_of(dataset);
    char *path = path_join(j->folder, path_base(dataset));
    pb_status status = rows_read(&j->rows, file_exists(path) ? path : dataset, ROWS_ALL, err);
    free(path);
    return status ? status : check_kind(&j->rows, dataset, err);
}

/* What is wrong whatever the question. */
static pb_status check_layers(const pb_sweep_options *o, size_t layers, pb_error *err)
{
    const size_t ranges[][2] = {[PB_SWEEP_TRACE] = {o->trace.first_layer, o->trace.end_layer},
                                [PB_SWEEP_FLOW] = {o->flow.first_layer, o->flow.end_layer},
                                [PB_SWEEP_KNOCKOUT] = {o->knockout.first_layer, o->knockout.end_layer}};
    if (o->method > PB_SWEEP_KNOCKOUT)
        return PB_OK;
    size_t end = ranges[o->method][1];
    return layers_check(ranges[o->method][0], &end, layers, "the model", err);
}

static pb_status check_pairs(const pb_span_pair *pairs, size_t count, pb_error *err)
{
    for (size_t i = 0; i < count; i++) {
        TRY(span_check(pairs[i].from, err));
        TRY(span_check(pairs[i].to, err));
    }
    return PB_OK;
}

static pb_status check_spans(const pb_sweep_options *o, pb_error *err)
{
    switch (o->method) {
    case PB_SWEEP_TRACE:
        TRY(span_check(o->trace.positions, err));
        TRY(span_check(o->trace.corrupt_span, err));
        return span_check(o->trace.freeze_span, err);
    case PB_SWEEP_FLOW:
        return check_pairs(o->flow.pairs, o->flow.pair_count, err);
    case PB_SWEEP_KNOCKOUT:
        return check_pairs(o->knockout.pairs, o->knockout.pair_count, err);
    case PB_SWEEP_EDIT:
        TRY(span_check(o->edit.key, err));
        return span_check(o->edit.keep_rows, err);
    case PB_SWEEP_ASK:
        return PB_OK;
    }
    return PB_OK;
}

static pb_status check_options(const pb_sweep_options *o, size_t layers, pb_error *err)
{
    if (o->shards && o->shard >= o->shards)
        return fail(err, PB_EINVAL, "--shard %zu/%zu: shards are numbered 0 to %zu", o->shard, o->shards,
                    o->shards - 1);
    if (o->prefill && strcmp(o->prefill, "@other") == 0)
        return fail(err, PB_EINVAL,
                    "--prefill @other: an answer cannot begin with another question's; a field can be named: @prefill");
    if (o->method == PB_SWEEP_EDIT && (o->edit.together || o->edit.each_layer))
        return fail(err, PB_EINVAL, "a sweep makes each row's edit by itself, at one layer");
    if (o->method == PB_SWEEP_TRACE && o->trace.sites)
        TRY(trace_check_sites(o->trace.sites, err));
    if (o->method == PB_SWEEP_TRACE)
        TRY(corruption_check(&o->trace, err));
    TRY(check_spans(o, err));
    return check_layers(o, layers, err);
}

static pb_status open_job(sweep_job *j, const char *dataset, pb_error *err)
{
    const pb_sweep_options *o = &j->options;
    TRY(check_options(o, j->model->decoder.config.layers, err));
    TRY(read_rows(j, dataset, err));
    j->count = o->limit && o->limit < j->rows.count ? o->limit : j->rows.count;
    j->row_texts = mem_new(j->count, sizeof *j->row_texts);
    if (sweep_wants_other(o))
        j->other = counterparts_draw(&j->rows, o->run.seed);
    if (o->method == PB_SWEEP_EDIT)
        TRY(edits_shared_open(j, err));
    j->about_model = sweep_model_json(j->model, err);
    if (!j->about_model)
        return err ? err->code : PB_EFORMAT;
    j->about_options = sweep_options_json(j);
    j->about_dataset = sweep_dataset_json(j);
    sweep_make_units(j);
    return PB_OK;
}

pb_status sweep_job_open(sweep_job **out, model *m, const char *dataset, const pb_sweep_options *options, pb_error *err)
{
    pb_error own;
    sweep_job *j = mem_new(1, sizeof *j);
    *out = NULL;
    j->model = m;
    j->options = *options;
    pb_status status = open_job(j, dataset, err ? err : &own);
    if (status)
        sweep_job_free(j);
    else
        *out = j;
    return status;
}

void sweep_job_free(sweep_job *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->unit_count; i++)
        free(j->units[i].questions);
    for (size_t i = 0; j->row_texts && i < j->count; i++)
        free(j->row_texts[i]);
    free(j->units);
    free(j->row_texts);
    free(j->work);
    free(j->other);
    free(j->folder);
    json_decref(j->about_model);
    json_decref(j->about_options);
    json_decref(j->about_dataset);
    edits_shared_free(j);
    picture_cache_free(&j->pictures);
    rows_free(&j->rows);
    free(j);
}

store_about sweep_job_about(const sweep_job *j)
{
    return (store_about){.method = sweep_method_of(&j->options)->name, .model = j->about_model,
                         .options = j->about_options, .dataset = j->about_dataset};
}

size_t sweep_job_question_count(const sweep_job *j)
{
    return j->count;
}

store_question sweep_job_question(const sweep_job *j, size_t i)
{
    const row *r = &j->rows.items[i];
    const char *picture_file = json_string_value(json_object_get(r->json, "image"));
    if (!j->row_texts[i])
        j->row_texts[i] = r->json ? json_text_whole(r->json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : mem_text("null");
    return (store_question){.number = i, .id = r->id, .subject = r->subject, .source = r->source,
                            .relation = r->relation, .question = r->asked.question, .image = picture_file,
                            .row = j->row_texts[i]};
}

const sweep_unit *sweep_job_units(const sweep_job *j, size_t *count)
{
    *count = j->unit_count;
    return j->units;
}

double sweep_job_work(const sweep_job *j, size_t i)
{
    return j->work[i];
}
