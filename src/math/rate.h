/* rate.h: what this machine can do, measured: the rate of matrix products, and that of reading memory. Through the same
 * library and on as many threads as everything else: what time work would take that is limited by nothing else. */
#ifndef MATH_RATE_H
#define MATH_RATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Floating-point operations a second of m rows times a matrix [n][k] (matmul_linear), in f32 or with weights in bf16: the best
 * of a few. */
pb_status rate_product(double *rate, bool bf16, size_t m, size_t n, size_t k, pb_error *err);
/* Bytes of working memory that it takes. */
size_t rate_product_bytes(size_t m, size_t n, size_t k);

/* Bytes a second at which a stretch of this length is read, again and again: from a cache where it fits into one. */
pb_status rate_reading(double *rate, size_t bytes, pb_error *err);

#endif
