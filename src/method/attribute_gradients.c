/* attribute_gradients.c: backward through the runs. See attribute_parts.h.
 *
 * As a row's gradient d comes by it is multiplied with the change of that row, and only the product is kept:
 *
 *     change[site][layer][position][head] = mean over runs of (x' - x) . d
 *
 * of which every cell is a sum. */
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/backward.h"
#include "method/attribute_parts.h"

/* ---- what is kept ---- */

size_t attribute_change_count(const attribution *a, size_t s)
{
    return a->j->q->model->decoder.config.layers * a->j->q->length * a->j->t->sites[s].heads;
}

void attribute_open(attribution *a)
{
    const trace_job *j = a->j;
    const trace *t = j->t;
    a->runs = attribute_run_count(a);
    a->wanted = mem_new(j->q->length, sizeof *a->wanted);
    a->change = mem_new(t->site_count, sizeof *a->change);
    for (size_t s = 0; s < t->site_count; s++)
        a->change[s] = mem_new(attribute_change_count(a, s), sizeof **a->change);
    for (size_t s = 0; s < SITE_PUT_COUNT; s++)
        a->slot[s] = SIZE_MAX;
    for (size_t s = 0; s < t->site_count; s++)
        a->slot[t->sites[s].site] = s;
    for (size_t c = 0; c < t->cell_count; c++)
        for (size_t i = 0; i < t->cells[c].count; i++)
            a->wanted[t->cells[c].positions[i]] = true;
}

void attribute_close(attribution *a)
{
    free(a->wanted);
    for (size_t s = 0; s < a->j->t->site_count; s++)
        free(a->change[s]);
    free(a->change);
}

double attribute_cell_change(const attribution *a, trace_cell c)
{
    const trace *t = a->j->t;
    const trace_grid *g = &t->sites[c.site];
    const span *cell = &t->cells[c.column];
    size_t T = a->j->q->length;
    double sum = 0;
    for (size_t l = g->restored[c.layer][0]; l <= g->restored[c.layer][1]; l++)
        for (size_t i = 0; i < cell->count; i++)
            sum += a->change[c.site][(l * T + cell->positions[i]) * g->heads + c.head];
    return sum;
}

/* ---- products ---- */

/* (x' - x) . d */
static double product(const float *source, const float *own, const float *d, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)source[i] - (double)own[i]) * (double)d[i];
    return sum;
}

static void take_gradient(void *context, site s, size_t layer, size_t position, const float *d)
{
    const gradient_run *r = context;
    attribution *a = r->a;
    const trace_job *j = a->j;
    const decoder_config *c = &j->q->model->decoder.config;
    if (a->slot[s] == SIZE_MAX || !a->wanted[position])
        return;
    size_t heads = j->t->sites[a->slot[s]].heads, width = s == SITE_HEAD_OUT ? c->head_dim : c->d_model;
    size_t averaged = j->samples * (a->steps ? a->steps : 1);
    double *change = a->change[a->slot[s]] + (layer * j->q->length + position) * heads;
    for (size_t i = r->first_sample; i < r->end_sample; i++) {
        const float *source = recording_row(trace_source_run(j, i), s, layer, position);
        const float *own = recording_row(trace_patched_run(j, i), s, layer, position);
        for (size_t h = 0; h < heads; h++)
            change[h] += product(source + h * width, own + h * width, d + h * width, width) / (double)averaged;
    }
}

/* ---- a group of runs ---- */

/* d[count][answer_count][D] = the gradients of logprob with respect to the runs' final rows. */
static pb_status differentiate_readout(const attribution *a, const replay_fork *forks, size_t count, float *d,
                                       pb_error *err)
{
    trace_job *j = a->j;
    decoder *m = &j->q->model->decoder;
    size_t K = j->q->answer_count;
    readout *reads = mem_new(count * K, sizeof *reads);
    double begin = clock_now();
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < K; k++)
            reads[i * K + k] = (readout){
                .x = recording_row(forks[i].record, SITE_RESID_POST, m->config.layers - 1, j->q->last + k),
                .want = {j->q->answer[k], -1}};
    pb_status status = score_differentiate(m, reads, count * K, d, NULL, err);
    free(reads);
    j->own.readout_seconds += clock_now() - begin;
    j->own.readout_flop += 3 * (double)(count * K) * decoder_readout_flop(&m->config); /* forward, again, backward */
    return status;
}

static pb_status run_group(attribution *a, gradient_run *runs, replay_fork *forks, size_t count, float *d,
                           pb_error *err)
{
    trace_job *j = a->j;
    decoder *m = &j->q->model->decoder;
    size_t rows = 0;
    fork_gradient *gradients = mem_new(count, sizeof *gradients);
    for (size_t i = 0; i < count; i++) {
        rows += forks[i].end - forks[i].first;
        gradients[i] = (fork_gradient){.d_read = d + i * j->q->answer_count * m->config.d_model, .each = take_gradient,
                                       .context = &runs[i]};
    }
    replay_options options = {.memory = rows * m->config.d_model * sizeof(float)};
    pb_status status = attribute_is_reference(a) ? PB_OK : replay_run(m, forks, count, &options, &j->own.work, err);
    for (size_t i = 0; i < count; i++)
        forks[i].read_first = j->q->last;
    if (!status)
        status = differentiate_readout(a, forks, count, d, err);
    if (!status)
        status = backward_run(m, forks, gradients, count, NULL, options.memory, &j->own.work, err);
    free(gradients);
    return status;
}

static pb_status prepare_and_run(attribution *a, gradient_run *runs, replay_fork *forks, size_t first, size_t count,
                                 pb_error *err)
{
    float *d;
    size_t D = a->j->q->model->decoder.config.d_model;
    for (size_t i = 0; i < count; i++)
        TRY(attribute_run_prepare(a, first + i, &runs[i], &forks[i], err));
    TRY(mem_try(&d, count * a->j->q->answer_count, D * sizeof *d, "gradients of a read-out", err));
    pb_status status = run_group(a, runs, forks, count, d, err);
    free(d);
    return status;
}

static pb_status take_group(attribution *a, size_t first, size_t count, pb_error *err)
{
    gradient_run *runs = mem_new(count, sizeof *runs);
    replay_fork *forks = mem_new(count, sizeof *forks);
    pb_status status = prepare_and_run(a, runs, forks, first, count, err);
    for (size_t i = 0; i < count; i++) {
        recording_free(runs[i].own);
        free(runs[i].input);
    }
    free(runs);
    free(forks);
    return status;
}

static void report_progress(const attribution *a, size_t done)
{
    const pb_run_options *run = &a->j->options->run;
    if (run->progress)
        run->progress(run->context, "estimating", (double)done, (double)a->runs);
}

pb_status attribute_gradients(attribution *a, pb_error *err)
{
    report_progress(a, 0);
    for (size_t i = 0, count; i < a->runs; i += count) {
        TRY(attribute_group_size(a, i, &count, err));
        TRY(take_group(a, i, count, err));
        report_progress(a, i + count);
    }
    return PB_OK;
}
