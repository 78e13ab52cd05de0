/* random.h: the documented generator behind every --seed.
 *
 * splitmix64 (Steele, Lea, Flood 2014): state += 0x9e3779b97f4a7c15, then two xor-shift-multiplies. Gaussians by
 * Box and Muller, both of each pair used, first the cosine:
 *     u = ((x1 >> 11) + 1) / 2^53,  w = (x2 >> 11) / 2^53,  z = sqrt(-2 ln u) cos(2 pi w),  then sin(2 pi w). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct random_state {
    uint64_t x;
    bool has_spare;
    double spare;
} random_state;

random_state random_from(uint64_t seed);
/* The generator that this seed started, as it is after so many calls of random_next. */
random_state random_after(uint64_t seed, uint64_t calls);
uint64_t random_next(random_state *r);
/* 0 .. n-1: floor(n * (x >> 11) / 2^53), in 128 bits. */
size_t random_below(random_state *r, size_t n);
double random_gaussian(random_state *r);

#endif
