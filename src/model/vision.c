/* vision.c: see vision.h. */
#include "model/vision.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/attention.h"
#include "math/matmul.h"
#include "model/weights.h"

/* ---- the tensors ---- */

/* A Linear layer or a LayerNorm: its weight and its bias. */
typedef struct weight_pair {
    const tensor *weight, *bias; /* bias NULL where there is none */
} weight_pair;

typedef struct vision_layer {
    weight_pair norm1, q, k, v, o, norm2, fc1, fc2;
} vision_layer;

struct vision {
    vision_config config;
    const tensor *patch, *class_row, *positions;
    weight_pair pre_norm;
    vision_layer *layers; /* those that the features pass */
    size_t used_layers;
    weight_pair linear_1, linear_2;
    double flop; /* of all pictures so far */
};

/* Finds prefix + name. */
static pb_status find(const checkpoint *c, const char *prefix, const char *name, size_t rank, const size_t *shape,
                      const tensor **out, pb_error *err)
{
    buffer full = {0};
    buffer_printf(&full, "%s%s", prefix, name);
    pb_status status = checkpoint_get(c, full.data, rank, shape, out, err);
    buffer_free(&full);
    return status;
}

/* Finds prefix + name + ".weight" and ".bias"; in = 0 for a norm, whose weight is a vector. */
static pb_status find_pair(const checkpoint *c, const char *prefix, const char *name, size_t out_size, size_t in,
                           bool bias, weight_pair *pair, pb_error *err)
{
    size_t shape[2] = {out_size, in};
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    TRY(find(c, prefix, full, in ? 2 : 1, shape, &pair->weight, err));
    snprintf(full, sizeof full, "%s.bias", name);
    return bias ? find(c, prefix, full, 1, shape, &pair->bias, err) : PB_OK;
}

static pb_status find_layer(vision *v, const checkpoint *c, const char *tower_prefix, size_t l, pb_error *err)
{
    size_t D = v->config.width, F = v->config.d_ff;
    vision_layer *layer = &v->layers[l];
    const struct {
        const char *name;
        size_t out, in;
        weight_pair *pair;
    } table[] = {
        {"layer_norm1", D, 0, &layer->norm1},      {"self_attn.q_proj", D, D, &layer->q},
        {"self_attn.k_proj", D, D, &layer->k},     {"self_attn.v_proj", D, D, &layer->v},
        {"self_attn.out_proj", D, D, &layer->o},   {"layer_norm2", D, 0, &layer->norm2},
        {"mlp.fc1", F, D, &layer->fc1},            {"mlp.fc2", D, F, &layer->fc2},
    };
    buffer prefix = {0};
    buffer_printf(&prefix, "%sencoder.layers.%zu.", tower_prefix, l);
    pb_status status = PB_OK;
    for (size_t i = 0; i < sizeof table / sizeof *table && !status; i++)
        status = find_pair(c, prefix.data, table[i].name, table[i].out, table[i].in, true, table[i].pair, err);
    buffer_free(&prefix);
    return status;
}

static size_t patches(const vision_config *c)
{
    return (c->image_size / c->patch_size) * (c->image_size / c->patch_size);
}

static pb_status find_all(vision *v, const checkpoint *c, const char *tower, const char *projector, pb_error *err)
{
    const vision_config *f = &v->config;
    size_t D = f->width, M = f->d_model;
    size_t patch_shape[4] = {D, 3, f->patch_size, f->patch_size}, position_shape[2] = {patches(f) + 1, D};
    TRY(find(c, tower, "embeddings.patch_embedding.weight", 4, patch_shape, &v->patch, err));
    TRY(find(c, tower, "embeddings.class_embedding", 1, &D, &v->class_row, err));
    TRY(find(c, tower, "embeddings.position_embedding.weight", 2, position_shape, &v->positions, err));
    TRY(find_pair(c, tower, "pre_layrnorm", D, 0, true, &v->pre_norm, err)); /* really spelt so */
    v->layers = mem_new(v->used_layers, sizeof *v->layers);
    for (size_t l = 0; l < v->used_layers; l++)
        TRY(find_layer(v, c, tower, l, err));
    TRY(find_pair(c, projector, "linear_1", M, D, f->projector_bias, &v->linear_1, err));
    return find_pair(c, projector, "linear_2", M, M, f->projector_bias, &v->linear_2, err);
}

