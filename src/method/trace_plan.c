/* trace_plan.c: what a trace would take: its steps up to the first run, and the shapes of the forks that
 * would follow. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/probe.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

/* The clean run, and the corrupted ones that rest on it. */
static void add_references(replay_plan *plan, const trace_job *j)
{
    const question *q = j->q;
    replay_fork *forks = mem_new(1 + j->samples, sizeof *forks);
    forks[0] = (replay_fork){.end = q->length, .input = q->input, .read_first = q->last};
    for (size_t s = 0; s < j->samples; s++)
        forks[1 + s] = (replay_fork){.first = j->first_changed[s], .end = q->length, .input = j->inputs[s],
                                     .read_first = q->last};
    replay_plan_add(plan, &q->model->decoder, forks, 1 + j->samples, j->wave_bytes);
    free(forks);
}

/* Adds the cells; returns how many forks they make. */
static size_t add_cells(replay_plan *plan, trace_job *j)
{
    trace_batch b = trace_batch_new(j, 1, trace_cells_wanted(j) * j->samples, "");
    trace_batch_add_cells(&b, 0, NULL);
    replay_plan_add(plan, &j->q->model->decoder, b.forks, b.count, j->options->naive ? 0 : j->wave_bytes);
    trace_batch_free(&b);
    return b.count;
}

/* ---- seconds ---- */

enum { READS_AT_MOST = 128 };

/* Seconds of a read-out of so many rows, by a few. */
static pb_status time_readout(double *seconds, const trace_job *j, size_t reads, pb_error *err)
{
    decoder *m = &j->q->model->decoder;
    size_t n = reads < READS_AT_MOST ? reads : READS_AT_MOST, D = m->config.d_model;
    readout *rows = mem_new(n, sizeof *rows);
    pb_status status = PB_OK;
    *seconds = 0;
    for (size_t i = 0; i < 2 && !status; i++) { /* the first one looks at the weights, too */
        for (size_t r = 0; r < n; r++)
            rows[r] = (readout){.x = j->q->input + r % j->q->length * D, .want = {0, -1}};
        double begin = clock_now();
        status = decoder_readout(m, rows, n, err);
        *seconds = (clock_now() - begin) * (double)reads / (double)n;
    }
    free(rows);
    return status;
}

/* Rows to be timed: as many as go through a layer together, but a small part of all. */
static size_t probe_rows(const trace_job *j, const replay_plan *plan)
{
    enum { PART = 24, LEAST = 32, MOST = 1024 };
    size_t D = j->q->model->decoder.config.d_model, fits = j->wave_bytes / (D * sizeof(float));
    size_t rows = plan->rows / PART * j->q->model->decoder.config.layers / 2;
    rows = rows < LEAST ? LEAST : rows > MOST ? MOST : rows;
    return rows < fits || fits == 0 ? rows : fits;
}

/* The decoder's forks; returns how many are read out. */
static size_t add_forks(replay_plan *plan, trace_job *j, double *tower)
{
    add_references(plan, j);
    size_t read = 1 + j->samples + add_cells(plan, j);
    return read + trace_tower_plan(j, plan, tower);
}

pb_status trace_plan_job(trace_plan *out, trace_job *j, pb_error *err)
{
    const decoder *m = &j->q->model->decoder;
    replay_plan shapes = {0}, forks = {0};
    layer_rates rates;
    double tower = 0, same = 0, reading;
    *out = (trace_plan){0};
    size_t tokens = j->q->answer_count ? j->q->answer_count : 1, read = add_forks(&shapes, j, &tower);
    TRY(probe_layers(&rates, &j->q->model->decoder, j->q->input, j->q->length, probe_rows(j, &shapes), err));
    TRY(time_readout(&reading, j, read * tokens, err));
    forks.rates = &rates;
    add_forks(&forks, j, &same);
    out->cells = trace_cell_total(j->t) + trace_tower_total(j->t);
    out->waves = forks.waves;
    out->rows = forks.rows;
    out->working_bytes = j->fixed_bytes + forks.largest * m->config.d_model * sizeof(float);
    out->weight_bytes = forks.weight_bytes + (double)forks.waves * (double)decoder_head_file_bytes(m);
    out->flop = forks.flop + tower + (double)(read * tokens) * decoder_readout_flop(&m->config) + question_vision_flop(j->q);
    out->seconds = clock_now() - j->q->began + forks.seconds + reading + tower / rates.many_flop * rates.many_seconds;
    return PB_OK;
}

pb_status trace_plan_question(trace_plan *out, question *q, const pb_trace_options *options, pb_error *err)
{
    trace t = {.foil = -1};
    trace_job j = {.t = &t, .q = q, .options = options};
    *out = (trace_plan){0};
    pb_status status = trace_prepare(&j, err);
    if (!status)
        status = trace_divide(&j, 1, err);
    if (!status)
        status = trace_plan_job(out, &j, err);
    trace_job_free(&j);
    trace_free(&t);
    return status;
}
