/* trace.c: see trace.h.
 *
 * The clean run and the corrupted runs are recorded; then each cell becomes one fork per sample, and all forks are
 * replayed together. */
#include "method/trace.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/trace_job.h"

void trace_fill_cost(trace_job *j)
{
    trace_cost *cost = &j->t->cost;
    cost->seconds = clock_now() - j->q->began;
    cost->flop = j->work.flop + j->readout_flop + question_vision_flop(j->q);
    cost->naive_flop = (double)(cost->cells * j->samples) * question_pass_flop(j->q);
    cost->waves = j->work.waves;
    cost->peak_rss_bytes = process_peak_bytes();
    cost->products = j->work.products;
    cost->attention = j->work.attention;
    cost->loading = j->work.loading;
    cost->readout = j->readout_seconds;
}

static void keep_corruptions(trace_job *j)
{
    j->t->corruptions = mem_new(j->corruption.count, sizeof *j->t->corruptions);
    for (size_t i = 0; i < j->corruption.count; i++)
        j->t->corruptions[j->t->corruption_count++] = mem_text(j->corruption.items[i].spec);
    if (j->corruption.span.count)
        j->t->corrupt_span = mem_text(j->options->corrupt_span ? j->options->corrupt_span : "constraint");
}

pb_status trace_prepare(trace_job *j, pb_error *err)
{
    TRY(trace_choose(j, err));
    TRY(corruption_prepare(&j->corruption, j->q, j->options, err));
    j->samples = j->t->samples = j->corruption.samples;
    keep_corruptions(j);
    TRY(trace_choose_cells(j, err));
    return trace_inputs(j, err);
}

static pb_status run(trace_job *j, pb_error *err)
{
    TRY(trace_prepare(j, err));
    TRY(trace_references(j, err));
    TRY(trace_cells(j, NULL, trace_cell_total(j->t), err));
    trace_fill_cost(j);
    return trace_verify(j, err);
}

void trace_job_free(trace_job *j)
{
    for (size_t s = 0; s < j->samples; s++) {
        if (j->inputs)
            free(j->inputs[s]);
        if (j->corrupted)
            recording_free(j->corrupted[s]);
    }
    recording_free(j->clean);
    corruption_free(&j->corruption);
    free(j->inputs);
    free(j->first_changed);
    free(j->corrupted);
    free(j->references);
    free(j->corrupted_score);
    free(j->clean_prob);
    free(j->corrupted_prob);
}

pb_status trace_run_question(trace *t, question *q, const pb_trace_options *options, pb_error *err)
{
    trace_job j = {.t = t, .q = q, .options = options};
    *t = (trace){.foil = -1};
    pb_status status = run(&j, err);
    trace_job_free(&j);
    if (status)
        trace_free(t);
    return status;
}

void trace_free(trace *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        span_free(&t->cells[i]);
        if (t->groups)
            free(t->groups[i]);
    }
    for (size_t s = 0; s < t->site_count; s++) {
        free(t->sites[s].prob);
        free(t->sites[s].logprob);
        free(t->sites[s].logit_diff);
        free(t->sites[s].sd);
        free(t->sites[s].restored);
        free(t->sites[s].estimate);
    }
    for (size_t i = 0; i < t->corruption_count; i++)
        free(t->corruptions[i]);
    free(t->estimates.largest);
    free(t->corruptions);
    free(t->cells);
    free(t->groups);
    free(t->sites);
    free(t->layers);
    free(t->answer);
    free(t->severed_name);
    free(t->corrupt_span);
    span_free(&t->severed_rows);
    *t = (trace){0};
}

double trace_unpatched_logprob(const trace *t)
{
    return t->direction == TRACE_DENOISE ? t->corrupted.logprob : t->clean.logprob;
}
