/* attribute_parts.h: estimates under way, and their steps, a file each. The reference runs before them and the cells that are run
 * after them are a trace's (trace_job.h).
 *
 *     attribute_runs.c       the runs in which gradients are taken: their inputs, and how many of them memory holds
 *     attribute_gradients.c  backward through them: what each row's change makes of the answer, to first order
 *     attribute_exact.c      the largest cells run after all, and how well the estimates agree with them */
#ifndef METHOD_ATTRIBUTE_PARTS_H
#define METHOD_ATTRIBUTE_PARTS_H

#include "method/attribute.h"
#include "method/trace_job.h"

typedef struct attribution {
    trace_job *j;
    const pb_attribute_options *options;
    size_t steps;     /* runs per sample; 0: the unpatched run's gradient */
    size_t runs;      /* whose gradients are averaged */
    bool *wanted;     /* [T]: positions of cells */
    size_t slot[SITE_PUT_COUNT]; /* of a site in the trace's list; SIZE_MAX: not asked for */
    double **change;  /* [site_count]: [L][T][heads], of which head_out alone has more than one */
} attribution;

/* ---- the runs ---- */

/* A run in which the gradient is taken. */
typedef struct gradient_run {
    attribution *a;
    size_t first_sample, end_sample; /* the samples whose changes it is multiplied with */
    float *input;                    /* [end - first][D]; NULL: the run has been recorded */
    recording *own;
} gradient_run;

size_t attribute_run_count(const attribution *a);
/* Whether the run is one of the references as it stands: the corrupted one. The clean run's recording begins at row 0,
 * but backward is to go over the changed rows alone, so those are run once more by themselves, for all samples. */
bool attribute_is_reference(const attribution *a);
/* The index-th run and its fork, which have not been run. free() the input, recording_free; both also where this fails. */
pb_status attribute_run_prepare(attribution *a, size_t index, gradient_run *r, replay_fork *f, pb_error *err);
/* How many runs from `first` on fit the budget together; at least one must. */
pb_status attribute_group_size(const attribution *a, size_t first, size_t *count, pb_error *err);
/* What the largest run takes by itself: known before anything has run. */
size_t attribute_least_bytes(const trace_job *j);
/* Adds the runs to a plan; those that stand as references are not run again. */
void attribute_runs_foresee(const attribution *a, run_plan *plan);

/* ---- gradients ---- */

/* Numbers that are kept of the s-th site: one per layer, row and head. */
size_t attribute_change_count(const attribution *a, size_t s);
/* Makes room for them, and decides what is wanted; attribute_close. */
void attribute_open(attribution *a);
void attribute_close(attribution *a);
/* Takes the gradients, and keeps a->change: (x' - x) . d logprob(answer) / d x of every row, averaged over the runs. */
pb_status attribute_gradients(attribution *a, pb_error *err);
/* What a cell changes: the sum over its rows and layers. */
double attribute_cell_change(const attribution *a, trace_cell c);

/* ---- exact values ---- */

/* How many cells are run. */
size_t attribute_exact_count(const attribution *a);
/* Runs those whose estimates change most; the others have no exact value. */
pb_status attribute_exact(attribution *a, pb_error *err);
/* Which cells will be run is not known yet: as many of those that make a difference stand for them, evenly chosen: the first few behind
 * the picture, where answers are made, which have few rows, the others anywhere. Fills in chosen[]; returns how many. */
size_t attribute_likely_cells(const attribution *a, size_t *chosen, size_t n);

#endif
