/* trace_plan.c: what traces would take: their steps up to the first run, and the shapes of the forks that would follow. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

/* A plan looks at no run: recordings may be there already, but nothing has been run into them. */
static trace_job without_runs(const trace_job *j)
{
    trace_job shape = *j;
    shape.clean = NULL;
    shape.corrupted = NULL;
    shape.tower_clean = NULL;
    shape.tower_corrupted = NULL;
    return shape;
}

/* The clean run, and the corrupted ones that rest on it. */
static void add_references(replay_plan *plan, const trace_job *j)
{
    recording *shapes = mem_new(1 + j->samples, sizeof *shapes);
    replay_fork *forks = mem_new(1 + j->samples, sizeof *forks);
    trace_reference_shapes(j, shapes, forks);
    replay_plan_add(plan, &j->q->model->decoder, forks, 1 + j->samples, j->wave_bytes);
    free(shapes);
    free(forks);
}

/* Adds the cells; returns how many forks they make. */
static size_t add_cells(replay_plan *plan, trace_job *j)
{
    trace_batch b = trace_batch_new(j, 1, trace_cells_wanted(j) * j->samples, "");
    trace_batch_add_cells(&b, 0, NULL);
    replay_plan_add(plan, &j->q->model->decoder, b.forks.forks, b.forks.count, j->options->naive ? 0 : j->wave_bytes);
    trace_batch_free(&b);
    return b.forks.count;
}

size_t trace_plan_run_cells(const trace_job *job, size_t *cells)
{
    trace_job j = without_runs(job);
    size_t total = trace_cell_total(j.t), count = 0, *slot = mem_new(total * j.samples, sizeof *slot);
    trace_batch b = trace_batch_new(&j, 1, total * j.samples, "");
    trace_batch_add_cells(&b, 0, slot);
    for (size_t i = 0; i < total * j.samples; i++)
        if (slot[i] && (count == 0 || cells[count - 1] != i / j.samples))
            cells[count++] = i / j.samples;
    trace_batch_free(&b);
    free(slot);
    return count;
}

/* Of a reference run the next token's distribution is read, and the answer's tokens like those of a cell. */
static void add_job(run_plan *plan, trace_job *job)
{
    trace_job j = without_runs(job);
    const decoder_config *c = &j.q->model->decoder.config;
    size_t tokens = question_answer_tokens(j.q), runs = 1 + j.samples;
    add_references(&plan->forks, &j);
    size_t cells = add_cells(&plan->forks, &j);
    cells += trace_tower_plan(&j, &plan->forks, &plan->tower);
    plan->reads += runs + (runs + cells) * tokens;
    size_t bytes = j.fixed_bytes + plan->forks.largest * c->d_model * sizeof(float);
    plan->working_bytes = bytes > plan->working_bytes ? bytes : plan->working_bytes;
}

size_t trace_plan_jobs(run_plan *plan, trace_job *jobs, size_t count)
{
    size_t cells = 0;
    *plan = (run_plan){.question = jobs[0].q, .wave_bytes = jobs[0].wave_bytes};
    for (size_t i = 0; i < count; i++) {
        add_job(plan, &jobs[i]);
        cells += trace_cell_total(jobs[i].t) + trace_tower_total(jobs[i].t);
    }
    return cells;
}

pb_status trace_plan_question(trace_plan *out, question *q, const pb_trace_options *options, pb_error *err)
{
    trace t = {.foil = -1};
    trace_job j = {.t = &t, .q = q, .options = options};
    run_plan plan = {0};
    *out = (trace_plan){0};
    pb_status status = trace_prepare(&j, err);
    if (!status)
        status = trace_divide(&j, 1, err);
    if (!status) {
        out->cells = trace_plan_jobs(&plan, &j, 1);
        status = run_plan_time(&plan, err);
    }
    out->waves = plan.forks.waves;
    out->rows = plan.forks.rows;
    out->working_bytes = plan.working_bytes;
    out->weight_bytes = plan.weight_bytes;
    out->flop = plan.flop;
    out->seconds = plan.seconds;
    run_plan_free(&plan);
    trace_job_free(&j);
    trace_free(&t);
    return status;
}
