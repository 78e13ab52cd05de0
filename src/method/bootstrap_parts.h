/* bootstrap_parts.h: what bootstrap.c takes from its product, bootstrap_sums.c. */
#ifndef METHOD_BOOTSTRAP_PARTS_H
#define METHOD_BOOTSTRAP_PARTS_H

#include <stddef.h>
#include <stdint.h>

enum { BOOTSTRAP_PANEL = 8 }; /* statistics side by side */

/* sums[panels * BOOTSTRAP_PANEL][INTERVAL_RESAMPLES] of by_subject[panels][n][BOOTSTRAP_PANEL]: in every resample the
 * sum over those drawn. Bits do not depend on threads, nor on the other panels. */
void bootstrap_sums(uint64_t seed, size_t n, const double *by_subject, size_t panels, double *sums);

#endif
