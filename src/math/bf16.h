/* bf16.h: numbers of 16 bits, the upper half of a float's: 8 bits of exponent, 8 of precision. */
#ifndef MATH_BF16_H
#define MATH_BF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out[n] = the nearest bf16 of in[n], of two the even one; infinity and NaN stay what they are. On all threads. */
void bf16_round(uint16_t *out, const float *in, size_t n);
/* out[n] = in[n] as floats, exactly; on one thread. */
void bf16_widen(float *out, const uint16_t *in, size_t n);
/* x[n] = the nearest bf16 of each, as a float; on one thread. */
void bf16_round_float(float *x, size_t n);
/* Whether none of x[n] is NaN or infinite; on one thread. */
bool bf16_finite(const uint16_t *x, size_t n);

#endif
