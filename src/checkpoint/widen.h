/* widen.h: for dtype.c and quant.c: 16-bit numbers as f32, and how loops over stored numbers are compiled.
 *
 * Each such loop has no branches and no call, so the compiler turns it into vector code; it is compiled once per x86
 * level and the machine's best is taken when the program starts. The data may stand at any address. */
#ifndef CHECKPOINT_WIDEN_H
#define CHECKPOINT_WIDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__
#define EACH_LEVEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else /* sanitizers come too late for the resolvers that run while the program is being loaded */
#define EACH_LEVEL
#endif

/* Whether the f32 with these bits is infinity or NaN: its exponent is all ones. */
static inline uint32_t not_finite(uint32_t bits)
{
    const uint32_t exponent = 0x7f800000;
    return (bits & exponent) == exponent;
}

static inline uint32_t load16(const unsigned char *in, size_t i)
{
    uint16_t half;
    memcpy(&half, in + 2 * i, sizeof half);
    return half;
}

/* The f32 bits of an f16. An f16 has 1 sign, 5 exponent (bias 15) and 10 mantissa bits; an f32 1, 8 (bias 127) and 23.
 * Normal numbers get their exponent moved by 127 - 15; infinities and NaN once more, which makes it all ones;
 * subnormals are mantissa * 2^-24, which is a normal f32. */
static inline uint32_t widen_f16(uint32_t half)
{
    const uint32_t rebias = 112u << 23, top = 31u << 23;
    uint32_t magnitude = (half & 0x7fff) << 13, exponent = magnitude & top;
    float tiny = (float)(int32_t)(half & 0x3ff) * 0x1p-24f;
    uint32_t subnormal;
    memcpy(&subnormal, &tiny, sizeof subnormal);
    uint32_t normal = magnitude + rebias + (exponent == top ? rebias : 0);
    return (exponent == 0 ? subnormal : normal) | (half & 0x8000) << 16;
}

#endif
