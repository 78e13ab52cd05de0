/* crew.h: one who leads a sweep, and those who work for it, over links (link.h).
 *
 * The leader deals out questions by their work (share.h), takes the results and hands them to a sink: the store.
 * Workers know the job themselves; what goes to them are numbers of questions, and what comes back are packed results.
 * They say first what they would work on, so that a machine with another model or data set is found out before it has
 * done anything.
 *
 * It ends when all is done; or early, when the sink fails, a worker fails, or any process is told to stop
 * (interrupted()): then all others are told, also while they compute (stop_listen), and the questions that are being
 * worked on are given up. Whatever was finished has been handed over by then. */
#ifndef SWEEP_CREW_H
#define SWEEP_CREW_H

#include "sweep/link.h"
#include "sweep/share.h"
#include "sweep/sink.h"

typedef struct crew_outcome {
    bool interrupted; /* the leader or a worker was told to stop */
} crew_outcome;

/* Deals out all of `work`, which is empty afterwards unless it ends early. Results are put in this thread. PB_EINVAL: a
 * worker has another job. A worker's failure is named with its number. */
pb_status crew_lead(sweep_link *l, work_share *work, const store_about *about, const sweep_sink *sink,
                    crew_outcome *outcome, pb_error *err);

/* What a worker does with questions that belong together: sweep_unit_run. It ends early, with PB_OK,
 * when stop_wanted() says so. */
typedef struct crew_worker {
    pb_status (*run)(void *context, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err);
    void *context;
} crew_worker;

/* Works until the leader has no more for it. A failure is also the leader's. */
pb_status crew_work(sweep_link *l, const store_about *about, const crew_worker *worker, pb_error *err);

#endif
