/* decoder.h: the language model: its sizes, its weights layer by layer, its two ends.
 *
 * Letters in shapes: T positions, R rows, L layers, D d_model, F d_ff, H query heads, K key/value heads, d head_dim,
 * V vocabulary.
 *
 *     resid = embedding[ids]                                   [T][D]
 *     per layer:  resid += attention(norm(resid))              hook_attn_out
 *                 resid += mlp(norm(resid))                    hook_mlp_out
 *     logits = unembedding(norm(resid))                        [T][V]
 *
 * In a parallel block both start from the layer's input: resid += attention(norm(resid)) + mlp(norm(resid)). What else
 * families differ in stands in decoder_config, and in which parts a layer has. */
#ifndef MODEL_DECODER_H
#define MODEL_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/elementwise.h"
#include "model/weights.h"

typedef enum norm_kind {
    NORM_RMS,   /* a weight */
    NORM_LAYER, /* the mean taken off; a weight and a bias */
} norm_kind;

typedef struct decoder_config {
    size_t layers, d_model, d_ff, heads, kv_heads, head_dim, vocab;
    size_t max_positions;
    norm_kind norm;
    float norm_eps;
    bool parallel;         /* the MLP does not see what its layer's attention adds */
    bool gated;            /* the MLP is down(act(gate(x)) * up(x)); else down(act(up(x))) */
    activation act;
    size_t rotary_dim;     /* the first elements of each head, which are rotated; even */
    float *rope_frequency; /* [rotary_dim / 2], scaling applied; owned by the decoder once it is open */
} decoder_config;

/* The matrices and vectors of one layer. Biases are as wide as what they are added to. */
typedef enum decoder_part {
    PART_ATTN_NORM, /* [D] */
    PART_ATTN_NORM_BIAS,
    PART_Q,         /* [H d][D] */
    PART_K,         /* [K d][D] */
    PART_V,         /* [K d][D] */
    PART_O,         /* [D][H d] */
    PART_Q_BIAS,
    PART_K_BIAS,
    PART_V_BIAS,
    PART_O_BIAS,
    PART_MLP_NORM,  /* [D]; in a parallel block with one norm, the same tensor */
    PART_MLP_NORM_BIAS,
    PART_GATE,      /* [F][D] */
    PART_UP,        /* [F][D] */
    PART_DOWN,      /* [D][F] */
    PART_GATE_BIAS,
    PART_UP_BIAS,
    PART_DOWN_BIAS,
    PART_COUNT
} decoder_part;

/* The vectors at the end, which are read once. */
typedef enum decoder_end {
    END_NORM,      /* [D] */
    END_NORM_BIAS, /* [D] */
    END_HEAD_BIAS, /* [V] */
    END_COUNT
} decoder_end;

/* How a model names its tensors; NULL for a part or vector that it has not. */
typedef struct decoder_names {
    const char *embedding, *head;  /* a head that is not there is tied to the embedding */
    const char *end[END_COUNT];    /* a head's bias that is not there is none */
    const char *layer_prefix;      /* "model.layers.": then the layer's number, "." and the part's name */
    const char *part[PART_COUNT];
} decoder_names;

typedef struct decoder_layer {
    const tensor *part[PART_COUNT]; /* NULL where this model has none */
    bool checked;                   /* the file's numbers are seen to be finite */
} decoder_layer;

typedef struct decoder_changes decoder_changes; /* decoder_change.c */

typedef struct decoder {
    decoder_config config;
    const checkpoint *files;
    const tensor *embedding, *head; /* head may be the embedding */
    const tensor *end[END_COUNT];   /* NULL where this model has none */
    decoder_layer *layers;          /* [L] */
    bool head_checked;  /* likewise */
    size_t kept;        /* the first so many layers stay in memory (decoder_layer_leave) */
    weight_form form;   /* of its matrices; vectors are f32 */
    void *store;        /* one layer's weights, where the file's cannot be used as they lie */
    size_t store_bytes;
    float *end_f32[END_COUNT];
    decoder_changes *changes; /* NULL: the weights are the file's */
} decoder;

/* Finds every tensor in the checkpoint and checks shapes and dtypes; reads no weights. Takes over
 * config->rope_frequency. The checkpoint must outlive the decoder. */
pb_status decoder_open(decoder *m, const checkpoint *c, const decoder_config *config, const decoder_names *names,
                       pb_error *err);
