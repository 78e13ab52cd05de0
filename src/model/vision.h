/* vision.h: the vision tower and the projector: a picture becomes rows for the decoder.
 *
 *     x = [class; patches] + positions, pre-norm                 hidden_states[0]   [R][D]
 *     per layer: x += attention(norm1(x)); x += mlp(norm2(x))    hidden_states[l + 1]
 *     features = hidden_states[feature_layer] from row skipped_rows on
 *     rows = fc2(gelu(fc1(features)))                            [rows][d_model of the decoder]
 *
 * CLIP has a class row and a pre-norm, SigLIP has neither, but a bias on its patches. */
#ifndef MODEL_VISION_H
#define MODEL_VISION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"
#include "math/elementwise.h"
#include "model/weights.h"

typedef struct vision_config {
    const char *tower;        /* "clip", "siglip": what reports call it */
    size_t layers, width, d_ff, heads, image_size, patch_size;
    float norm_eps;
    activation act;
    bool class_row;           /* a learned row stands before the patches' */
    bool patch_bias;          /* the patches' convolution has one */
    bool pre_norm;            /* the rows are normed before the first layer */
    long feature_layer;       /* index into hidden_states, negative from the end */
    size_t skipped_rows;      /* features leave out: 1 drops the class row */
    size_t projector_layers;  /* 2, with projector_act between them, or 1 */
    activation projector_act;
    bool projector_bias;
    size_t d_model;           /* of the decoder */
} vision_config;

/* The Linear layers and norms of one layer. */
typedef enum vision_part {
    VISION_NORM1,
    VISION_Q,
    VISION_K,
    VISION_V,
    VISION_O,
    VISION_NORM2,
    VISION_FC1,
    VISION_FC2,
    VISION_PARTS
} vision_part;

/* How a file names a tower's tensors: patch, pre_norm and the parts are followed by ".weight" and ".bias". */
typedef struct vision_names {
    const char *class_row, *positions; /* [D], [R][D] */
    const char *patch;                 /* [D][3][patch][patch] */
    const char *pre_norm;              /* [D] */
    const char *layer_prefix;          /* then the layer's number, "." and the part */
    const char *part[VISION_PARTS];
} vision_names;

/* CLIPVisionModel's and SiglipVisionModel's names, below "vision_model." */
extern const vision_names vision_names_hf;

/* Where the tensors lie: a tower may have a checkpoint of its own. */
typedef struct vision_source {
    const checkpoint *tower;
    const char *tower_prefix;         /* before every one of the names: "vision_tower.vision_model." */
    const vision_names *names;
    const checkpoint *projector;
    const char *projector_names[2];   /* without ".weight"; [1] is not read for a projector of one layer */
} vision_source;

typedef struct vision vision;

/* Finds every tensor and checks it; reads no weights. The checkpoints must outlive it. */
pb_status vision_open(vision **out, const vision_config *config, const vision_source *source, pb_error *err);
void vision_free(vision *v);

/* Computes in that type from now on; it is f32 before. */
void vision_compute_in(vision *v, compute_type type);

const vision_config *vision_settings(const vision *v);
/* Rows that one picture becomes. */
size_t vision_rows(const vision *v);
/* Rows of the tower's residual stream: the class row where there is one, then the patches, line by line. */
size_t vision_tower_rows(const vision *v);
/* Patches along a side of the picture. */
size_t vision_side(const vision *v);

/* rows[vision_rows][d_model] = what the decoder gets for pixels[3][image_size][image_size], normalised. */
pb_status vision_encode(vision *v, const float *pixels, float *rows, pb_error *err);
/* Floating-point operations of all that was computed so far. */
double vision_flop(const vision *v);

/* ---- step by step, for who looks into the tower (engine/tower.h) ---- */

/* The layers that the features pass: those above them are in the file for nothing. */
size_t vision_used_layers(const vision *v);

/* One layer's values. */
typedef struct vision_layer {
    weight w[VISION_PARTS];
    const float *b[VISION_PARTS];
    void *owned[2 * VISION_PARTS];
} vision_layer;

pb_status vision_layer_read(const vision *v, size_t layer, vision_layer *out, pb_error *err);
void vision_layer_free(vision_layer *w);
/* Asks for a layer's weights, or behind the last the projector's, so that they are in memory when they are read. */
void vision_layer_ahead(const vision *v, size_t layer);
/* PB_EIO naming a file that became shorter while it was in use: what was computed is worth nothing. */
pb_status vision_check(const vision *v, pb_error *err);

/* x[R][D] = hidden_states[0] of pixels[3][image_size][image_size]. R is vision_tower_rows, D the tower's width. */
pb_status vision_embed(vision *v, const float *pixels, float *x, pb_error *err);
/* out[pictures * R][D] = what a layer's attention adds to the residual rows x[pictures * R][D]: a picture's rows attend to
 * that picture's. A row's bits do not depend on the pictures beside it, where products keep that promise (matmul.h).
 * Working memory is the arena's. */
pb_status vision_attention_out(vision *v, const vision_layer *w, const float *x, size_t pictures, float *out,
                               arena *memory, pb_error *err);
/* out[rows][D] = what its MLP adds. */
pb_status vision_mlp_out(vision *v, const vision_layer *w, const float *x, size_t rows, float *out, arena *memory,
                         pb_error *err);
/* rows[vision_rows][d_model] = the projector over the features that hidden state x[R][D] holds. */
pb_status vision_project(vision *v, const float *x, float *rows, pb_error *err);

/* What these take, of one picture. */
double vision_embed_flop(const vision *v);
double vision_layer_flop(const vision *v);
double vision_project_flop(const vision *v);
/* Bytes of working memory of one picture's rows in one layer, and of a layer's values. */
size_t vision_layer_bytes(const vision *v);
/* Bytes of working memory that vision_encode takes, beside what it is given. */
size_t vision_encode_bytes(const vision *v);

#endif
