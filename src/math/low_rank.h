/* low_rank.h: changes of low rank, of a matrix or of rows that it has multiplied. */
#ifndef MATH_LOW_RANK_H
#define MATH_LOW_RANK_H

#include <stddef.h>

/* y[out] += sum over r < rank of (x[in] . a[r][in]) b[r][out], for one row. Sums run in a fixed order. */
void low_rank_add(float *y, const float *x, const float *a, const float *b, size_t rank, size_t out, size_t in);

/* w[rows][in] += left[rows][rank] right[rank][in], on one thread. A row's bits do not depend on the other rows; where
 * the product is 0 an element keeps its own, also -0. */
void low_rank_merge(float *w, const float *left, const float *right, size_t rows, size_t in, size_t rank);

/* x[n] . y[n], in a fixed order */
float dot(const float *x, const float *y, size_t n);

#endif
