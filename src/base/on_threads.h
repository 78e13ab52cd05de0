/* on_threads.h: a loop whose turns threads share, where there is enough for them to do.
 *
 *     ON_THREADS(rows > 32, schedule(static),
 *         for (size_t r = 0; r < rows; r++)
 *             norm_row(y + r * d, x + r * d, d);)
 *
 * Why not `#pragma omp parallel for if (rows > 32)`: GCC's OpenMP makes a team of one thread as it makes any other, with memory from
 * malloc and a call of the kernel at its end. A small model's layers have many short loops: it was a fifth of their time.
 * (A loop with directives inside cannot be written so: a macro's arguments have none.) */
#ifndef BASE_ON_THREADS_H
#define BASE_ON_THREADS_H

#include <omp.h>

#define ON_THREADS_PRAGMA(text) _Pragma(#text)
/* enough: a condition; clauses: those of OpenMP's `parallel for`; then the loop. */
#define ON_THREADS(enough, clauses, ...)                                                                               \
    if ((enough) && omp_get_max_threads() > 1) {                                                                       \
        ON_THREADS_PRAGMA(omp parallel for clauses)                                                                    \
        __VA_ARGS__                                                                                                    \
    } else {                                                                                                           \
        __VA_ARGS__                                                                                                    \
    }

#endif
