/* clean_run.h: a question's run as it is, recorded: what flows, cuts, lenses and dumps look at.
 *
 *     TRY(answer_choose(&q, &options->answer, err));
 *     TRY(clean_run_make(&c, &q, first_row_whose_sites_are_wanted, budget, err));
 *     ... c.recording, c.score ...
 *     clean_run_free(&c);
 */
#ifndef METHOD_CLEAN_RUN_H
#define METHOD_CLEAN_RUN_H

#include "engine/replay.h"
#include "method/question.h"
#include "method/score.h"

enum { CLEAN_RUN_TOP = 5 };

typedef struct clean_run {
    question *q;
    recording *recording; /* of all rows; their sites from the asked position on. NULL of a run that was watched */
    score score;          /* of the answer */
    int32_t top_id[CLEAN_RUN_TOP]; /* the most likely next tokens, best first; -1 beyond a tiny vocabulary */
    double top_prob[CLEAN_RUN_TOP];
    replay_work work;     /* added to by who goes on from here */
    double readout_seconds, readout_flop;
} clean_run;

/* Runs the question, resting on an earlier run where q->earlier has one (then it must outlive this), and reads it out; where it has no answer yet, that is set to the most likely next token. Fails when the
 * recording does not fit into the budget (question_budget's). */
pb_status clean_run_make(clean_run *c, question *q, size_t sites_first, size_t budget, pb_error *err);
/* The same without a recording, which stays NULL: the watch sees the rows while they are computed. The caller holds `taken`
 * bytes of the budget already. */
pb_status clean_run_watch(clean_run *c, question *q, const row_watch *watch, size_t taken, size_t budget, pb_error *err);
/* Whether that fits: for who would take those bytes first. */
pb_status clean_run_fits(const question *q, size_t taken, size_t budget, pb_error *err);
void clean_run_free(clean_run *c);

/* Bytes that its recording takes, and what it takes beside that while it runs. */
size_t clean_run_bytes(const question *q, size_t sites_first);
size_t clean_run_running_bytes(const question *q);

/* What a result says it cost. */
typedef struct method_cost {
    double seconds, flop;   /* since the question was opened */
    size_t peak_rss_bytes;
} method_cost;

method_cost clean_run_cost(const clean_run *c);

/* Scores of forks that have run, for replay_options.finished; adds to readout_*. */
pb_status clean_run_scores(clean_run *c, replay_fork *const *forks, size_t n, score *scores, pb_error *err);

#endif
