/* backward_parts.h: what backward.c, which walks back over the layers, and the files of a layer's parts share:
 *
 *     backward_mlp.c         the MLP
 *     backward_attention.c   attention, and heads that were put in
 *     backward_layer.c       steps of both: through a matrix, through a norm, and what is handed out on the way
 *
 * Each of the first two opens with its formulas, the forward's lines in chunk.c on their right. */
#ifndef ENGINE_BACKWARD_PARTS_H
#define ENGINE_BACKWARD_PARTS_H

#include "engine/backward.h"
#include "engine/lane.h"
#include "engine/layer.h"

typedef struct back_row {
    const lane *lane;
    size_t position;
    float *d;                       /* [D] in its lane: the gradient of the residual stream */
    const float *pre, *attn_out;    /* [D] recorded */
    bool attn_given, mlp_given, heads_given; /* were put in: nothing flows to what would have been computed */
} back_row;

/* The rows of some lanes in one layer: first of lanes that run it whole, then of lanes that join it the rows that are edited
 * or lose edges. */
typedef struct back_chunk {
    back_row *rows;
    size_t count, whole;
    float *d_post;     /* [count][D] the gradient of the layer's output; then of its input */
    float *d_attn_out; /* [count][D] */
} back_chunk;

typedef struct back_walk {
    decoder *m;
    const replay_fork *forks; /* [0] */
    const fork_gradient *gradients;
    weight_gradients weights;
    arena memory;
    float *cosine, *sine;
    replay_work *work;
} back_walk;

/* ---- a layer, from its output to its input ---- */

/* Of mlp_out = down(activated(norm(mid))): leaves d_attn_out, and in d_post what flows to the layer's input past
 * attention. */
pb_status back_mlp(const back_walk *b, const layer_walk *k, back_chunk *c, pb_error *err);
/* Of attn_out = o(heads), of the rows that join with heads put in beside their base's: what lies below is a constant. */
pb_status back_joined_heads(const back_walk *b, const layer_walk *k, const back_chunk *c, pb_error *err);
/* Of attn_out = o(attention(norm(pre))): leaves in d_post the gradient of the layer's input. */
pb_status back_attend(const back_walk *b, const layer_walk *k, back_chunk *c, pb_error *err);

/* ---- steps ---- */

/* dx[rows][in] = dy w, and, where wanted, the gradients of w and its bias from the rows x that w multiplied. */
pb_status back_product(const back_walk *b, const layer_walk *k, float *dx, const float *dy, const float *x,
                       decoder_part w, decoder_part bias, size_t rows, size_t out, size_t in, pb_error *err);
/* dx[rows][D] += dy's through a norm of x. */
void back_norm(const back_walk *b, const layer_walk *k, float *dx, const float *dy, const float *x, decoder_part w,
               decoder_part bias, size_t rows);
/* Where the gradient of a weight is summed; NULL: it is not wanted. */
float *back_wanted(const back_walk *b, size_t layer, decoder_part part);

/* Hands out the gradient of a site's row. */
void back_give(const back_walk *b, const replay_fork *f, site s, size_t layer, size_t position, const float *row);
/* The same of d[count][D], all rows of attn_out or mlp_out; and lets nothing flow on to rows that were put in. */
void back_take_site(const back_walk *b, const layer_walk *k, const back_chunk *c, site s, float *d);

#endif
