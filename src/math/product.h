/* product.h: one matrix product as the library computes it, of which matmul.h's functions are made.
 *
 * The build chooses the library (-Dblas): product_onednn.c or product_cblas.c, which alone include its header, and also
 * answer matmul.h's questions about it. product_few_rows.h says which products are not left to it. */
#ifndef MATH_PRODUCT_H
#define MATH_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A matrix whose neighbours in a column, and in a row, stand these numbers of elements apart, one of them 1; f32 where
 * it says nothing else. */
typedef struct matrix {
    const void *data;
    size_t down, across;
    bool bf16;
} matrix;

/* y[rows][columns] = x[rows][inner] w[inner][columns] + bias[columns]; or, of a sum, y += x w. */
typedef struct product {
    float *y;
    matrix x, w;
    const float *bias; /* NULL: none, as in every sum */
    bool is_sum;
    size_t rows, columns, inner;
} product;

/* x and w are both f32, or, where matmul_has_bf16, both bf16. A row of y has the same bits among any other rows and on
 * any number of threads, if matmul_row_invariant. */
pb_status product_multiply(const product *p, pb_error *err);

/* Whether the library by itself gives a row the same bits among any number of rows: oneDNN on AVX-512. */
bool product_keeps_rows(void);

#endif
