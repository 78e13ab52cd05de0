/* vision.h: the CLIP-type vision tower and LLaVA's projector: a picture becomes rows for the decoder.
 *
 *     x = [class; patches] + positions, pre-norm                 hidden_states[0]   [P + 1][D]
 *     per layer: x += attention(norm1(x)); x += mlp(norm2(x))    hidden_states[l + 1]
 *     features = hidden_states[feature_layer], without the class row ("default") or with it ("full")
 *     rows = fc2(gelu(fc1(features)))                            [rows][d_model of the decoder]
 */
#ifndef MODEL_VISION_H
#define MODEL_VISION_H

#include <stdbool.h>
#include <stddef.h>

#include "checkpoint/checkpoint.h"
#include "math/elementwise.h"

typedef struct vision_config {
    size_t layers, width, d_ff, heads, image_size, patch_size;
    float norm_eps;
    activation act;
    long feature_layer;   /* index into hidden_states, negative from the end */
    bool keep_class;      /* vision_feature_select_strategy "full" */
    activation projector_act;
    bool projector_bias;
    size_t d_model;       /* of the decoder */
} vision_config;

typedef struct vision vision;

/* Finds every tensor and checks it; reads no weights. Prefixes as in the file: "vision_tower.vision_model." and
 * "multi_modal_projector.". The checkpoint must outlive it. */
pb_status vision_open(vision **out, const checkpoint *c, const vision_config *config, const char *tower_prefix,
                      const char *projector_prefix, pb_error *err);
void vision_free(vision *v);

const vision_config *vision_settings(const vision *v);
/* Rows that one picture becomes. */
size_t vision_rows(const vision *v);

/* rows[vision_rows][d_model] = what the decoder gets for pixels[3][image_size][image_size], normalised. */
pb_status vision_encode(vision *v, const float *pixels, float *rows, pb_error *err);
/* Floating-point operations of all pictures encoded so far. */
double vision_flop(const vision *v);

#endif
