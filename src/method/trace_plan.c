/* trace_plan.c: what a trace would take: its steps up to the first run, and the shapes of the forks that
 * would follow. */
#include <stdlib.h>

#include "base/memory.h"
#include "math/matmul.h"
#include "math/rate.h"
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

static pb_status product_rate(double *rate, const decoder *m, pb_error *err)
{
    enum { ROWS = 256, LARGEST = 2048 };
    size_t n = m->config.d_model < LARGEST ? m->config.d_model : LARGEST;
    return m->form == FORM_BF16 ? rate_product(rate, true, ROWS, n, n, err) : matmul_rate(rate, n, err);
}

pb_status trace_plan_job(trace_plan *out, trace_job *j, pb_error *err)
{
    const decoder_config *c = &j->q->model->decoder.config;
    replay_plan forks = {0};
    double rate, tower = 0;
    *out = (trace_plan){0};
    add_references(&forks, j);
    size_t read = 1 + j->samples + add_cells(&forks, j), tokens = j->q->answer_count ? j->q->answer_count : 1;
    read += trace_tower_plan(j, &forks, &tower);
    TRY(product_rate(&rate, &j->q->model->decoder, err));
    out->cells = trace_cell_total(j->t) + trace_tower_total(j->t);
    out->waves = forks.waves;
    out->rows = forks.rows;
    out->working_bytes = j->fixed_bytes + forks.largest * c->d_model * sizeof(float);
    out->flop = forks.flop + tower + (double)(read * tokens) * decoder_readout_flop(c) + question_vision_flop(j->q);
    out->seconds = out->flop / rate;
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
