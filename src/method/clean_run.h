/* clean_run.h: questions' runs as they are, recorded: what flows, cuts, lenses and dumps look at.
 *
 * Those of several questions are made in one walk over the layers:
 *
 *     for each i: TRY(answer_choose(&q[i], &options->answer, err));
 *                 clean_run_plan(&c[i], &q[i], first_row_whose_sites_are_wanted, runs, i); // rows that are alike are run once
 *                 TRY(clean_run_open(&c[i], err));
 *                 runs[i] = &c[i];
 *     TRY(clean_runs_make(runs, n, memory_for_rows, err));
 *     ... c[i].recording, c[i].says ...
 *     for each i: clean_run_free(&c[i]);
 */
#ifndef METHOD_CLEAN_RUN_H
#define METHOD_CLEAN_RUN_H

#include "method/fork_batch.h"
#include "method/run_plan.h"

typedef struct clean_run {
    fork_owner own;        /* the question, and what its runs took */
    const recording *base; /* which has the rows below `first`: an earlier run, or another question's; NULL where that is 0 */
    size_t first, sites_first; /* sites are kept from there on, those of the base's rows by the base */
    recording *recording;  /* NULL of a run that was watched */
    run_says says;
} clean_run;

/* ---- one ---- */

/* Runs the question without a recording, which stays NULL: the watch sees the rows while they are computed. Where it has no answer
 * yet, that is set to the most likely next token. The caller holds `taken` bytes of the budget (question_budget's) already. */
pb_status clean_run_watch(clean_run *c, question *q, const row_watch *watch, size_t taken, size_t budget, pb_error *err);
/* Whether that fits: for who would take those bytes first. */
pb_status clean_run_fits(const question *q, size_t taken, size_t budget, pb_error *err);
void clean_run_free(clean_run *c);

/* ---- several ---- */

/* Decides what a run rests on: an earlier one (q->earlier), or one of the others, which have been opened, as far as both begin
 * alike. Nothing is held yet. */
void clean_run_plan(clean_run *c, question *q, size_t sites_first, clean_run *const *others, size_t count);
/* Makes room for its recording, */
pb_status clean_run_open(clean_run *c, pb_error *err);
/* which takes so many bytes. */
size_t clean_run_held_bytes(const clean_run *c);
/* Runs them all and reads them out, each after those that it rests on, in waves of `memory` bytes of rows; the questions that
 * have no answer get one. */
pb_status clean_runs_make(clean_run *const *runs, size_t count, size_t memory, pb_error *err);
/* What that takes beside the recordings, in one wave; and of it reading out. */
size_t clean_runs_bytes(clean_run *const *runs, size_t count);
size_t clean_runs_reading_bytes(const decoder *m, size_t count);

/* Adds to a plan what clean_runs_make will take: the runs are open, and have not been run. */
void clean_runs_foresee(run_plan *plan, clean_run *const *runs, size_t count, size_t memory);

/* What a result that is made of this run says it cost: since the question was opened. */
method_cost clean_run_cost(const clean_run *c);

#endif
