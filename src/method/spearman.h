/* spearman.h: do two lists of numbers stand in the same order? */
#ifndef METHOD_SPEARMAN_H
#define METHOD_SPEARMAN_H

#include <stddef.h>

/* Spearman's rank correlation of a[n] and b[n]: Pearson's of their ranks, equal values having the mean of theirs. NAN
 * where one of them has no order (fewer than two values, or all the same), or where a value is NAN. */
double spearman_of(const double *a, const double *b, size_t n);

#endif