void decoder_free(decoder *m);

/* Computes in that type from now on; it is f32 before. */
void decoder_compute_in(decoder *m, compute_type type);

/* One layer's weights, matrices in the decoder's form, with their changes: w[part] in the mapped file, in m->store, or where a change has it;
 * valid until the next call or change. Fails when they hold NaN or infinity (values that replace a tensor are not
 * looked at). */
pb_status decoder_read_layer(decoder *m, size_t layer, weight w[PART_COUNT], pb_error *err);

/* The same, for products of at most so many rows: where these are few (MATMUL_FEW_ROWS), matrices of a layer that has been read
 * before stay as the file has them (weight.stored), if the product then reads nothing else. The bits are the same. */
pb_status decoder_read_layer_for(decoder *m, size_t layer, size_t rows, weight w[PART_COUNT], pb_error *err);

/* The same of some parts alone; the others of w are NULL. */
pb_status decoder_read_parts(decoder *m, size_t layer, const decoder_part *parts, size_t count,
                             weight w[PART_COUNT], pb_error *err);

/* Asks for a layer's weights, or for the unembedding's, so that they are in memory when they are read. */
void decoder_layer_ahead(const decoder *m, size_t layer);
void decoder_head_ahead(const decoder *m);
/* A walk is through with the layer. Of a model that is larger than the memory, walk after walk, the system gives up what was used
 * longest ago: the very layer that comes next. So where layers take more than seven eighths of the memory that was there for them
 * when the model was opened, they stay as far as three quarters of it go, and those behind leave at once. */
void decoder_layer_leave(const decoder *m, size_t layer);
/* How many bytes of the file they are. */
size_t decoder_layer_bytes(const decoder *m, size_t layer);
size_t decoder_head_file_bytes(const decoder *m);
/* PB_EIO naming a file that became shorter while it was in use: what was computed is worth nothing. The first costs nothing,
 * and notes what one layer's weights, used as they lie, were missing; the second asks for the files' sizes. */
pb_status decoder_check_layer(const decoder *m, size_t layer, pb_error *err);
pb_status decoder_check(const decoder *m, pb_error *err);

/* w[e] = the vectors at the end in f32, likewise; NULL where the model has none. Valid until the next change. */
pb_status decoder_read_ends(decoder *m, const float *w[END_COUNT], pb_error *err);

/* *w = rows first .. first+count-1 of the unembedding, [count][D]: where they lie, or in room, which has as many times
 * decoder_head_bytes as there are rows. */
pb_status decoder_read_head(decoder *m, size_t first, size_t count, void *room, weight *w, pb_error *err);
/* The same for a product of so many rows, as in decoder_read_layer_for. */
pb_status decoder_read_head_for(decoder *m, size_t first, size_t count, size_t rows, void *room, weight *w, pb_error *err);
/* All of it has been read, and is finite. */
void decoder_head_is_checked(decoder *m);
/* Bytes of room that one of its rows takes; 0 where they lie. */
size_t decoder_head_bytes(const decoder *m);

/* y[rows][D] = the decoder's norm of x, with weight w[D] and bias b[D] (not read for NORM_RMS). */
void decoder_norm(const decoder_config *c, float *y, const float *x, const float *w, const float *b, size_t rows);
/* Backward of it: dx[rows][D] +=; dw[D] and db[D] += (each NULL: not wanted). */
void decoder_norm_backward(const decoder_config *c, float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, size_t rows);

/* rows[n][D] = embedding rows of ids[n]; ids outside the vocabulary are an error. */
pb_status decoder_embed(const decoder *m, const int32_t *ids, size_t n, float *rows, pb_error *err);
/* The standard deviation over all elements of the token-embedding matrix (n, not n - 1, in the denominator: torch's
 * std has n - 1, which at this size changes nothing that float32 holds). */
pb_status decoder_embedding_sd(const decoder *m, double *sd, pb_error *err);

/* What is wanted of one row of final residuals. */
typedef struct readout {
    const float *x;       /* [D], before the final norm */
    int32_t want[2];      /* token ids whose logits are wanted; -1: none */
    float logit[2];       /* filled in */
    double log_sum_exp;   /* filled in: log of the sum over the vocabulary of exp(logit) */
    float *logits;        /* [V] filled in when not NULL */
    size_t top;           /* how many of the most likely tokens are wanted */
    int32_t *top_id;      /* [top] filled in, the most likely first, of equals the smaller id; -1 beyond V */
    float *top_logit;     /* [top] likewise */
} readout;

