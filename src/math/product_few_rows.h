/* product_few_rows.h: products of a few rows by few_rows.h, in place of the library's.
 *
 * They wait for the matrix, which the library reads at half of what memory gives. few_rows.h reads it faster, and gives
 * the library's bits if its sums run over blocks as long as the library's. How long these are for a shape, nobody
 * promises: the first product of the shape finds out by trying, and later ones remember. */
#ifndef MATH_PRODUCT_FEW_ROWS_H
#define MATH_PRODUCT_FEW_ROWS_H

#include "math/matmul.h"
#include "math/product.h"

/* *done: whether the product was computed; else it is left to product_multiply. */
pb_status product_few_rows(const product *p, bool *done, pb_error *err);

/* y[rows][out] = x[rows][in] w^T + bias of a stored matrix, where matmul_reads_stored(w, out, in). */
pb_status product_few_rows_stored(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out,
                                  size_t in, pb_error *err);

#endif
