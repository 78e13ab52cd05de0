/* clean_run.h: questions' runs as they are, recorded: what flows, cuts, lenses and dumps look at.
 *
 *     TRY(answer_choose(&q, &options->answer, err));
 *     TRY(clean_run_make(&c, &q, first_row_whose_sites_are_wanted, budget, err));
 *     ... c.recording, c.says ...
 *     clean_run_free(&c);
 *
 * Those of several questions are made in one walk over the layers:
 *
 *     for each i: clean_run_plan(&c[i], &q[i], first[i], runs, i);     // what it rests on: rows that are alike are run once
 *                 TRY(clean_run_open(&c[i], err));
 *                 runs[i] = &c[i];
 *     TRY(clean_runs_make(runs, n, memory_for_rows, err));
 */
#ifndef METHOD_CLEAN_RUN_H
#define METHOD_CLEAN_RUN_H

#include "engine/replay.h"
#include "method/question.h"
#include "method/run_plan.h"
#include "method/score.h"

typedef struct clean_run {
    question *q;
    const recording *base; /* which has the rows below `first`: an earlier run, or another question's; NULL where that is 0 */
    size_t first, sites_first; /* sites are kept from there on, those of the base's rows by the base */
    recording *recording;  /* NULL of a run that was watched */
    run_says says;
    replay_work work;      /* added to by who goes on from here */
    double readout_seconds, readout_flop;
} clean_run;

/* ---- one ---- */

/* Runs the question, resting on an earlier run where q->earlier has one (then it must outlive this), and reads it out; where it has
 * no answer yet, that is set to the most likely next token. Fails when the recording does not fit into the budget
 * (question_budget's). */
pb_status clean_run_make(clean_run *c, question *q, size_t sites_first, size_t budget, pb_error *err);
/* The same without a recording, which stays NULL: the watch sees the rows while they are computed. The caller holds `taken`
 * bytes of the budget already. */
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

/* Scores of forks that have run, each of the run that owns it, for replay_options.finished; adds to readout_*. */
pb_status clean_run_scores(clean_run *const *owners, replay_fork *const *forks, size_t n, score *scores, pb_error *err);

/* ---- cost ---- */

/* What a result says it cost. */
typedef struct method_cost {
    double seconds, flop;   /* since the question was opened */
    size_t peak_rss_bytes;
} method_cost;

method_cost clean_run_cost(const clean_run *c);
/* What part of the operations of several runs, and of all that was added to their work, is the i-th's; 1 where nothing was run. */
double clean_run_part(clean_run *const *runs, size_t count, size_t i);

#endif
