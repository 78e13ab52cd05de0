/* low_rank.h: changes of low rank, applied to rows that a matrix has multiplied. */
#ifndef MATH_LOW_RANK_H
#define MATH_LOW_RANK_H

#include <stddef.h>

/* y[out] += sum over r < rank of (x[in] . a[r][in]) b[r][out], for one row. Sums run in a fixed order. */
void low_rank_add(float *y, const float *x, const float *a, const float *b, size_t rank, size_t out, size_t in);

/* x[n] . y[n], in a fixed order */
float dot(const float *x, const float *y, size_t n);

#endif
