/* ranks.h: a sweep by the processes that mpirun started.
 *
 * Rank 0 leads (crew.h) in the calling thread and works in another; the others only work.
 * Every rank has opened the same job. */
#ifndef SWEEP_RANKS_H
#define SWEEP_RANKS_H

#include "sweep/link.h"
#include "sweep/sweep.h"

/* Where OMP_NUM_THREADS does not say otherwise, this rank computes with as many threads as it is bound to processors,
 * or as its part of the machine has where that is fewer: several ranks may be bound to the same ones. */
void ranks_set_threads(void);

/* Of rank 0: deals out the questions that are not done[question], and hands what comes back to the sink, in this
 * thread. *stopped: a signal came to one of them. */
pb_status ranks_lead(link_ranks *r, sweep_job *j, const bool *done, const sweep_sink *sink, bool *stopped,
                     pb_error *err);
/* Of rank 0: sends the others home, if ranks_lead has not done so. */
void ranks_dismiss(link_ranks *r, sweep_job *j);
/* Of the others: works until rank 0 has no more for it. Rank 0 is told of a failure, and fails with it. */
void ranks_follow(link_ranks *r, sweep_job *j);

#endif
