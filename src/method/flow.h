/* flow.h: how much rows give each other through attention (methods of Basu et al. 2024, section 4.2): docs/flow.md.
 *
 * With c_l(i <- j) what source j adds to destination i in layer l (engine/transfer.h), a_i = attn_out_i without its bias, and
 * means over the destinations i:
 *
 *     sum_norm = mean of sum over j of |c(i <- j)|
 *     norm_sum = mean of |sum over j of c(i <- j)|
 *     share    = mean of <sum over j of c(i <- j), a_i> / |a_i|^2         1 over all sources
 *     relative = mean of |sum over j of c(i <- j)| / |resid_pre_i|
 *     per_position[j] = mean of |c(i <- j)|                               sum_norm over all j
 *     per_head[h]     = mean of sum over j of |A_h[i, j] v_h[j] W_O,h| */
#ifndef METHOD_FLOW_H
#define METHOD_FLOW_H

#include "method/clean_run.h"
#include "method/span_pairs.h"
#include "method/together.h"

/* From one span to one span. */
typedef struct flow_curve {
    double *sum_norm, *norm_sum, *share, *relative; /* [layer_count]; share is NaN where an a_i is 0, relative where a
                                                     * resid_pre_i is */
    double *per_position;                           /* [layer_count][sources]; of results read back these may be NULL */
    double *per_head;                               /* [layer_count][heads] */
} flow_curve;

typedef struct flow {
    span_pairs pairs;
    flow_curve *curves;              /* [pairs.count] */
    size_t layer_count, *layers, heads;
    int32_t *answer;                 /* [answer_count] token ids that prob scores */
    size_t answer_count;
    run_says clean;                  /* the run that is looked at */
    method_cost cost;
    double run_flop;                 /* of cost.flop: what the question's own run took */
} flow;

/* Looks at one run of the question (its answer is set here). f is filled; free it with flow_free. Fails on layers that are
 * not there, on spans (span_pairs.h), and where the recording and what it takes to look at it exceed the memory. */
pb_status flow_run_question(flow *f, question *q, const pb_flow_options *options, pb_error *err);
void flow_free(flow *f);

/* One of several questions (together.h). */
typedef struct flowing {
    together_one one;
    const pb_flow_options *options;
    flow flow;          /* filled in; free it with flow_free */
} flowing;

/* Looks at the first of n questions (together_some): as many as memory holds and as it takes to keep a walk over the layers busy.
 * What prompts begin with alike is run once, and what its rows give is projected once for all. */
size_t flow_some(flowing *list, size_t n);

/* What looking at the question will take; run_plan_free. */
pb_status flow_foresee(run_plan *plan, question *q, const pb_flow_options *options, pb_error *err);

#endif
