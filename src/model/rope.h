/* rope.h: rotary frequencies as a config asks for them, in both generations' forms. */
#ifndef MODEL_ROPE_H
#define MODEL_ROPE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* *frequency[head_dim / 2] (free()): theta^(-2i/d), scaled by `linear` or `llama3`; other scalings are refused by name.
 * Reads rope_theta and rope_scaling (transformers up to 4) or rope_parameters (5). Formulas:
 * transformers/modeling_rope_utils.py. */
pb_status rope_frequencies(float **frequency, size_t head_dim, const json_t *config, const char *file,
                           pb_error *err);

#endif
