/* scene.h: made-up queries, keys and values, attention over them, and its definition in double precision. */
#ifndef TESTS_MATH_SCENE_H
#define TESTS_MATH_SCENE_H

#include "tests/math/numbers.h"

#include "math/attention.h"

enum { MOST_SEGMENTS = 8 };

/* One run's queries, keys and values, and its keys as segments. */
typedef struct scene {
    size_t T, heads, kv_heads, head_dim;
    bool causal;
    float *q, *k, *v;                /* [T][heads d], [T][kv d] */
    kv_segment segments[MOST_SEGMENTS];
    size_t segment_count;
    float *kt[MOST_SEGMENTS], *values[MOST_SEGMENTS];
    const attention_cut *cuts;
    size_t cut_count;
} scene;

static inline scene scene_new(size_t T, size_t heads, size_t kv_heads, size_t head_dim, bool causal)
{
    size_t kv = T * kv_heads * head_dim;
    return (scene){.T = T, .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim, .causal = causal,
                   .q = gaussians(T * heads * head_dim, 1), .k = gaussians(kv, 2), .v = gaussians(kv, 3)};
}

/* Cuts keys and values before these positions; each piece in memory of its own, no larger than it must be. */
static inline void cut(scene *s, const size_t *at, size_t cuts)
{
    size_t width = s->kv_heads * s->head_dim;
    for (size_t i = 0; i < s->segment_count; i++)
        free(s->kt[i]), free(s->values[i]);
    s->segment_count = cuts + 1;
    for (size_t i = 0; i <= cuts; i++) {
        size_t first = i ? at[i - 1] : 0, end = i < cuts ? at[i] : s->T, n = end - first, stride = kv_stride(n);
        s->kt[i] = zeros(width * stride);
        s->values[i] = zeros(n * width);
        kv_transpose(s->kt[i], s->k + first * width, n, width, stride);
        memcpy(s->values[i], s->v + first * width, n * width * sizeof(float));
        s->segments[i] = (kv_segment){first, end, s->kt[i], stride, s->values[i]};
    }
}

static inline void scene_free(scene *s)
{
    for (size_t i = 0; i < s->segment_count; i++)
        free(s->kt[i]), free(s->values[i]);
    free(s->q), free(s->k), free(s->v);
}

static inline attention_job job_of(const scene *s, const size_t *positions, size_t rows, const float *q, float *z)
{
    return (attention_job){.heads = s->heads, .kv_heads = s->kv_heads, .head_dim = s->head_dim,
                           .scale = 1.0f / sqrtf((float)s->head_dim), .causal = s->causal, .segments = s->segments,
                           .segment_count = s->segment_count, .rows = rows, .q = q, .positions = positions, .z = z,
                           .cuts = s->cuts, .cut_count = s->cut_count};
}

/* z[T][heads d] of all rows at once. free() */
static inline float *attend_all(const scene *s)
{
    float *z = zeros(s->T * s->heads * s->head_dim);
    size_t *positions = mem_new(s->T, sizeof *positions);
    for (size_t t = 0; t < s->T; t++)
        positions[t] = t;
    attention_job job = job_of(s, positions, s->T, s->q, z);
    attention(&job, 1);
    free(positions);
    return z;
}

/* ---- cuts ---- */

enum { MOST_CUTS = 4 };

/* Cuts of random edges; a row keeps itself. */
typedef struct cutting {
    attention_cut cuts[MOST_CUTS];
    size_t *positions[2 * MOST_CUTS];
} cutting;

static inline void cut_some(cutting *c, scene *s, size_t count, uint64_t seed)
{
    random_state r = random_from(seed);
    *c = (cutting){0};
    for (size_t i = 0; i < count; i++) {
        size_t *sources = c->positions[2 * i] = mem_new(s->T, sizeof *sources), *destinations = mem_new(s->T, sizeof *sources);
        c->positions[2 * i + 1] = destinations;
        attention_cut *of = &c->cuts[i];
        *of = (attention_cut){.sources = sources, .destinations = destinations};
        for (size_t t = 0; t < s->T; t++) /* odd rows lose even ones, or the other way round */
            if (random_below(&r, 3)) {
                if (t % 2 == i % 2)
                    sources[of->source_count++] = t;
                else
                    destinations[of->destination_count++] = t;
            }
    }
    s->cuts = c->cuts;
    s->cut_count = count;
}

static inline void cutting_free(cutting *c)
{
    for (size_t i = 0; i < 2 * MOST_CUTS; i++)
        free(c->positions[i]);
}

/* ---- the definition ---- */

/* The same numbers in double precision, for the definition. */
typedef struct exact {
    const scene *of;
    double *q, *k, *v;
} exact;

static inline double *doubles(const float *x, size_t n)
{
    double *y = mem_new(n, sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = (double)x[i];
    return y;
}

static inline exact exact_of(const scene *s)
{
    size_t kv = s->T * s->kv_heads * s->head_dim;
    return (exact){s, doubles(s->q, s->T * s->heads * s->head_dim), doubles(s->k, kv), doubles(s->v, kv)};
}

static inline void exact_free(exact *e)
{
    free(e->q), free(e->k), free(e->v);
}

/* Where a head's keys and values stand in a position's row. */
static inline size_t column_of(const scene *s, size_t head)
{
    return head / (s->heads / s->kv_heads) * s->head_dim;
}

static inline bool is_among(const size_t *positions, size_t count, size_t wanted)
{
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= positions[i] == wanted;
    return found;
}

static inline bool is_cut(const scene *s, size_t source, size_t destination)
{
    bool found = false;
    for (size_t c = 0; c < s->cut_count; c++)
        found |= is_among(s->cuts[c].sources, s->cuts[c].source_count, source) &&
                 is_among(s->cuts[c].destinations, s->cuts[c].destination_count, destination);
    return found;
}

/* p[0 .. result-1] = one row's and head's softmax over the positions that it sees */
static inline size_t plain_softmax(const exact *e, size_t row, size_t head, double *p)
{
    const scene *s = e->of;
    size_t d = s->head_dim, width = s->kv_heads * d, keys = s->causal ? row + 1 : s->T;
    const double *q = e->q + (row * s->heads + head) * d;
    double highest = -INFINITY, sum = 0;
    for (size_t t = 0; t < keys; t++) {
        p[t] = 0;
        for (size_t i = 0; i < d; i++)
            p[t] += q[i] * e->k[t * width + column_of(s, head) + i];
        p[t] = is_cut(s, t, row) ? -INFINITY : p[t] / sqrt((double)d);
        highest = p[t] > highest ? p[t] : highest;
    }
    for (size_t t = 0; t < keys; t++)
        sum += p[t] = exp(p[t] - highest);
    for (size_t t = 0; t < keys; t++)
        p[t] /= sum;
    return keys;
}

/* The definition: one row, one head. */
static inline void plain(const exact *e, size_t row, size_t head, double *z)
{
    const scene *s = e->of;
    double *p = mem_new(s->T, sizeof *p);
    size_t keys = plain_softmax(e, row, head, p);
    for (size_t i = 0; i < s->head_dim; i++) {
        z[i] = 0;
        for (size_t t = 0; t < keys; t++)
            z[i] += p[t] * e->v[t * s->kv_heads * s->head_dim + column_of(s, head) + i];
    }
    free(p);
}

#endif
