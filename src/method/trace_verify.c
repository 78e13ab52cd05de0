/* trace_verify.c: cells recomputed the plain way. See trace_job.h. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"
#include "method/verify.h"

/* The mean over a cell's samples against what the grid says. */
static void check_cell(trace_job *j, double found, const score *scores)
{
    double mean = 0;
    for (size_t s = 0; s < j->samples; s++)
        mean += scores[s].prob / (double)j->samples;
    double d = verify_difference(mean, found);
    j->t->verify_max_rel_diff = d > j->t->verify_max_rel_diff ? d : j->t->verify_max_rel_diff;
}

/* Those of cells[count] that are the decoder's. */
static pb_status verify_decoder(trace_job *j, const size_t *cells, size_t count, pb_error *err)
{
    trace_batch b = trace_batch_new(j, 1, count * j->samples, "verifying");
    for (size_t i = 0; i < count * j->samples; i++)
        if (cells[i / j->samples] < trace_cell_total(j->t))
            trace_batch_add_plain(&b, 0, trace_cell_at(j->t, cells[i / j->samples]), i % j->samples);
    pb_status status = fork_batch_run(&b.forks, 0, err);
    for (size_t i = 0, at = 0; i < count && !status; i++) {
        if (cells[i] >= trace_cell_total(j->t))
            continue;
        trace_cell c = trace_cell_at(j->t, cells[i]);
        check_cell(j, j->t->sites[c.site].prob[trace_cell_in_grid(j->t, c)], b.forks.scores + at);
        at += j->samples;
    }
    trace_batch_free(&b);
    return status;
}

/* Those that are the tower's and the projector's, which are numbered behind them. */
static pb_status verify_tower(trace_job *j, const size_t *cells, size_t count, pb_error *err)
{
    score *scores = mem_new(j->samples, sizeof *scores);
    pb_status status = PB_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (cells[i] < trace_cell_total(j->t))
            continue;
        size_t cell = cells[i] - trace_cell_total(j->t);
        for (size_t s = 0; s < j->samples && !status; s++)
            status = trace_tower_plain(j, cell, s, &scores[s], err);
        if (!status)
            check_cell(j, trace_tower_prob(j->t, cell), scores);
    }
    free(scores);
    return status;
}

/* Plain passes share nothing, so each job verifies its own. */
static pb_status verify_job(trace_job *j, pb_error *err)
{
    size_t total = trace_cell_total(j->t) + trace_tower_total(j->t);
    size_t n = j->options->verify < total ? j->options->verify : total;
    if (n == 0)
        return PB_OK;
    size_t *cells = verify_choose(total, n, j->options->run.seed);
    pb_status status = verify_decoder(j, cells, n, err);
    if (!status)
        status = verify_tower(j, cells, n, err);
    j->t->verify_cells = n;
    free(cells);
    return status;
}

pb_status trace_verify(trace_job *jobs, size_t count, pb_error *err)
{
    for (size_t i = 0; i < count; i++)
        TRY(verify_job(&jobs[i], err));
    return PB_OK;
}
