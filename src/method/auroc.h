/* auroc.h: how well a number tells right answers from wrong ones.
 *
 * The area under the ROC curve is the share of pairs of a right and a wrong answer in which the right one has the
 * larger number, ties counting one half: 1 where every right answer lies above every wrong one, 1/2 where the number
 * says nothing. It is counted in whole numbers, so it is the same to the bit in any order of the questions.
 *
 *     double prob[] = {0.9, 0.4, 0.4};
 *     bool right[] = {true, true, false};
 *     auroc_sample s = {.score = prob, .right = right, .subject = subjects, .count = 3};
 *     auroc_of(&s)                           // 0.75: one pair of two is in order, the other a tie
 *     interval i = auroc_interval(&s, 0);    // and where it lies between, by interval.h's resamples of subjects
 */
#ifndef METHOD_AUROC_H
#define METHOD_AUROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "method/interval.h"

typedef struct auroc_sample {
    const double *score;        /* [count], none of them NaN */
    const bool *right;          /* [count] */
    const char *const *subject; /* [count]; a question whose subject is NULL is a subject of its own */
    size_t count;
} auroc_sample;

/* A point of the curve: of a threshold, the shares of the wrong and of the right answers whose score reaches it. */
typedef struct auroc_point {
    double wrong, right;
} auroc_point;

/* NAN where there is no right answer, or no wrong one. */
double auroc_of(const auroc_sample *s);

/* With its bootstrap interval over subjects (interval.h: the same resamples, percentiles and seeds). A resample that
 * has one class only has no area; such values stand behind all others. */
interval auroc_interval(const auroc_sample *s, uint64_t seed);

/* The same of the difference that another score makes, area of `other` [count] - area of s->score, each resample drawn
 * once for both. */
interval auroc_interval_of_gain(const auroc_sample *s, const double *other, uint64_t seed);

/* The curve from (0, 0) to (1, 1), a point for every different score, thinned to at most `most` (>= 2) points; *count
 * of them. NULL where one class is missing. free() */
auroc_point *auroc_curve(const auroc_sample *s, size_t most, size_t *count);

#endif
