/* bootstrap_parts.h: what the files of the bootstrap share.
 *
 *     bootstrap.c          statistics wait in pools, as columns of sums by subject
 *     bootstrap_run.c      a pool's intervals
 *     bootstrap_sums.c     resampled sums in full, all of them
 *     bootstrap_rounded.c  the same of columns that are rounded to whole numbers, several times faster, and with a bound
 *     bootstrap_ends.c     values at a place of many in order */
#ifndef METHOD_BOOTSTRAP_PARTS_H
#define METHOD_BOOTSTRAP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "method/bootstrap.h"

/* ---- pools ---- */

/* One side of a statistic: columns of a pool. */
typedef struct side {
    size_t *at;            /* [columns + 1] the tops, and their bottom */
    size_t columns;
} side;

typedef struct job {
    side a, minus;         /* minus.columns 0: none */
    bootstrap_reduce *reduce; /* NULL: the columns themselves */
    const void *context;
    size_t results, questions;
    interval *out;         /* [results] */
    bool done;
} job;

typedef struct pool {
    size_t n;              /* subjects */
    double **columns;      /* [count][n] sums by subject, no two alike */
    uint64_t *hashes;      /* [count] */
    size_t count;
    job *jobs;
    size_t job_count;
} pool;

/* How often each of n subjects is drawn in each resample. */
typedef struct draws {
    uint64_t seed;
    size_t n;              /* 0: none are made yet */
    uint8_t *counts;       /* [INTERVAL_RESAMPLES][n]; NULL: some count is above 255 */
    double spread;         /* the largest root of a resample's sum of (count - 1)^2, which is mostly near that of n */
} draws;

/* Fills the intervals of a pool's jobs. d: those of the last pool, which are kept where n is the same. */
void pool_run(draws *d, pool *p);

/* ---- sums in full ---- */

enum { BOOTSTRAP_PANEL = 8 }; /* statistics side by side */

/* sums[panels * BOOTSTRAP_PANEL][INTERVAL_RESAMPLES] of by_subject[panels][n][BOOTSTRAP_PANEL]: in every resample the
 * sum over those drawn, subjects ascending. Bits do not depend on threads, nor on the other panels. */
void bootstrap_sums(uint64_t seed, size_t n, const double *by_subject, size_t panels, double *sums);

/* ---- sums of rounded columns ---- */

enum { ROUNDED_MOST_SUBJECTS = 65536 }; /* sums of 16-bit numbers stay below 2^31 */

/* A column x[n] as whole numbers: x[i] = middle + step whole[i] + d[i]. A resample draws n subjects, number i c[i] times, so its
 * sum is
 *
 *     sum of c x = start + step (sum of c whole) + sum of (c - 1) d,     start = n middle + sum of d,
 *
 * whose last part is no more than |c - 1| |d|, by Cauchy and Schwarz: the `error`, with what rounding takes from sums in full.
 * 0: the sum is that very number. INFINITY: nothing is known. */
typedef struct rounding {
    double start, step, error;
} rounding;

/* Whether this processor can. */
bool rounded_runs(void);
/* Makes d those of n subjects; n <= ROUNDED_MOST_SUBJECTS. draws_free */
void draws_make(draws *d, size_t n);
void draws_free(draws *d);
/* how[count], sums[count][INTERVAL_RESAMPLES] of columns[count][n] */
void rounded_sums(const draws *d, const double *const *columns, size_t count, rounding *how, int32_t *sums);
/* sums[count] of a column in full, as bootstrap_sums has them, in those resamples alone. */
void drawn_sums(const draws *d, const double *column, const uint32_t *resamples, size_t count, double *sums);

/* ---- ends ---- */

/* Value k, from 0, of x[count] in order, of which none is NAN; x is left in another order. */
double value_in_order(double *x, size_t count, size_t k);
/* The ends of an interval: values[INTERVAL_RESAMPLES], NAN behind all others; NAN where an end is one. */
void find_ends(const double *values, double *low, double *high);

#endif
