/* trace.c: see trace.h.
 *
 * The clean run and the corrupted runs are recorded; then each cell becomes one fork per sample, and all forks are
 * replayed together. */
#include "method/trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

void trace_fill_cost(trace_job *j)
{
    trace_cost *cost = &j->t->cost;
    cost->seconds = clock_now() - j->q->began;
    cost->flop = j->work.flop + j->readout_flop + question_vision_flop(j->q);
    cost->naive_flop = (double)(cost->cells * j->samples) * question_pass_flop(j->q) + trace_tower_naive_flop(j);
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

/* The picture has many rows: what tracing them will take is said before. */
static pb_status announce(trace_job *j, pb_error *err)
{
    const pb_run_options *run = &j->options->run;
    trace_plan plan;
    char line[120];
    if (!run->progress || !j->corruption.on_image)
        return PB_OK;
    TRY(trace_plan_job(&plan, j, err));
    snprintf(line, sizeof line, "%zu cells, %.3g TFLOP, about %.3g s on this machine", plan.cells, plan.flop / 1e12,
             plan.seconds);
    run->progress(run->context, line, 0, 0);
    return PB_OK;
}

static pb_status run(trace_job *j, pb_error *err)
{
    TRY(trace_prepare(j, err));
    TRY(announce(j, err));
    TRY(trace_references(j, err));
    TRY(trace_cells(j, NULL, trace_cell_total(j->t), err));
    TRY(trace_tower_cells(j, err));
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
    trace_tower_free(j);
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

static void grid_free(trace_grid *g)
{
    free(g->prob);
    free(g->logprob);
    free(g->logit_diff);
    free(g->sd);
    free(g->restored);
    free(g->estimate);
}

static void vision_grid_free(trace_vision *g)
{
    for (size_t i = 0; i < g->cell_count; i++) {
        span_free(&g->cells[i]);
        if (g->groups)
            free(g->groups[i]);
    }
    grid_free(&g->grid);
    free(g->layers);
    free(g->cells);
    free(g->groups);
}

trace trace_vision_view(const trace *t, const trace_vision *g)
{
    trace view = *t;
    view.layer_count = g->layer_count;
    view.layers = g->layers;
    view.cell_count = g->cell_count;
    view.cells = g->cells;
    view.groups = g->groups;
    view.site_count = view.vision_count = 0;
    return view;
}

void trace_free(trace *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        span_free(&t->cells[i]);
        if (t->groups)
            free(t->groups[i]);
    }
    for (size_t s = 0; s < t->site_count; s++)
        grid_free(&t->sites[s]);
    for (size_t i = 0; i < t->vision_count; i++)
        vision_grid_free(&t->vision[i]);
    free(t->vision);
    free(t->tower_areas);
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
