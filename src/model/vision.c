/* vision.c: see vision.h. */
#include "model/vision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/meter.h"
#include "math/attention.h"
#include "math/parts.h"

/* ---- the tensors ---- */

/* A Linear layer or a LayerNorm: its weight and its bias. */
typedef struct weight_pair {
    const tensor *weight, *bias; /* bias NULL where there is none */
    bool checked;                /* the file's numbers are seen to be finite */
} weight_pair;

struct vision {
    vision_config config;
    const checkpoint *files[2]; /* the tower's and the projector's */
    const tensor *class_row, *positions; /* class_row NULL where there is none */
    weight_pair patch, pre_norm;
    weight_pair (*layers)[VISION_PARTS]; /* [used_layers]: those that the features pass */
    size_t used_layers;
    weight_pair projector[2];
    weight_form form; /* of matrices; vectors are f32 */
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
    v->files[0] = source->tower;
    v->files[1] = source->projector;
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

void vision_compute_in(vision *v, compute_type type)
{
    v->form = weight_form_for(type);
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

size_t vision_used_layers(const vision *v)
{
    return v->used_layers;
}

/* ---- what it takes ---- */

double vision_embed_flop(const vision *v)
{
    const vision_config *c = &v->config;
    return (double)patches(c) * 6 * (double)(c->patch_size * c->patch_size) * (double)c->width;
}

/* Scores and sums of values, in one layer. */
static double mix_flop(const vision_config *c)
{
    double R = (double)tower_rows(c);
    return 4 * R * R * (double)c->width;
}

static double attention_flop(const vision_config *c)
{
    double R = (double)tower_rows(c), D = (double)c->width;
    return R * 8 * D * D + mix_flop(c);
}

static double mlp_flop(const vision_config *c, double rows)
{
    return rows * 4 * (double)c->width * (double)c->d_ff;
}

double vision_layer_flop(const vision *v)
{
    return attention_flop(&v->config) + mlp_flop(&v->config, (double)tower_rows(&v->config));
}

double vision_project_flop(const vision *v)
{
    double D = (double)v->config.width, M = (double)v->config.d_model;
    return (double)vision_rows(v) * (2 * D * M + (double)(v->config.projector_layers - 1) * 2 * M * M);
}

double vision_flop(const vision *v)
{
    return v->flop;
}

/* What a layer computes on its way, beside the rows that go in and what it adds to them. */
static size_t layer_work_bytes(const vision *v)
{
    const vision_config *c = &v->config;
    size_t R = tower_rows(c), D = c->width, F = c->d_ff;
    return (R * (6 * D + F) + kv_stride(R) * D) * sizeof(float) + weight_form_rounding(v->form, R, F > D ? F : D);
}

static size_t row_bytes(const vision *v)
{
    return tower_rows(&v->config) * v->config.width * sizeof(float);
}

size_t vision_layer_bytes(const vision *v)
{
    size_t D = v->config.width, F = v->config.d_ff;
    return layer_work_bytes(v) + row_bytes(v) + (4 * D * D + 2 * D * F) * weight_form_bytes(v->form);
}

/* Bytes of a matrix that does not lie in its file as products take it. */
static size_t made_bytes(const vision *v, const weight_pair *pair)
{
    if (pair->weight->rank < 2)
        return 0;
    weight lies = weights_lie(pair->weight, v->form);
    return lies.f32 || lies.bf16 ? 0 : pair->weight->count * weight_form_bytes(v->form);
}

/* Of any layer, at most. */
static size_t made_layer_bytes(const vision *v)
{
    size_t most = 0;
    for (size_t l = 0; l < v->used_layers; l++) {
        size_t bytes = 0;
        for (size_t i = 0; i < VISION_PARTS; i++)
            bytes += made_bytes(v, &v->layers[l][i]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static size_t projecting_bytes(const vision *v)
{
    size_t M = v->config.d_model, n = vision_rows(v), D = v->config.width;
    size_t bytes = n * M * sizeof(float) + weight_form_rounding(v->form, n, M > D ? M : D);
    for (size_t i = 0; i < v->config.projector_layers; i++)
        bytes += made_bytes(v, &v->projector[i]);
    return bytes;
}

size_t vision_encode_bytes(const vision *v)
{
    size_t layer = layer_work_bytes(v) + made_layer_bytes(v), projecting = projecting_bytes(v);
    return 2 * row_bytes(v) + (layer > projecting ? layer : projecting);
}

/* ---- values ---- */

/* A pair's values, used and given back. */
typedef struct values {
    weight w;
    const float *b; /* NULL where there is none */
    void *owned_w;
    float *owned_b;
} values;

/* All of a pair's weight in a form: where it lies, which is looked at once, or in memory that the values own. */
static pb_status weight_use(values *v, weight_pair *pair, weight_form form, pb_error *err)
{
    const tensor *t = pair->weight;
    v->w = weights_lie(t, form);
    if (v->w.f32 || v->w.bf16)
        return pair->checked ? PB_OK : weights_check(t, err);
    TRY(mem_try(&v->owned_w, t->count, weight_form_bytes(form), t->name, err));
    return weights_read_as(t, form, 0, t->count, v->owned_w, &v->w, err);
}

static pb_status values_use(values *v, weight_pair *pair, weight_form form, pb_error *err)
{
    *v = (values){0};
    TRY(weight_use(v, pair, pair->weight->rank > 1 ? form : FORM_F32, err));
    if (pair->bias)
        TRY(weights_use(pair->bias, &v->b, &v->owned_b, err));
    pair->checked = true;
    return PB_OK;
}

static void values_free(values *v)
{
    free(v->owned_w);
    free(v->owned_b);
}

pb_status vision_layer_read(const vision *v, size_t layer, vision_layer *out, pb_error *err)
{
    pb_status status = PB_OK;
    *out = (vision_layer){0};
    for (size_t i = 0; i < VISION_PARTS && !status; i++) {
        values part;
        status = values_use(&part, &v->layers[layer][i], v->form, err);
        out->w[i] = part.w;
        out->b[i] = part.b;
        out->owned[2 * i] = part.owned_w;
        out->owned[2 * i + 1] = part.owned_b;
    }
    if (status)
        vision_layer_free(out);
    return status;
}

void vision_layer_free(vision_layer *w)
{
    for (size_t i = 0; i < 2 * VISION_PARTS; i++)
        free(w->owned[i]);
    *w = (vision_layer){0};
}

static void pair_ahead(const weight_pair *pair)
{
    if (pair->weight)
        tensor_ahead(pair->weight);
}

void vision_layer_ahead(const vision *v, size_t layer)
{
    if (layer < v->used_layers)
        for (size_t i = 0; i < VISION_PARTS; i++)
            pair_ahead(&v->layers[layer][i]);
    else
        for (size_t i = 0; i < v->config.projector_layers; i++)
            pair_ahead(&v->projector[i]);
}

pb_status vision_check(const vision *v, pb_error *err)
{
    TRY(checkpoint_check(v->files[0], err));
    return checkpoint_check(v->files[1], err);
}

static pb_status norm(float *y, const float *x, weight_pair *pair, float eps, size_t rows, pb_error *err)
{
    values v;
    pb_status status = values_use(&v, pair, FORM_F32, err);
    if (!status)
        layer_norm(y, x, v.w.f32, v.b, eps, rows, pair->weight->count);
    values_free(&v);
    return status;
}

/* ---- pixels to rows ---- */

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
static pb_status embed_patches(vision *v, arena *memory, const float *pixels, float *rows, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t in = 3 * c->patch_size * c->patch_size;
    float *columns;
    values w;
    TRY(arena_try(memory, &columns, patches(c) * in, sizeof *columns, "the picture's patches", err));
    cut_patches(c, pixels, columns);
    pb_status status = values_use(&w, &v->patch, v->form, err);
    if (!status)
        status = matmul_linear(rows, columns, w.w, w.b, patches(c), c->width, in, err);
    values_free(&w);
    return status;
}

/* x[R][D] = [class; patches] + positions, normed. */
static pb_status embed(vision *v, arena *memory, const float *pixels, float *x, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t D = c->width, R = tower_rows(c);
    float *positions;
    if (c->class_row)
        TRY(weights_read(v->class_row, 0, D, x, err));
    TRY(embed_patches(v, memory, pixels, x + c->class_row * D, err));
    TRY(arena_try(memory, &positions, R, D * sizeof *positions, "the tower's positions", err));
    TRY(weights_read(v->positions, 0, R * D, positions, err));
    add_rows(x, positions, R * D);
    return c->pre_norm ? norm(x, x, &v->pre_norm, c->norm_eps, R, err) : PB_OK;
}

pb_status vision_embed(vision *v, const float *pixels, float *x, pb_error *err)
{
    arena memory = {0};
    pb_status status = embed(v, &memory, pixels, x, err);
    arena_free(&memory);
    v->flop += vision_embed_flop(v);
    return status;
}

/* ---- a layer ---- */

static pb_status tower_rows_try(arena *memory, float **out, size_t rows, size_t width, pb_error *err)
{
    return arena_try(memory, out, rows, width * sizeof **out, "the vision tower's rows", err);
}

/* z[pictures * R][D]: each picture's rows mix that picture's values. */
static pb_status mix(const vision_config *c, size_t pictures, const float *q, const float *k, const float *v, float *z,
                     arena *memory, pb_error *err)
{
    size_t R = tower_rows(c), D = c->width, head_dim = D / c->heads, stride = kv_stride(R);
    attention_job *jobs;
    kv_segment *segments;
    float *kt;
    TRY(arena_try(memory, &jobs, pictures, sizeof *jobs, "the vision tower's attention", err));
    TRY(arena_try(memory, &segments, pictures, sizeof *segments, "the vision tower's attention", err));
    TRY(arena_try(memory, &kt, pictures * stride, D * sizeof *kt, "the vision tower's keys", err));
    for (size_t i = 0; i < pictures; i++) {
        float *keys = kt + i * stride * D;
        kv_transpose(keys, k + i * R * D, R, D, stride);
        segments[i] = (kv_segment){0, R, keys, stride, v + i * R * D};
        jobs[i] = (attention_job){.heads = c->heads, .kv_heads = c->heads, .head_dim = head_dim,
                                  .scale = 1.0f / sqrtf((float)head_dim), .segments = &segments[i], .segment_count = 1,
                                  .rows = R, .q = q + i * R * D, .z = z + i * R * D};
    }
    attention(jobs, pictures);
    meter_work((double)pictures * mix_flop(c), 0);
    return PB_OK;
}

/* One half of a layer, whose rows go through it in parts. */
typedef struct half_layer {
    const vision_config *c;
    const vision_layer *w;
    const float *x;           /* [rows][D] residual */
    float *normed;            /* [rows][D] */
    float *q, *k, *v, *z;     /* [rows][D], of the attention */
    float *hidden;            /* [rows][F], of the MLP */
    float *out;               /* [rows][D] */
} half_layer;

static pb_status part_linear(const half_layer *h, float *y, const float *x, vision_part part, size_t rows, size_t out,
                             size_t in, pb_error *err)
{
    return matmul_linear(y, x, h->w->w[part], h->w->b[part], rows, out, in, err);
}

static void part_norm(const half_layer *h, vision_part part, size_t at, size_t rows)
{
    layer_norm(h->normed + at, h->x + at, h->w->w[part].f32, h->w->b[part], h->c->norm_eps, rows, h->c->width);
}

static pb_status make_qkv(const void *job, size_t first, size_t rows, pb_error *err)
{
    const half_layer *h = job;
    size_t D = h->c->width, at = first * D;
    part_norm(h, VISION_NORM1, at, rows);
    TRY(part_linear(h, h->q + at, h->normed + at, VISION_Q, rows, D, D, err));
    TRY(part_linear(h, h->k + at, h->normed + at, VISION_K, rows, D, D, err));
    return part_linear(h, h->v + at, h->normed + at, VISION_V, rows, D, D, err);
}

static pb_status put_out(const void *job, size_t first, size_t rows, pb_error *err)
{
    const half_layer *h = job;
    size_t D = h->c->width, at = first * D;
    return part_linear(h, h->out + at, h->z + at, VISION_O, rows, D, D, err);
}

static pb_status feed(const void *job, size_t first, size_t rows, pb_error *err)
{
    const half_layer *h = job;
    size_t D = h->c->width, F = h->c->d_ff, at = first * D;
    float *hidden = h->hidden + first * F;
    part_norm(h, VISION_NORM2, at, rows);
    TRY(part_linear(h, hidden, h->normed + at, VISION_FC1, rows, F, D, err));
    activate(h->c->act, hidden, rows * F);
    return part_linear(h, h->out + at, hidden, VISION_FC2, rows, D, F, err);
}

pb_status vision_attention_out(vision *v, const vision_layer *w, const float *x, size_t pictures, float *out,
                               arena *memory, pb_error *err)
{
    const vision_config *c = &v->config;
    size_t rows = pictures * tower_rows(c), D = c->width;
    half_layer h = {.c = c, .w = w, .x = x, .out = out};
    float **all[] = {&h.normed, &h.q, &h.k, &h.v, &h.z};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        TRY(tower_rows_try(memory, all[i], rows, D, err));
    TRY(rows_in_parts(make_qkv, &h, rows, err));
    TRY(mix(c, pictures, h.q, h.k, h.v, h.z, memory, err));
    v->flop += (double)pictures * attention_flop(c);
    return rows_in_parts(put_out, &h, rows, err);
}

pb_status vision_mlp_out(vision *v, const vision_layer *w, const float *x, size_t rows, float *out, arena *memory,
                         pb_error *err)
{
    const vision_config *c = &v->config;
    half_layer h = {.c = c, .w = w, .x = x, .out = out};
    TRY(tower_rows_try(memory, &h.normed, rows, c->width, err));
    TRY(tower_rows_try(memory, &h.hidden, rows, c->d_ff, err));
    v->flop += mlp_flop(c, (double)rows);
    return rows_in_parts(feed, &h, rows, err);
}

typedef struct projection {
    const vision_config *c;
    values w[2];
    const float *x;       /* [rows][D] */
    float *hidden, *rows; /* [rows][d_model] */
} projection;

static pb_status project_rows(const void *job, size_t first, size_t rows, pb_error *err)
{
    const projection *p = job;
    size_t D = p->c->width, M = p->c->d_model, layers = p->c->projector_layers;
    float *out = p->rows + first * M, *hidden = layers == 1 ? out : p->hidden + first * M;
    TRY(matmul_linear(hidden, p->x + first * D, p->w[0].w, p->w[0].b, rows, M, D, err));
    if (layers == 1)
        return PB_OK;
    activate(p->c->projector_act, hidden, rows * M);
    return matmul_linear(out, hidden, p->w[1].w, p->w[1].b, rows, M, M, err);
}

static pb_status project(vision *v, projection *p, pb_error *err)
{
    size_t n = vision_rows(v);
    for (size_t i = 0; i < p->c->projector_layers; i++)
        TRY(values_use(&p->w[i], &v->projector[i], v->form, err));
    if (p->c->projector_layers > 1)
        TRY(mem_try(&p->hidden, n, p->c->d_model * sizeof *p->hidden, "the projector's rows", err));
    return rows_in_parts(project_rows, p, n, err);
}

pb_status vision_project(vision *v, const float *x, float *rows, pb_error *err)
{
    projection p = {.c = &v->config, .x = x + v->config.skipped_rows * v->config.width, .rows = rows};
    v->flop += vision_project_flop(v);
    pb_status status = project(v, &p, err);
    for (size_t i = 0; i < 2; i++)
        values_free(&p.w[i]);
    free(p.hidden);
    return status;
}

/* ---- one picture, all the way ---- */

static pb_status run_layer(vision *v, size_t layer, float *x, float *added, arena *memory, pb_error *err)
{
    size_t R = tower_rows(&v->config), D = v->config.width;
    vision_layer w;
    TRY(vision_layer_read(v, layer, &w, err));
    vision_layer_ahead(v, layer + 1);
    pb_status status = vision_attention_out(v, &w, x, 1, added, memory, err);
    if (!status) {
        add_rows(x, added, R * D);
        status = vision_mlp_out(v, &w, x, R, added, memory, err);
    }
    if (!status)
        add_rows(x, added, R * D);
    vision_layer_free(&w);
    return status;
}

static pb_status encode(vision *v, float *x, arena *memory, const float *pixels, float *rows, pb_error *err)
{
    size_t n = tower_rows(&v->config) * v->config.width;
    TRY(vision_embed(v, pixels, x, err));
    for (size_t l = 0; l < v->used_layers; l++) {
        arena_reset(memory);
        TRY(stop_check(err));
        TRY(run_layer(v, l, x, x + n, memory, err));
    }
    return vision_project(v, x, rows, err);
}

pb_status vision_encode(vision *v, const float *pixels, float *rows, pb_error *err)
{
    arena memory = {0};
    float *x;
    TRY(mem_try(&x, 2 * tower_rows(&v->config), v->config.width * sizeof *x, "the vision tower's rows", err));
    pb_status status = encode(v, x, &memory, pixels, rows, err);
    if (!status)
        status = vision_check(v, err);
    arena_free(&memory);
    free(x);
    return status;
}
