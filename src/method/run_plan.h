/* run_plan.h: what a method's runs will take, and saying so before they begin.
 *
 *     run_plan plan = {.question = q, .wave_bytes = bytes};
 *     replay_plan_add(&plan.forks, decoder, forks, count, bytes);
 *     plan.reads = count;
 *     TRY(run_plan_announce(&plan, cells, "cell", &options->run, err));
 *     run_plan_free(&plan); */
#ifndef METHOD_RUN_PLAN_H
#define METHOD_RUN_PLAN_H

#include "engine/plan.h"
#include "method/question.h"

typedef struct run_plan {
    question *question;    /* an open one, whose first rows are what is timed */
    size_t wave_bytes;     /* what a wave's rows may take */
    replay_plan forks;     /* the decoder's walks */
    size_t reads;          /* rows that are read out, each over the whole vocabulary */
    double tower;          /* operations of tower and projector that are to come */
    double times;          /* how often walks and read-outs are to be taken, but not the tower; 0: once */
    size_t processes;      /* that share all of it, on machines like this one; 0: one */
    size_t working_bytes;  /* all that is held at a time, at most */
    double flop, weight_bytes, seconds; /* filled in by run_plan_time; seconds from when the question was opened */
} run_plan;

/* Runs and times one layer and a read-out, a small part of what is planned, and fills in what all of it will take. */
pb_status run_plan_time(run_plan *p, pb_error *err);

/* Where the run has a progress function: says how many of what there are (what: of one, "cell"), the operations, seconds, waves, bytes of weights
 * and of memory, in two lines without a total. */
pb_status run_plan_announce(run_plan *p, size_t count, const char *what, const pb_run_options *run, pb_error *err);
/* The operations, without timing anything. */
double run_plan_flop(const run_plan *p);
void run_plan_free(run_plan *p);

#endif
