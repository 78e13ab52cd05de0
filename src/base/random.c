/* random.c: see random.h. */
#include "base/random.h"

#include <math.h>

static const uint64_t step = 0x9e3779b97f4a7c15u;

random_state random_from(uint64_t seed)
{
    return (random_state){.x = seed};
}

random_state random_after(uint64_t seed, uint64_t calls)
{
    return (random_state){.x = seed + calls * step};
}

uint64_t random_next(random_state *r)
{
    uint64_t z = (r->x += step);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t random_below(random_state *r, size_t n)
{
    unsigned __int128 product = (unsigned __int128)n * (random_next(r) >> 11);
    return (size_t)(product >> 53);
}

double random_gaussian(random_state *r)
{
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    double u = (double)((random_next(r) >> 11) + 1) * 0x1p-53;
    double w = (double)(random_next(r) >> 11) * 0x1p-53;
    double length = sqrt(-2 * log(u));
    r->spare = length * sin(2 * M_PI * w);
    r->has_spare = true;
    return length * cos(2 * M_PI * w);
}
