/* verify.c: see verify.h. */
#include "method/verify.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"

/* The beginning of a shuffle. */
size_t *verify_choose(size_t total, size_t n, uint64_t seed)
{
    size_t *order = mem_new(total, sizeof *order);
    random_state r = random_from(seed);
    for (size_t i = 0; i < total; i++)
        order[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t other = i + random_below(&r, total - i), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    return order;
}

double verify_difference(double a, double b)
{
    double larger = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    return larger > 0 ? fabs(a - b) / larger : 0;
}
