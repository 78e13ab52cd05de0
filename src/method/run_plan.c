/* run_plan.c: see run_plan.h. */
#include "method/run_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/probe.h"
#include "method/score.h"

enum { READS_AT_MOST = 128 };

/* Seconds of a read-out of so many rows, by a few. */
static pb_status time_readout(double *seconds, const run_plan *p, pb_error *err)
{
    decoder *m = &p->question->model->decoder;
    size_t n = p->reads < READS_AT_MOST ? p->reads : READS_AT_MOST, D = m->config.d_model;
    readout *rows = mem_new(n, sizeof *rows);
    pb_status status = PB_OK;
    *seconds = 0;
    for (size_t i = 0; i < 2 && n && !status; i++) { /* the first one looks at the weights, too */
        for (size_t r = 0; r < n; r++)
            rows[r] = (readout){.x = p->question->input + r % p->question->length * D, .want = {0, -1}};
        double begin = clock_now();
        status = decoder_readout(m, rows, n, err);
        *seconds = (clock_now() - begin) * (double)p->reads / (double)n;
    }
    free(rows);
    return status;
}

static double times_of(const run_plan *p)
{
    return p->times > 0 ? p->times : 1;
}

/* Rows to be timed: as many as go through a layer together, but a small part of all. */
static size_t rows_to_time(const run_plan *p)
{
    enum { PART = 48, LEAST = 32, MOST = 512 };
    const decoder_config *c = &p->question->model->decoder.config;
    size_t fits = p->wave_bytes / (c->d_model * sizeof(float)), rows;
    rows = (size_t)(times_of(p) * p->forks.flop / decoder_layer_flop(c)) / PART;
    rows = rows < LEAST ? LEAST : rows > MOST ? MOST : rows;
    return rows < fits || fits == 0 ? rows : fits;
}

double run_plan_flop(const run_plan *p)
{
    const decoder_config *c = &p->question->model->decoder.config;
    return times_of(p) * (p->forks.flop + (double)p->reads * decoder_readout_flop(c)) + p->tower + question_vision_flop(p->question);
}

pb_status run_plan_time(run_plan *p, pb_error *err)
{
    layer_rates rates;
    double reading, times = times_of(p);
    question *q = p->question;
    decoder *m = &q->model->decoder;
    TRY(probe_layers(&rates, m, q->input, q->length, rows_to_time(p), err));
    TRY(time_readout(&reading, p, err));
    p->flop = run_plan_flop(p);
    p->weight_bytes = times * (p->forks.weight_bytes + (double)p->forks.waves * (double)decoder_head_file_bytes(m));
    double work = times * (probe_plan_seconds(&rates, &p->forks) + reading) + p->tower / rates.many_flop * rates.many_seconds;
    p->seconds = clock_now() - q->began + work / (double)(p->processes ? p->processes : 1);
    return PB_OK;
}

pb_status run_plan_announce(run_plan *p, size_t count, const char *what, const pb_run_options *run, pb_error *err)
{
    static _Thread_local char lines[2][160]; /* which a progress function may keep */
    char where[64] = "this machine";
    if (!run->progress)
        return PB_OK;
    TRY(run_plan_time(p, err));
    size_t waves = (size_t)(times_of(p) * (double)p->forks.waves + 0.5);
    if (p->processes > 1)
        snprintf(where, sizeof where, "%zu processes like this one", p->processes);
    snprintf(lines[0], sizeof lines[0], "%zu %s%s, %.3g TFLOP, about %.3g s on %s", count, what, count == 1 ? "" : "s",
             p->flop / 1e12, p->seconds, where);
    run->progress(run->context, lines[0], 0, 0);
    snprintf(lines[1], sizeof lines[1],
             "%zu wave%s over the layers, which read %.3g GB of weights; at most %.1f MB of memory beside them", waves,
             waves == 1 ? "" : "s", p->weight_bytes / 1e9, (double)p->working_bytes / 1e6);
    run->progress(run->context, lines[1], 0, 0);
    return PB_OK;
}

void run_plan_free(run_plan *p)
{
    replay_plan_free(&p->forks);
}
