/* few_rows.h: products of a few rows, which take as long as the matrix takes to be read.
 *
 * A row's bits must not depend on how many rows there are, so sums run exactly as the matrix library's on AVX-512 do:
 * element by element in ascending order, each product fused with its sum, in blocks that are then added in order;
 *
 *     y[r][n] = ((s_0 + s_1) + s_2) + ... + bias[n],      s_b = the chain over block b of x[r][k] w[n][k]
 *
 * (in bf16 a step of the chain takes two elements, as the processor's instruction does). How long the library's blocks
 * are is not promised by it, so whoever calls finds out by comparing (product_few_rows.h).
 *
 * A matrix may also stay as its file has it, in blocks of any dtype: a few rows' blocks are widened (and in bf16
 * rounded) while they are multiplied, into a piece that stays in the nearest cache, so what comes from memory is the
 * file's bytes alone. Bits are those of a matrix widened before. */
#ifndef MATH_FEW_ROWS_H
#define MATH_FEW_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint/checkpoint.h"

enum { FEW_ROWS = 16 }; /* at most */

typedef struct few_rows_product {
    float *y;            /* [rows][out] */
    const void *x;       /* [in][rows] of floats, or [in/2][rows][2] of bf16: few_rows_interleave makes it */
    const void *w;       /* [out][in], as x */
    const float *bias;   /* [out], or NULL */
    size_t rows, out, in; /* in: even, of bf16 */
    size_t block;        /* elements of a block: a multiple of 32, or at least `in` */
    const tensor *stored; /* instead of w: rows stored_first .. of this matrix (tensor_has_rows) */
    size_t stored_first;
} few_rows_product;

/* Whether this processor can. */
bool few_rows_f32_runs(void);
bool few_rows_bf16_runs(void);

/* to[word][row] = from[row][word] of words of four bytes: a float, or two bf16. */
void few_rows_interleave(void *to, const void *from, size_t rows, size_t words);

void few_rows_f32(const few_rows_product *p);
void few_rows_bf16(const few_rows_product *p);

/* The same of a matrix as its file has it; block: a multiple of 256, or at least `in`, which is a multiple of 32. */
void few_rows_stored_f32(const few_rows_product *p);
void few_rows_stored_bf16(const few_rows_product *p);

#endif
