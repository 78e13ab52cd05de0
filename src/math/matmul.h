/* matmul.h: matrix products, and their gradients, through oneDNN (or a CBLAS).
 *
 * A row's result must not depend on the other rows of the matrix, or batched, resumed and repeated runs would differ.
 * oneDNN's matmul primitive keeps that promise on AVX-512 for any number of rows and threads; where it does not
 * (AVX2), products are cut into tiles of one size, each computed by one thread. With a CBLAS nothing is promised:
 * matmul_row_invariant says so.
 *
 * With a weight in bf16 the rows are rounded to bf16 too, products of two such numbers are exact in float32, and summed
 * there: what leaves is float32. matmul_has_bf16 says whether the processor has instructions for it. */
#ifndef MATH_MATMUL_H
#define MATH_MATMUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

/* A matrix [out][in], in one of three forms; the others are NULL, all are of a matrix that is not there. A vector is
 * always f32. */
typedef struct weight {
    const float *f32;
    const uint16_t *bf16;
    const tensor *stored; /* rows `first` .. of what a file has (tensor_has_rows), whose numbers are seen to be finite: */
    size_t first;
    bool rounded;         /* to be multiplied as f32, or each rounded to bf16 */
} weight;

/* y[rows][out] = x[rows][in] w[out][in]^T + bias[out]  (PyTorch's Linear; bias may be NULL).
 * Fails only when the library does. */
pb_status matmul_linear(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                        pb_error *err);

/* Backward of it: dx[rows][in] = dy[rows][out] w[out][in], the gradient of its input. Rows are as independent
 * as there, and dy is rounded likewise. */
pb_status matmul_linear_input(float *dx, const float *dy, weight w, size_t rows, size_t out, size_t in,
                              pb_error *err);
/* Backward of it: dw[out][in] += dy[rows][out]^T x[rows][in], dbias[out] += column sums of dy (NULL: not wanted), the
 * gradients of its weight and bias. The same bits on any number of threads. */
pb_status matmul_linear_weight(float *dw, float *dbias, const float *dy, const float *x, size_t rows, size_t out,
                               size_t in, pb_error *err);

/* Whether matmul_linear of up to MATMUL_FEW_ROWS rows reads w, a stored matrix, and nothing else: block by block, with
 * the bits of the same matrix in f32 or bf16. So it is for shapes that such a product has met in that form, on processors
 * with AVX-512 (product_few_rows.h). All other products of a stored matrix widen it first, each time. */
enum { MATMUL_FEW_ROWS = 16 };
bool matmul_reads_stored(weight w, size_t out, size_t in);

/* Whether products with a weight in bf16 are multiplied as such (AVX-512 BF16, AMX). Elsewhere they are right, but each
 * widens its weight first: whoever multiplies often by the same does better to widen it once, and hand it over as f32.
 * (oneDNN's own emulation, for AVX-512 without bf16, reaches 55 % of the f32 products' rate, and refuses AVX2.) */
bool matmul_has_bf16(void);

/* Whether a row's bits are independent of the other rows and of the number of threads. */
bool matmul_row_invariant(void);

/* "oneDNN 2.6.3", "CBLAS": for reports and benchmarks. */
const char *matmul_library(void);

#endif