pb_status vision_open(vision **out, const checkpoint *c, const vision_config *config, const char *tower_prefix,
                      const char *projector_prefix, pb_error *err)
{
    vision *v = mem_new(1, sizeof *v);
    v->config = *config;
    long states = (long)config->layers + 1;
    long index = config->feature_layer < 0 ? states + config->feature_layer : config->feature_layer;
    v->used_layers = (size_t)index;
    pb_status status = PB_OK;
    if (index < 0 || index >= states)
        status = fail(err, PB_EINVAL, "vision_feature_layer %ld is outside the tower's %ld hidden states",
                      config->feature_layer, states);
    if (!status)
        status = find_all(v, c, tower_prefix, projector_prefix, err);
    if (status) {
        vision_free(v);
        v = NULL;
    }
    *out = v;
    return status;
}

void vision_free(vision *v)
{
    if (!v)
        return;
    free(v->layers);
    free(v);
}

const vision_config *vision_settings(const vision *v)
{
    return &v->config;
}

size_t vision_rows(const vision *v)
{
    return patches(&v->config) + v->config.keep_class;
}

/* ---- the forward pass ---- */

/* Working memory of one picture; x[R][D] is the residual stream, R = patches + 1. */
typedef struct pass {
    arena memory;
    size_t R;
    float *x, *normed, *q, *k, *v, *kt, *z, *hidden; /* hidden[R][max(F, d_model)] */
} pass;

static pb_status pass_begin(pass *p, const vision_config *c, pb_error *err)
{
    size_t D = c->width, widest = c->d_ff > c->d_model ? c->d_ff : c->d_model;
    *p = (pass){.R = patches(c) + 1};
    float **rows[] = {&p->x, &p->normed, &p->q, &p->k, &p->v, &p->z};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        TRY(arena_try(&p->memory, rows[i], p->R * D, sizeof(float), "the vision tower's rows", err));
    TRY(arena_try(&p->memory, &p->kt, kv_stride(p->R) * D, sizeof(float), "the vision tower's keys", err));
    return arena_try(&p->memory, &p->hidden, p->R * widest, sizeof(float), "the vision tower's rows", err);
}

/* A pair's values in f32, used and given back. */
typedef struct values {
    const float *w, *b; /* b NULL where there is none */
    float *owned_w, *owned_b;
} values;

static pb_status values_use(values *v, const weight_pair *pair, pb_error *err)
{
    *v = (values){0};
    TRY(weights_use(pair->weight, &v->w, &v->owned_w, err));
    return pair->bias ? weights_use(pair->bias, &v->b, &v->owned_b, err) : PB_OK;
}

static void values_free(values *v)
{
    free(v->owned_w);
    free(v->owned_b);
}

/* y[rows][out] = x[rows][in] w^T + b, weights widened as they are used. */
static pb_status linear(float *y, const float *x, const weight_pair *pair, size_t rows, pb_error *err)
{
    values v;
    pb_status status = values_use(&v, pair, err);
    if (!status)
        status = matmul_linear(y, x, v.w, v.b, rows, pair->weight->shape[0], pair->weight->shape[1], err);
    values_free(&v);
    return status;
}

static pb_status norm(float *y, const float *x, const weight_pair *pair, float eps, size_t rows, pb_error *err)
{
    values v;
    pb_status status = values_use(&v, pair, err);
    if (!status)
        layer_norm(y, x, v.w, v.b, eps, rows, pair->weight->count);
    values_free(&v);
    return status;
}

/* columns[patches][3 * p * p]: each patch's pixels in the order of the convolution's weight. */
static void cut_patches(const vision_config *c, const float *pixels, float *columns)
{
    size_t side = c->image_size / c->patch_size, p = c->patch_size;
    for (size_t i = 0; i < side * side; i++)
        for (size_t channel = 0; channel < 3; channel++)
            for (size_t y = 0; y < p; y++) {
                size_t row = (i / side) * p + y, column = (i % side) * p;
                memcpy(columns + ((i * 3 + channel) * p + y) * p,
                       pixels + (channel * c->image_size + row) * c->image_size + column, p * sizeof(float));
            }
}

