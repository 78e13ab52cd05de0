/* failure.h: can it be told beforehand that a model's own answer is wrong? (docs/failure.md)
 *
 * Three numbers are judged by how well they tell right answers from wrong ones, by their AUROC (auroc.h):
 *
 *     prob           the probability of the answer's first token: how sure the model is of itself
 *     contribution   what the constraint's rows add to the last row through attention (flow.h's sum_norm), averaged over a
 *                    run of 1 to 4 layers
 *     both           a logistic fit on the two (logistic.h)
 *
 * and by the gain of both over prob, area(both) - area(prob). Which run of layers is best, and the fit, are found on
 * the first half of the subjects and judged on the second. The halves: subjects in order of first appearance,
 * shuffled by random.h from the seed (for i = n - 1 down to 1, subject i changes places with subject random_below(i +
 * 1)); the first half are the first floor(n / 2). Of runs that are equally good the shortest is taken, of those the
 * first.
 *
 *     failure_input in = {.subject = ..., .correct = ..., .prob = ..., .contribution = ..., .count = n, .layers = L};
 *     failure f = failure_of(&in);
 *     for (size_t i = 0; i < f.count; i++)
 *         printf("%s %.2f %s\n", failure_signal_name(f.scores[i].signal), f.scores[i].auroc.mean,
 *                failure_verdict(&f.scores[i]));
 *     failure_free(&f);
 *
 * Source: Basu et al. 2024, who report 0.76 for the probability and 0.63 for the contribution at layers 16 and 17 of
 * 32. */
#ifndef METHOD_FAILURE_H
#define METHOD_FAILURE_H

#include "method/auroc.h"
#include "method/logistic.h"

enum { FAILURE_RUN = 4, FAILURE_SUBJECTS = 30, FAILURE_POINTS = 200 };

/* Questions whose answers are known to be right or wrong. Nothing is owned. */
typedef struct failure_input {
    const char *const *subject;  /* [count]; NULL: a subject of its own */
    const char *const *relation; /* [count], NULL: none; or NULL */
    const bool *correct;         /* [count] */
    const double *prob;          /* [count] of the answer's first token. A question with a NAN is left out */
    const double *contribution;  /* [count][layers]. A question with a NAN is left out */
    size_t count, layers;        /* layers 0: nothing was measured of contributions, prob alone is judged */
    uint64_t seed;
} failure_input;

typedef enum failure_signal { FAILURE_PROB, FAILURE_CONTRIBUTION, FAILURE_BOTH, FAILURE_GAIN } failure_signal;
typedef enum failure_half { FAILURE_ALL, FAILURE_FIRST, FAILURE_SECOND } failure_half;

/* One number, judged on some questions. */
typedef struct failure_score {
    failure_signal signal;
    failure_half half;
    const char *relation;       /* the input's; NULL: all questions */
    size_t right, wrong;        /* questions */
    interval auroc;             /* of FAILURE_GAIN the difference; NAN: there is none */
    bool testable;              /* both classes, FAILURE_SUBJECTS subjects or more, and a run or a fit where it needs one */
    auroc_point *curve;         /* [curve_count] NULL of FAILURE_GAIN, and where there is none */
    size_t curve_count;
} failure_score;

/* Contributions averaged over layers first ... first + length - 1 (counted as the input's are). */
typedef struct failure_run {
    size_t first, length;
    double auroc;               /* on the first half; NAN: it has one class only */
} failure_run;

typedef struct failure {
    /* In this order: of all questions prob (all, second), contribution (first, where it was chosen; second), both
     * (second), gain (second); then the same but for contribution's first half, relation by relation, by name.
     * Without layers prob (all) alone. */
    failure_score *scores;
    size_t count;
    failure_run *runs;          /* [run_count] every run, by length, then by layer */
    size_t run_count;
    long chosen;                /* the run that is judged; -1: none */
    logistic fit;               /* of prob and the chosen run's contribution; ONE_CLASS without a run */
    size_t questions, subjects; /* that were judged */
    size_t left_out;            /* questions with a NAN */
} failure;

failure failure_of(const failure_input *in);
void failure_free(failure *f);

const char *failure_signal_name(failure_signal s); /* "prob", "contribution", "both", "gain" */
const char *failure_half_name(failure_half h);     /* "all", "first", "second" */

/* What may be said: "not testable here"; "undecided" where the interval holds 1/2 (of a gain 0); else "above chance"
 * or "below chance", of a gain "a gain" or "a loss". */
const char *failure_verdict(const failure_score *s);

#endif
