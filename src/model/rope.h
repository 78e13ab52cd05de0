/* rope.h: rotary frequencies as a config asks for them, in both generations' forms. */
#ifndef MODEL_ROPE_H
#define MODEL_ROPE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* *frequency[d / 2] (free()): theta^(-2i/d), scaled by `linear` or `llama3`; other scalings are refused by name. (And by
 * `factors`, which gguf_rope.c writes: the i-th is divided by factors[i].) d is the width that is rotated. Reads
 * rope_theta and rope_scaling (transformers up to 4) or rope_parameters (5). Formulas:
 * transformers/modeling_rope_utils.py. */
pb_status rope_frequencies(float **frequency, size_t d, const json_t *config, const char *file, pb_error *err);

/* *width = how many of a head's elements are rotated: int(head_dim * partial_rotary_factor), which stands in
 * rope_parameters or beside it; `share` where it does not. */
pb_status rope_width(size_t *width, size_t head_dim, double share, const json_t *config, const char *file,
                     pb_error *err);

#endif
