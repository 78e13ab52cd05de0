/* knockout_parts.h: knockouts under way, and their steps, a file each. A step that runs something takes on all jobs of a list at
 * once: their forks go through the layers together.
 *
 *     knockout_choose.c   what is asked: layers and their windows, spans, curves, the answer
 *     knockout_points.c   a fork for each point that is not known, and what they say; some of them once more, sharing nothing
 *     knockout.c          lists of questions, their memory and clean runs */
#ifndef METHOD_KNOCKOUT_PARTS_H
#define METHOD_KNOCKOUT_PARTS_H

#include "method/knockout.h"

/* One question. */
typedef struct knockout_job {
    knockout *k;
    question *q;
    const pb_knockout_options *options;
    clean_run clean;
} knockout_job;

/* Those whose edges are cut together. */
typedef struct knockout_list {
    together_list all;
    knockout_job *jobs;  /* [all.count] */
    clean_run **runs;    /* [all.count] the jobs' */
    size_t rows;         /* of their points, at most */
    size_t wave_bytes;   /* what forks' rows may take */
} knockout_list;

/* ---- what is asked ---- */

/* All that a question's result says of what was asked; and its answer, where one is named. */
pb_status knockout_choose(knockout_job *j, pb_error *err);

/* A curve's cuts around the layer number `point` of those asked for: cuts[pair_count]. Destinations that no source can
 * reach are left out: they stand before the first one. */
void knockout_cuts(const knockout *k, const knockout_curve *c, size_t point, edge_cut *cuts);

/* ---- points ---- */

/* A knockout's points, numbered curve by curve, layer by layer; and those of the first jobs. */
size_t knockout_point_count(const knockout *k);
size_t knockout_point_total(const knockout_list *l, size_t count);
/* Bytes that those hold beside forks' rows. */
size_t knockout_points_bytes(const knockout_list *l, size_t count);

/* Runs all jobs' points, and fills the curves in; the clean runs have been made. */
pb_status knockout_points(knockout_list *l, pb_error *err);
/* Adds that to a plan. */
void knockout_points_foresee(const knockout_list *l, run_plan *plan);
/* Recomputes some points of a list of one by full, unshared passes, and keeps the largest relative difference in prob. */
pb_status knockout_verify(const knockout_list *l, pb_error *err);

#endif
