/* contribution.h: what some sources give to some rows through attention's heads, as norms and sums, without keeping it.
 *
 *     c(i <- j) = sum over heads h of p_h[i, j] g_h[j]                [width]
 *
 * p_h[i, j] is row i's share of source j in head h (attention_shares), g_h[j] what the head carries from there: the
 * source's values through the head's part of the output projection. */
#ifndef MATH_CONTRIBUTION_H
#define MATH_CONTRIBUTION_H

#include <stddef.h>

#include "base/error.h"

/* Some sources and some rows, in one layer. */
typedef struct contribution_block {
    size_t rows, sources, heads, width;
    const float *shares;     /* [sources][rows][heads] */
    const size_t *seen_from; /* [sources] the first row that sees the source: those above it have no share in it */
    const float *given;      /* g: head h of source s begins at given + h * head_down + at[s] * width */
    size_t head_down;
    const size_t *at;        /* [sources] */
} contribution_block;

/* norm[row * norm_down + source] = |c(row <- source)|, and total[rows][width] += the sum over sources of c. Every sum runs
 * over heads, sources or columns in ascending order, so that bits hang neither on how sources are cut into blocks nor on
 * threads. */
pb_status contribution_add(const contribution_block *b, float *norm, size_t norm_down, float *total, pb_error *err);

/* head_norm[rows][heads] += the sum over sources of |p_h g_h| = p_h |g_h|; given_norm: that of head h of source s stands at
 * given_norm[h * norm_down + at[s]]. */
void contribution_add_heads(const contribution_block *b, const float *given_norm, size_t norm_down, float *head_norm);

#endif
