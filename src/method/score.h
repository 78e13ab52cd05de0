/* score.h: what a run says about the answer.
 *
 * P(answer) is the softmax over the whole vocabulary at `last`; of an answer of several tokens the product of theirs,
 * teacher-forced. */
#ifndef METHOD_SCORE_H
#define METHOD_SCORE_H

#include "model/decoder.h"

typedef struct score_target {
    const int32_t *answer; /* [count] token ids */
    size_t count;
    int32_t foil;          /* -1: none */
} score_target;

typedef struct score {
    double prob, logprob;  /* logprob in nats, the sum over the answer's tokens; prob its exponential */
    double logit_diff;     /* logit(answer's first token) - logit(foil) at `last`; 0 without a foil */
} score;

/* scores[n] of n runs, each with its own target; rows[i][targets[i].count][D] are run i's final residuals at the answer's read
 * rows. */
pb_status score_runs(decoder *m, const float *const *rows, size_t n, const score_target *targets, score *scores,
                     pb_error *err);

/* Bytes of working memory that this takes for n runs with answers of `tokens` tokens: bounded, however many runs. */
size_t score_bytes(const decoder *m, size_t n, size_t tokens);

/* Reads rows out, a bounded block of them at a time (decoder.h); an error where a run's logits are not finite. */
pb_status score_read(decoder *m, readout *rows, size_t n, pb_error *err);

/* Reads rows out, and d[n][D] = the gradients of log P(want[0]) with respect to them; the weights' are added up in `ends`
 * (NULL: not wanted; its dx is not used). What is not finite stays so: the caller looks. */
pb_status score_differentiate(decoder *m, readout *rows, size_t n, float *d, readout_gradient *ends, pb_error *err);
/* Bytes of working memory that it takes. */
size_t score_differentiate_bytes(const decoder *m, size_t n);

/* prob[i][V] += the probabilities of the token after row i of final residuals; some of prob may be the same. */
pb_status score_add_probabilities(decoder *m, const float *const *rows, size_t n, double *const *prob, pb_error *err);
/* Bytes of working memory that this takes, beside score_bytes. */
size_t score_probabilities_bytes(const decoder *m, size_t n);

/* The `count` most likely ids of prob[V], best first (of equals the smaller id); -1 beyond V. */
void score_top(const double *prob, size_t vocab, size_t count, int32_t *ids);

enum { RUN_TOP = 5 };

/* What results keep of a run: the answer's probability, and the most likely next tokens; of several runs, means. */
typedef struct run_says {
    double prob, logprob;      /* of the answer; logprob in nats */
    int32_t top_id[RUN_TOP];   /* best first; -1 beyond a tiny vocabulary */
    double top_prob[RUN_TOP];
} run_says;

/* Fills in the tokens, from the sum prob[V] of so many runs' distributions. */
void run_says_next(run_says *r, const double *prob, size_t vocab, size_t runs);

#endif
