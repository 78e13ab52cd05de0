/* quant.h: GGUF's quantised blocks widened to f32, bit for bit as the gguf Python package does.
 *
 * A block is a few scales and then small integers, of 32 elements (Q8_0, Q4_*, Q5_*) or 256 (Q*_K). quant.c shows how
 * each is laid out. */
#ifndef CHECKPOINT_QUANT_H
#define CHECKPOINT_QUANT_H

#include "checkpoint/checkpoint.h"

enum { LARGEST_BLOCK = 256 }; /* elements */

block_reader read_q8_0, read_q4_0, read_q4_1, read_q5_0, read_q5_1, read_q4_k, read_q5_k, read_q6_k;

#endif