/* Final norm and unembedding, over blocks of the vocabulary: logits are stored only where asked for. */
pb_status decoder_readout(decoder *m, readout *rows, size_t n, pb_error *err);
/* The gradients of sum over n rows of log P(want[0]), of rows that decoder_readout has filled in. */
typedef struct readout_gradient {
    float *dx;               /* [n][D], written: of the rows before the final norm */
    float *d_end[END_COUNT]; /* added to; NULL: not wanted */
    float *d_head;           /* [V][D] likewise */
} readout_gradient;

pb_status decoder_readout_backward(decoder *m, const readout *rows, size_t n, readout_gradient *g, pb_error *err);

/* Bytes of working memory that the forward form takes; the backward form takes 2 n D floats more. */
size_t decoder_readout_bytes(const decoder *m, size_t n);

/* ---- changes, which every run sees ----
 *
 * A change is of a tensor: m->layers[l].part[PART_DOWN], m->end[END_NORM], m->head, m->embedding. So what shares a
 * tensor changes together: a head tied to the embedding, the two norms of a parallel block. The checkpoint stays as it
 * is, and without changes the decoder gives the bits that it gave before.
 *
 *     decoder_term t = {m->layers[2].part[PART_DOWN], 1, k, u, 1};      W' = W + u k^T
 *     TRY(decoder_add_term(m, &t, err));
 *     ... runs of the edited model ...
 *     decoder_drop_terms(m, 0);                                        W again
 *
 * Recordings made before a change are of another model. */

/* A low-rank term of a matrix W[out][in]: W' = W + scale * b^T a. */
typedef struct decoder_term {
    const tensor *of;
    size_t rank;
    const float *a; /* [rank][in] */
    const float *b; /* [rank][out] */
    float scale;
} decoder_term;

/* Adds the term to those that there are; a and b are copied. */
pb_status decoder_add_term(decoder *m, const decoder_term *t, pb_error *err);
/* Takes away all terms but the first `kept`. */
void decoder_drop_terms(decoder *m, size_t kept);
size_t decoder_term_count(const decoder *m);

/* The tensor's values are now values[t->count], whatever terms it has; the caller owns them, may write into them
 * between runs, and keeps them until decoder_restore or decoder_free. */
void decoder_replace(decoder *m, const tensor *t, const float *values);
/* The file's values, and the terms, count again. */
void decoder_restore(decoder *m, const tensor *t);

/* Whether t is replaced or has a term. */
bool decoder_changed(const decoder *m, const tensor *t);
/* t's values with its changes, [t->count], as products take them, where they can be used without a copy; else both NULL.
 * Not checked for NaN.
 *
 * What is changed is f32 in every form: a change is often smaller than bf16's steps of the matrix that it is added to,
 * and would be lost. In bf16 the term is added to the rounded matrix, which the unchanged model has; the rows that it
 * multiplies are not rounded. */
weight decoder_in_place(const decoder *m, const tensor *t);
/* out[rows][width] = rows first .. of t with its changes as products take them, which *w then names: of
 * decoder_element_bytes each. Fails as decoder_read_rows does. */
pb_status decoder_read_weight(const decoder *m, const tensor *t, size_t first, size_t rows, void *out, weight *w,
                              pb_error *err);
/* Bytes of such an element. */
size_t decoder_element_bytes(const decoder *m, const tensor *t);
/* out[rows][width] = rows first .. of t with its changes, in f32 whatever is computed in; a vector's rows are its elements. An error names the tensor
 * when what the file has, or the sum, is not finite. */
pb_status decoder_read_rows(const decoder *m, const tensor *t, size_t first, size_t rows, float *out, pb_error *err);

/* ---- what it costs ---- */

/* Floating-point operations (2 per multiply-add) of the matrices that one row passes in one layer. */
double decoder_layer_flop(const decoder_config *c);
/* And of the keys and values alone; and of one row's attention over `keys` positions; and of one row's read-out. */
double decoder_kv_flop(const decoder_config *c);
double decoder_attention_flop(const decoder_config *c, double keys);
double decoder_readout_flop(const decoder_config *c);

#endif
