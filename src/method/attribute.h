/* attribute.h: attribution patching (Nanda 2023; Syed et al. 2023, arXiv 2310.10348): every cell of a trace estimated
 * to first order, from the two reference runs and one run backward.
 *
 * A trace's cell puts activations x' of one run in the place of x of another. To first order, with the gradient of that
 * other run, which does not depend on the cell,
 *
 *     estimate = logprob(unpatched) + sum over the cell's rows and layers of (x' - x) . d logprob(answer) / d x
 *
 * The unpatched run is the corrupted one and x' is clean; with direction `noise` the other way round. With `steps` N
 * the gradient is the mean over N runs on the way: their changed input rows are x + (k - 1/2)/N (x' - x), k = 1 .. N. */
#ifndef METHOD_ATTRIBUTE_H
#define METHOD_ATTRIBUTE_H

#include "method/trace.h"

enum {
    ATTRIBUTE_EXACT = 10,          /* cells that are run after all, where nothing is said */
    ATTRIBUTE_MOST_STEPS = 1000000
};

/* Fills in a trace whose grids have estimates, and the exact values of the cells where they are largest (by |estimate -
 * logprob(unpatched)|): options->exact of them, or all. Free it with trace_free. options->trace.verify is not read. */
pb_status attribute_run_question(trace *t, question *q, const pb_attribute_options *options, pb_error *err);

#endif
