/* bootstrap.h: the intervals of interval.h, thousands at a time.
 *
 * How often each of n subjects is drawn in each resample depends on the seed and on n alone. So these counts are made
 * once for all statistics over as many subjects, and the resampled sums of all of them are one matrix product,
 *
 *     sums[10,000][statistics] = counts[10,000][n] . sums_by_subject[n][statistics]
 *
 *     interval out[3];
 *     bootstrap *b = bootstrap_new(seed, subjects);
 *     bootstrap_add(b, &(bootstrap_sample){.top = values, .subject = subject, .count = 100, .columns = 3}, NULL, out);
 *     ...                                                 // more of them: the more, the cheaper each
 *     bootstrap_run(b);                                   // now `out` is filled
 *     bootstrap_free(b);
 *
 * A value that is NAN is none: that statistic is taken over the other questions. */
#ifndef METHOD_BOOTSTRAP_H
#define METHOD_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "method/interval.h"

/* Questions, and statistics sum(top) / sum(bottom) over them, one a column. */
typedef struct bootstrap_sample {
    const double *top;     /* [count][columns] */
    const double *bottom;  /* [count]; NULL: 1 each, so that the statistics are means */
    const size_t *subject; /* [count] whom each is about: below `subjects` of bootstrap_new */
    size_t count, columns;
} bootstrap_sample;

typedef struct bootstrap bootstrap;

bootstrap *bootstrap_new(uint64_t seed, size_t subjects);
/* out[columns], which is filled at the latest by bootstrap_run, as interval_of has them; with `minus` (may be NULL), of as
 * many columns, those of the differences, as interval_of_difference has them. The samples may go when this returns. */
void bootstrap_add(bootstrap *b, const bootstrap_sample *sample, const bootstrap_sample *minus, interval *out);

/* Numbers that are made of a whole curve: out[results] of a[columns], and of minus[columns], or NULL. Several threads call. */
typedef void bootstrap_reduce(const void *context, const double *a, const double *minus, size_t columns, double *out);
/* out[results], over the questions without any NAN. The context lives until bootstrap_run returns. */
void bootstrap_add_reduced(bootstrap *b, const bootstrap_sample *sample, const bootstrap_sample *minus,
                           bootstrap_reduce *reduce, const void *context, size_t results, interval *out);

void bootstrap_run(bootstrap *b);
void bootstrap_free(bootstrap *b);

#endif
