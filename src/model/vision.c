/* vision.c: see vision.h. */
#include "model/vision.h"

#include <math.h>
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

struct vision {
    vision_config config;
    const tensor *class_row, *positions; /* class_row NULL where there is none */
    weight_pair patch, pre_norm;
    weight_pair (*layers)[VISION_PARTS]; /* [used_layers]: those that the features pass */
    size_t used_layers;
    weight_pair projector[2];
    double flop; /* of all pictures so far */
};

const vision_names vision_names_hf = {
    .class_row = "embeddings.class_embedding",
    .positions = "embeddings.position_embedding.weight",
    .patch = "embeddings.patch_embedding",
    .pre_norm = "pre_layrnorm", /* really spelt so */
    .layer_prefix = "encoder.layers.",
    .part = {[VISION_NORM1] = "layer_norm1",       [VISION_Q] = "self_attn.q_proj",
             [VISION_K] = "self_attn.k_proj",      [VISION_V] = "self_attn.v_proj",
             [VISION_O] = "self_attn.out_proj",    [VISION_NORM2] = "layer_norm2",
             [VISION_FC1] = "mlp.fc1",             [VISION_FC2] = "mlp.fc2"},
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

/* Finds prefix + name + ".weight" and, with `bias`, ".bias" [shape[0]]. */
static pb_status find_pair(const checkpoint *c, const char *prefix, const char *name, size_t rank,
                           const size_t *shape, bool bias, weight_pair *pair, pb_error *err)
{
    buffer full = {0};
    buffer_printf(&full, "%s.weight", name);
    pb_status status = find(c, prefix, full.data, rank, shape, &pair->weight, err);
    buffer_free(&full);
    buffer_printf(&full, "%s.bias", name);
    if (!status && bias)
        status = find(c, prefix, full.data, 1, shape, &pair->bias, err);
    buffer_free(&full);
    return status;
}

static pb_status find_layer(vision *v, const vision_source *s, size_t l, pb_error *err)
{
    size_t D = v->config.width, F = v->config.d_ff;
    const size_t shapes[VISION_PARTS][2] = { /* a norm's second size is 0 */
        [VISION_NORM1] = {D}, [VISION_Q] = {D, D},  [VISION_K] = {D, D},   [VISION_V] = {D, D},
        [VISION_O] = {D, D},  [VISION_NORM2] = {D}, [VISION_FC1] = {F, D}, [VISION_FC2] = {D, F},
    };
    buffer prefix = {0};
    buffer_printf(&prefix, "%s%s%zu.", s->tower_prefix, s->names->layer_prefix, l);
    pb_status status = PB_OK;
    for (vision_part i = 0; i < VISION_PARTS && !status; i++)
        status = find_pair(s->tower, prefix.data, s->names->part[i], shapes[i][1] ? 2 : 1, shapes[i], true,
                           &v->layers[l][i], err);
    buffer_free(&prefix);
    return status;
}

static size_t patches(const vision_config *c)
{
    return (c->image_size / c->patch_size) * (c->image_size / c->patch_size);
}

/* R: the rows of the tower's residual stream. */
static size_t tower_rows(const vision_config *c)
{
    return patches(c) + c->class_row;
}

static pb_status find_embeddings(vision *v, const vision_source *s, pb_error *err)
{
    const vision_config *c = &v->config;
    const vision_names *n = s->names;
    size_t D = c->width, patch_shape[4] = {D, 3, c->patch_size, c->patch_size}, position_shape[2] = {tower_rows(c), D};
    TRY(find_pair(s->tower, s->tower_prefix, n->patch, 4, patch_shape, c->patch_bias, &v->patch, err));
    if (c->class_row)
        TRY(find(s->tower, s->tower_prefix, n->class_row, 1, &D, &v->class_row, err));
    TRY(find(s->tower, s->tower_prefix, n->positions, 2, position_shape, &v->positions, err));
    return c->pre_norm ? find_pair(s->tower, s->tower_prefix, n->pre_norm, 1, &D, true, &v->pre_norm, err) : PB_OK;
}

static pb_status find_all(vision *v, const vision_source *s, pb_error *err)
{
    const vision_config *c = &v->config;
    TRY(find_embeddings(v, s, err));
    v->layers = mem_new(v->used_layers, sizeof *v->layers);
    for (size_t l = 0; l < v->used_layers; l++)
        TRY(find_layer(v, s, l, err));
    for (size_t i = 0; i < c->projector_layers; i++) {
        size_t shape[2] = {c->d_model, i ? c->d_model : c->width};
        TRY(find_pair(s->projector, "", s->projector_names[i], 2, shape, c->projector_bias, &v->projector[i], err));
    }
    return PB_OK;
}

pb_status vision_open(vision **out, const vision_config *config, const vision_source *source, pb_error *err)
{
    vision *v = mem_new(1, sizeof *v);
    v->config = *config;
    long states = (long)config->layers + 1;
    long index = config->feature_layer < 0 ? states + config->feature_layer : config->feature_layer;
    v->used_layers = (size_t)index;
    pb_status status = PB_OK;
    if (index < 0 || index >= states)
        status = fail(err, PB_EINVAL, "the feature layer %ld is outside the tower's %ld hidden states",
                      config->feature_layer, states);
    if (!status && tower_rows(config) <= config->skipped_rows)
        status = fail(err, PB_EINVAL, "a tower of %zu row has none left without its first", tower_rows(config));
    if (!status)
        status = find_all(v, source, err);
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
    return tower_rows(&v->config) - v->config.skipped_rows;
}

size_t vision_tower_rows(const vision *v)
{
    return tower_rows(&v->config);
}

size_t vision_side(const vision *v)
{
    return v->config.image_size / v->config.patch_size;
}

/* ---- the forward pass ---- */

/* Working memory of one picture; x[R][D] is the residual stream. */
typedef struct pass {
    arena memory;
    size_t R;
    float *x, *normed, *q, *k, *v, *kt, *z, *hidden; /* hidden[R][max(F, d_model)] */
} pass;

static pb_status pass_begin(pass *p, const vision_config *c, pb_error *err)
{
    size_t D = c->width, widest = c->d_ff > c->d_model ? c->d_ff : c->d_model;
    *p = (pass){.R = tower_rows(c)};
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

/* rows[patches][D] = the patches' convolution. */
static pb_status embed_patches(vision *v, pass *p, const float *pixels, float *rows, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t in = 3 * c->patch_size * c->patch_size;
    float *columns;
    values w;
    TRY(arena_try(&p->memory, &columns, patches(c) * in, sizeof *columns, "the picture's patches", err));
    cut_patches(c, pixels, columns);
    pb_status status = values_use(&w, &v->patch, err);
    if (!status)
        status = matmul_linear(rows, columns, w.w, w.b, patches(c), c->width, in, err);
    values_free(&w);
    return status;
}

/* x[R][D] = [class; patches] + positions, normed. */
static pb_status embed(vision *v, pass *p, const float *pixels, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t D = c->width;
    float *positions;
    if (c->class_row)
        TRY(weights_read(v->class_row, 0, D, p->x, err));
    TRY(embed_patches(v, p, pixels, p->x + c->class_row * D, err));
    TRY(arena_try(&p->memory, &positions, p->R, D * sizeof *positions, "the tower's positions", err));
    TRY(weights_read(v->positions, 0, p->R * D, positions, err));
    add_rows(p->x, positions, p->R * D);
    return c->pre_norm ? norm(p->x, p->x, &v->pre_norm, c->norm_eps, p->R, err) : PB_OK;
}

static pb_status attend(const vision_config *c, pass *p, const weight_pair *layer, pb_error *err)
{
    size_t R = p->R, D = c->width, head_dim = D / c->heads;
    TRY(norm(p->normed, p->x, &layer[VISION_NORM1], c->norm_eps, R, err));
    TRY(linear(p->q, p->normed, &layer[VISION_Q], R, err));
    TRY(linear(p->k, p->normed, &layer[VISION_K], R, err));
    TRY(linear(p->v, p->normed, &layer[VISION_V], R, err));
    kv_transpose(p->kt, p->k, R, D, kv_stride(R));
    kv_segment all = {0, R, p->kt, kv_stride(R), p->v};
    attention_job job = {.heads = c->heads, .kv_heads = c->heads, .head_dim = head_dim,
                         .scale = 1.0f / sqrtf((float)head_dim), .segments = &all, .segment_count = 1,
                         .rows = R, .q = p->q, .z = p->z};
    attention(&job, 1);
    TRY(linear(p->normed, p->z, &layer[VISION_O], R, err));
    add_rows(p->x, p->normed, R * D);
    return PB_OK;
}

static pb_status feed_forward(const vision_config *c, pass *p, const weight_pair *layer, pb_error *err)
{
    TRY(norm(p->normed, p->x, &layer[VISION_NORM2], c->norm_eps, p->R, err));
    TRY(linear(p->hidden, p->normed, &layer[VISION_FC1], p->R, err));
    activate(c->act, p->hidden, p->R * c->d_ff);
    TRY(linear(p->normed, p->hidden, &layer[VISION_FC2], p->R, err));
    add_rows(p->x, p->normed, p->R * c->width);
    return PB_OK;
}

static pb_status project(vision *v, pass *p, float *rows, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t n = vision_rows(v);
    const float *features = p->x + c->skipped_rows * c->width;
    if (c->projector_layers == 1)
        return linear(rows, features, &v->projector[0], n, err);
    TRY(linear(p->hidden, features, &v->projector[0], n, err));
    activate(c->projector_act, p->hidden, n * c->d_model);
    return linear(rows, p->hidden, &v->projector[1], n, err);
}

static pb_status encode(vision *v, pass *p, const float *pixels, float *rows, pb_error *err)
{
    TRY(pass_begin(p, &v->config, err));
    TRY(embed(v, p, pixels, err));
    for (size_t l = 0; l < v->used_layers; l++) {
        TRY(attend(&v->config, p, v->layers[l], err));
        TRY(feed_forward(&v->config, p, v->layers[l], err));
    }
    return project(v, p, rows, err);
}

/* Operations (2 per multiply-add) of one picture: patches, layers, projector. */
static double picture_flop(const vision *v)
{
    const vision_config *c = &v->config;
    double P = (double)patches(c), R = (double)tower_rows(c), D = (double)c->width, F = (double)c->d_ff;
    double M = (double)c->d_model, layer = R * (8 * D * D + 4 * D * F) + 4 * R * R * D;
    double projector = 2 * D * M + (double)(c->projector_layers - 1) * 2 * M * M;
    return P * 6 * (double)(c->patch_size * c->patch_size) * D + (double)v->used_layers * layer +
           (double)vision_rows(v) * projector;
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
