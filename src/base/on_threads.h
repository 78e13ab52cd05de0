/* on_threads.h: a loop whose turns threads share, where there is enough for them to do.
 *
 *     ON_THREADS(rows > 32, schedule(static),
 *         for (size_t r = 0; r < rows; r++)
 *             norm_row(y + r * d, x + r * d, d);)
 *
 * Why not `#pragma omp parallel for if (rows > 32)`: GCC's OpenMP makes a team of one thread as it makes any other, with
 * memory from malloc and a call of the kernel at its end. A small model's layers have many short loops: it was a fifth of
 * their time.
 *
 * A turn that may fail tells what came of it, since no thread may leave such a loop:
 *
 *     ON_THREADS(true, schedule(dynamic),
 *         for (size_t i = 0; i < n; i++) {
 *             pb_error failure;
 *             tell_failure(&status, err, make_one(i, &failure), &failure);
 *         }) */
#ifndef BASE_ON_THREADS_H
#define BASE_ON_THREADS_H

#include <omp.h>

#include "base/error.h"

#define ON_THREADS_PRAGMA(text) _Pragma(#text)
/* enough: a condition; clauses: those of OpenMP's `parallel for`; then the loop. */
#define ON_THREADS(enough, clauses, ...)                                                                               \
    if ((enough) && omp_get_max_threads() > 1) {                                                                       \
        ON_THREADS_PRAGMA(omp parallel for clauses)                                                                    \
        __VA_ARGS__                                                                                                    \
    } else {                                                                                                           \
        __VA_ARGS__                                                                                                    \
    }

/* *status and *err (may be NULL) = those of the first turn that failed; called by every turn. */
static inline void tell_failure(pb_status *status, pb_error *err, pb_status one, const pb_error *failure)
{
    if (!one)
        return;
#pragma omp critical(tell_failure)
    if (!*status) {
        *status = one;
        if (err)
            *err = *failure;
    }
}

#endif
