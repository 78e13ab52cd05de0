/* exp.h: e^x in float32, in plain arithmetic that the compiler vectorises.
 *
 * Cephes' method: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial for e^r, and 2^n through the exponent bits. Within
 * 2 units in the last place over the whole range; 0 below -87.3, the largest float's order above 88; NaN of NaN. */
#ifndef MATH_EXP_H
#define MATH_EXP_H

#include <stdint.h>
#include <string.h>

#include "math/multiversion.h"

INLINE float exp_fast(float x)
{
    const float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const float round_to_integer = 12582912.0f; /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    float clipped = x < -87.33f ? -87.33f : x > 88.37f ? 88.37f : x;
    float shifted = clipped * log2e + round_to_integer;
    float n = shifted - round_to_integer;
    float r = clipped - n * ln2_high;
    r = r - n * ln2_low;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits, power;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&power, &shifted, sizeof power); /* n stands in its low bits; a NaN's are 0 there, and stays NaN */
    bits += power << 23;
    float result;
    memcpy(&result, &bits, sizeof result);
    return x < -87.33f ? 0.0f : result;
}

#endif
