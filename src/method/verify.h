/* verify.h: some cells of a result, chosen by chance, recomputed the plain way. */
#ifndef METHOD_VERIFY_H
#define METHOD_VERIFY_H

#include <stddef.h>
#include <stdint.h>

/* order[total], of which the first n are n different ones of 0 .. total-1, drawn with `seed`. free() */
size_t *verify_choose(size_t total, size_t n, uint64_t seed);

/* |a - b| / max(|a|, |b|); 0 of two zeros. */
double verify_difference(double a, double b);

#endif
