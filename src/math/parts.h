/* parts.h: rows that several threads take through a few steps, each its own stretch, so that they meet once and not in
 * every product.
 *
 *     static pb_status feed(const void *job, size_t first, size_t rows, pb_error *err);    // rows first .. first + rows - 1
 *     TRY(rows_in_parts(feed, &job, 577, err));
 *
 * A product whose rows are no multiple of the library's own blocks also takes longer among several threads than parted so:
 * of 577 rows, by a fifth. */
#ifndef MATH_PARTS_H
#define MATH_PARTS_H

#include <stddef.h>

#include "base/error.h"

/* What is done with rows first .. first + rows - 1 of what `job` names. */
typedef pb_status (*rows_part)(const void *job, size_t first, size_t rows, pb_error *err);

/* Calls `part` for stretches that make up all rows, one a thread, on which everything within it then runs; once for all of
 * them, on all threads, where they are too few to be parted, or a row's bits would depend on it (matmul_row_invariant).
 * What the parts do counts in the meter's phase that runs. */
pb_status rows_in_parts(rows_part part, const void *job, size_t rows, pb_error *err);

#endif
