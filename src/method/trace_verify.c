/* trace_verify.c: cells recomputed the plain way. See trace_job.h. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/trace_job.h"
#include "method/verify.h"

static double check_cell(const trace_job *j, trace_cell c, const score *scores)
{
    const trace_grid *g = &j->t->sites[c.site];
    double mean = 0;
    for (size_t s = 0; s < j->samples; s++)
        mean += scores[s].prob / (double)j->samples;
    return verify_difference(mean, g->prob[trace_cell_in_grid(j->t, c)]);
}

pb_status trace_verify(trace_job *j, pb_error *err)
{
    size_t total = trace_cell_total(j->t), n = j->options->verify < total ? j->options->verify : total;
    if (n == 0)
        return PB_OK;
    size_t *order = verify_choose(total, n, j->options->run.seed);
    trace_batch b = trace_batch_new(j, n * j->samples, "verifying");
    for (size_t i = 0; i < n * j->samples; i++)
        trace_batch_add_plain(&b, trace_cell_at(j->t, order[i / j->samples]), i % j->samples);
    pb_status status = trace_batch_run(&b, 0, err);
    for (size_t i = 0; i < n && !status; i++) {
        double d = check_cell(j, trace_cell_at(j->t, order[i]), b.scores + i * j->samples);
        j->t->verify_max_rel_diff = d > j->t->verify_max_rel_diff ? d : j->t->verify_max_rel_diff;
    }
    j->t->verify_cells = n;
    trace_batch_free(&b);
    free(order);
    return status;
}

