/* knockout.h: does the answer need what some rows give others through attention? (docs/knockout.md)
 *
 * In the layers of a window around l the edges from a source span to a destination span are cut: their scores are -inf before
 * softmax. The curve is P(answer) over l. What a cut takes away is what it says less than `clean`. */
#ifndef METHOD_KNOCKOUT_H
#define METHOD_KNOCKOUT_H

#include "method/clean_run.h"
#include "method/layers.h"
#include "method/span_pairs.h"
#include "method/together.h"
#include "method/cost.h"

/* One set of cuts, made around each layer. */
typedef struct knockout_curve {
    char *name;                      /* "image > constraint"; of several pairs "image > constraint, constraint > last" */
    size_t first_pair, pair_count;   /* of the knockout's pairs */
    double *prob, *logprob;          /* [layer_count] of the answer */
    double *relative;                /* [layer_count] (prob - clean) / clean; NaN where clean is 0 */
} knockout_curve;

typedef struct knockout {
    span_pairs pairs;
    size_t curve_count;              /* one per pair; one with `together` */
    knockout_curve *curves;
    size_t layer_count, *layers;     /* the layers asked for */
    size_t (*cut)[2];                /* [layer_count] first and last layer of the window around each */
    window_kind window_kind;
    size_t window;                   /* W, or R */
    int32_t *answer;                 /* [answer_count] token ids that prob and logprob score */
    size_t answer_count;
    run_says clean;                  /* the run with nothing cut */
    size_t verify_cells;             /* 0: not verified */
    double verify_max_rel_diff;
    trace_cost cost;                 /* a cell is one point of one curve */
} knockout;

/* Cuts (the question's answer is set here). k is filled; free it with knockout_free. Fails on layers that are not there, on
 * spans (span_pairs.h), on a row that would have no source left, which it names, and where the memory does not hold the
 * recording and one fork. */
pb_status knockout_run_question(knockout *k, question *q, const pb_knockout_options *options, pb_error *err);
void knockout_free(knockout *k);

/* One of several questions (together.h). */
typedef struct knocking_out {
    together_one one;
    const pb_knockout_options *options;
    knockout knockout;  /* filled in; free it with knockout_free */
} knocking_out;

/* Cuts in the first of n questions (together_some): their runs and points go through the layers together, as many questions as
 * memory holds and as it takes to keep a walk over the layers busy. What prompts begin with alike is run once. */
size_t knockout_some(knocking_out *list, size_t n);

/* What cutting in the question will take; run_plan_free. */
pb_status knockout_foresee(run_plan *plan, question *q, const pb_knockout_options *options, pb_error *err);

#endif
