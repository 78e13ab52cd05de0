/* trace_plan.c: what a trace would take: its steps up to the first run, and the shapes of the forks that
 * would follow. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "math/matmul.h"
#include "method/trace_job.h"

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
    trace_batch b = trace_batch_new(j, trace_cell_total(j->t) * j->samples, "");
    trace_batch_add_cells(&b, NULL);
    replay_plan_add(plan, &j->q->model->decoder, b.forks, b.count, j->options->naive ? 0 : j->wave_bytes);
    trace_batch_free(&b);
    return b.count;
}

/* Flop a second of this machine's products, at the decoder's width. */
static pb_status product_rate(const decoder_config *c, double *rate, pb_error *err)
{
    enum { ROWS = 256, LARGEST = 2048, TIMES = 3 };
    size_t n = c->d_model < LARGEST ? c->d_model : LARGEST;
    float *x;
    TRY(mem_try(&x, (2 * ROWS + n) * n, sizeof *x, "a product to be timed", err));
    for (size_t i = 0; i < (2 * ROWS + n) * n; i++)
        x[i] = (float)(i % 7);
    pb_status status = PB_OK;
    double best = 0;
    for (size_t i = 0; i < TIMES && !status; i++) {
        double begin = clock_now();
        status = matmul_linear(x, x + ROWS * n, x + 2 * ROWS * n, NULL, ROWS, n, n, err);
        double seconds = clock_now() - begin, found = 2.0 * ROWS * (double)(n * n) / (seconds > 1e-9 ? seconds : 1e-9);
        best = found > best ? found : best;
    }
    free(x);
    *rate = best;
    return status;
}

static pb_status plan(trace_plan *out, trace_job *j, pb_error *err)
{
    const decoder_config *c = &j->q->model->decoder.config;
    replay_plan forks = {0};
    double rate;
    TRY(trace_prepare(j, err));
    add_references(&forks, j);
    size_t read = 1 + j->samples + add_cells(&forks, j), tokens = j->q->answer_count ? j->q->answer_count : 1;
    TRY(product_rate(c, &rate, err));
    out->cells = trace_cell_total(j->t);
    out->waves = forks.waves;
    out->rows = forks.rows;
    out->working_bytes = j->fixed_bytes + forks.largest * c->d_model * sizeof(float);
    out->flop = forks.flop + (double)(read * tokens) * decoder_readout_flop(c) + question_vision_flop(j->q);
    out->seconds = out->flop / rate;
    return PB_OK;
}

pb_status trace_plan_question(trace_plan *out, question *q, const pb_trace_options *options, pb_error *err)
{
    trace t = {.foil = -1};
    trace_job j = {.t = &t, .q = q, .options = options};
    *out = (trace_plan){0};
    pb_status status = plan(out, &j, err);
    trace_job_free(&j);
    trace_free(&t);
    return status;
}