/* x[R][D] = [class; patches] + positions, before the norm. */
static pb_status embed(vision *v, pass *p, const float *pixels, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t D = c->width, in = 3 * c->patch_size * c->patch_size;
    const weight_pair patch = {v->patch, NULL};
    float *columns, *positions;
    TRY(arena_try(&p->memory, &columns, (p->R - 1) * in, sizeof *columns, "the picture's patches", err));
    cut_patches(c, pixels, columns);
    TRY(weights_read(v->class_row, 0, D, p->x, err));
    values w;
    pb_status status = values_use(&w, &patch, err);
    if (!status)
        status = matmul_linear(p->x + D, columns, w.w, NULL, p->R - 1, D, in, err);
    values_free(&w);
    TRY(status);
    TRY(arena_try(&p->memory, &positions, p->R, D * sizeof *positions, "the tower's positions", err));
    TRY(weights_read(v->positions, 0, p->R * D, positions, err));
    add_rows(p->x, positions, p->R * D);
    return PB_OK;
}

static pb_status attend(const vision_config *c, pass *p, const vision_layer *layer, pb_error *err)
{
    size_t R = p->R, D = c->width, head_dim = D / c->heads;
    TRY(norm(p->normed, p->x, &layer->norm1, c->norm_eps, R, err));
    TRY(linear(p->q, p->normed, &layer->q, R, err));
    TRY(linear(p->k, p->normed, &layer->k, R, err));
    TRY(linear(p->v, p->normed, &layer->v, R, err));
    kv_transpose(p->kt, p->k, R, D, kv_stride(R));
    kv_segment all = {0, R, p->kt, kv_stride(R), p->v};
    attention_job job = {.heads = c->heads, .kv_heads = c->heads, .head_dim = head_dim,
                         .scale = 1.0f / sqrtf((float)head_dim), .segments = &all, .segment_count = 1,
                         .rows = R, .q = p->q, .z = p->z};
    attention(&job, 1);
    TRY(linear(p->normed, p->z, &layer->o, R, err));
    add_rows(p->x, p->normed, R * D);
    return PB_OK;
}

static pb_status feed_forward(const vision_config *c, pass *p, const vision_layer *layer, pb_error *err)
{
    TRY(norm(p->normed, p->x, &layer->norm2, c->norm_eps, p->R, err));
    TRY(linear(p->hidden, p->normed, &layer->fc1, p->R, err));
    activate(c->act, p->hidden, p->R * c->d_ff);
    TRY(linear(p->normed, p->hidden, &layer->fc2, p->R, err));
    add_rows(p->x, p->normed, p->R * c->width);
    return PB_OK;
}

static pb_status project(vision *v, pass *p, float *rows, pb_error *err)
{
    size_t n = vision_rows(v);
    const float *features = v->config.keep_class ? p->x : p->x + v->config.width;
    TRY(linear(p->hidden, features, &v->linear_1, n, err));
    activate(v->config.projector_act, p->hidden, n * v->config.d_model);
    return linear(rows, p->hidden, &v->linear_2, n, err);
}

static pb_status encode(vision *v, pass *p, const float *pixels, float *rows, pb_error *err)
{
    TRY(pass_begin(p, &v->config, err));
    TRY(embed(v, p, pixels, err));
    TRY(norm(p->x, p->x, &v->pre_norm, v->config.norm_eps, p->R, err));
    for (size_t l = 0; l < v->used_layers; l++) {
        TRY(attend(&v->config, p, &v->layers[l], err));
        TRY(feed_forward(&v->config, p, &v->layers[l], err));
    }
    return project(v, p, rows, err);
}

/* Operations (2 per multiply-add) of one picture: patches, layers, projector. */
static double picture_flop(const vision *v)
{
    const vision_config *c = &v->config;
    double P = (double)patches(c), R = P + 1, D = (double)c->width, F = (double)c->d_ff, M = (double)c->d_model;
    double layer = R * (8 * D * D + 4 * D * F) + 4 * R * R * D;
    return P * 6 * (double)(c->patch_size * c->patch_size) * D + (double)v->used_layers * layer +
           (double)vision_rows(v) * (2 * D * M + 2 * M * M);
}

pb_status vision_encode(vision *v, const float *pixels, float *rows, pb_error *err)
{
    pass p = {0};
    pb_status status = encode(v, &p, pixels, rows, err);
    arena_free(&p.memory);
    v->flop += picture_flop(v);
    return status;
}

double vision_flop(const vision *v)
{
    return v->flop;
}
