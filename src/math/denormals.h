/* denormals.h: numbers below 2^-126 count as zero.
 *
 * Arithmetic with them is done in microcode, many times slower, on most processors; and they add nothing: beside a
 * number of ordinary size they are rounded away. Weights that hold them (pruned, or trained with weight decay) would
 * otherwise make a whole model slow. */
#ifndef MATH_DENORMALS_H
#define MATH_DENORMALS_H

#include <stdbool.h>

/* From now on the calling thread, the OpenMP threads that work for it, and threads that it starts take denormal inputs and
 * results as zeros of their sign; the matrix library's among them, which are these. Does nothing on processors that it
 * does not know (other than x86-64 and AArch64). */
void denormals_flush(void);

/* Whether that holds in the calling thread. */
bool denormals_flushed(void);

#endif
