/* bf16.c: see bf16.h. */
#include "math/bf16.h"

#include <string.h>

#include "base/on_threads.h"
#include "math/multiversion.h"

enum { BLOCK = 1 << 14 }; /* elements that a thread rounds at a time */

/* Half of what is cut off is added first, a little less where that leaves an even number. Of a NaN one bit is set that
 * stays: the sum could run over to a number. */
INLINE uint16_t nearest(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1), is_nan = (bits & 0x7fffffff) > 0x7f800000;
    return (uint16_t)((is_nan ? bits | 0x400000 : rounded) >> 16);
}

INLINE float widened(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

MULTIVERSION static void round_block(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = nearest(in[i]);
}

void bf16_round(uint16_t *out, const float *in, size_t n)
{
    ON_THREADS(n > 4 * BLOCK, schedule(static),
        for (size_t i = 0; i < n; i += BLOCK)
            round_block(out + i, in + i, n - i < BLOCK ? n - i : BLOCK);)
}

MULTIVERSION void bf16_widen(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = widened(in[i]);
}

MULTIVERSION void bf16_round_float(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = widened(nearest(x[i]));
}

MULTIVERSION bool bf16_finite(const uint16_t *x, size_t n)
{
    uint16_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (uint16_t)((x[i] & 0x7f80) == 0x7f80);
    return !bad;
}
