/* sweep_walk.h: goes through a summary's questions once more, and shows each one's curves as its store did, so that
 * these, nearly all of a store, are read and kept once.
 *
 *     sweep_walk w = sweep_walk_new(summary);
 *     for (size_t i = 0; i < summary->questions; i++)
 *         curves = sweep_walk_next(&w, &count);        // of question i
 *     sweep_walk_free(&w); */
#ifndef REPORT_SWEEP_WALK_H
#define REPORT_SWEEP_WALK_H

#include "report/sweep_summary.h"

typedef struct sweep_walk {
    const struct sweep_rows *rows; /* the summary's, which must outlive it */
    size_t row;            /* the next one */
    size_t *order, *at;    /* [curves of the rows] by name and class; where in each the next row stands that has it */
    store_curve *curves;   /* as many */
} sweep_walk;

sweep_walk sweep_walk_new(const sweep_summary *s);
/* [*count] in order of names and classes, until the next call; none of questions that are not done,
 * and behind the last. */
const store_curve *sweep_walk_next(sweep_walk *w, size_t *count);
void sweep_walk_free(sweep_walk *w);

#endif
