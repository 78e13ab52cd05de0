/* interval.h: how sure a number over questions is: bootstrap intervals over their subjects.
 *
 * Questions about one subject are not independent, so subjects are drawn, each with all its questions. The ends of an
 * interval are the 2.5th and 97.5th percentile of 10,000 resamples: of n subjects, in the order in which they appear
 * first, n are drawn with replacement (random_below of base/random.h, by a generator that every statistic starts anew
 * at the seed); of the sorted values those at 249 and 9749 (from 0) are the ends.
 *
 *     const char *subjects[] = {"Portugal", "Portugal", "Spain"};
 *     double right[] = {1, 0, 1};
 *     sample s = {.top = right, .subject = subjects, .count = 3};
 *     interval i = interval_of(&s, 0);      // 0.667, and where the accuracy lies between
 */
#ifndef METHOD_INTERVAL_H
#define METHOD_INTERVAL_H

#include <stddef.h>
#include <stdint.h>

enum { INTERVAL_RESAMPLES = 10000, INTERVAL_LOW = 249, INTERVAL_HIGH = 9749 };

/* What a statistic sum(top) / sum(bottom) is taken over: values of questions. */
typedef struct sample {
    const double *top;          /* [count] */
    const double *bottom;       /* [count]; NULL: 1 each, so that the statistic is a mean */
    const char *const *subject; /* [count]; a question whose subject is NULL is a subject of its own */
    size_t count;
} sample;

typedef struct interval {
    double mean, low, high;     /* mean: of the sample itself. All 0 without questions */
    size_t questions, subjects;
} interval;

interval interval_of(const sample *s, uint64_t seed);

/* Of the difference a - b of two statistics: over the questions of the subjects that both have, which are drawn in
 * pairs, in the order in which `a` has them first. `questions` counts those of a. */
interval interval_of_difference(const sample *a, const sample *b, uint64_t seed);

#endif
