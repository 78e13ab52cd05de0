/* attention.c: see attention.h.
 *
 * Work is cut into units of one key/value head and a block of rows; within a unit the query vectors (rows x the query
 * heads of the group) are taken eight or four at a time against 32 positions, or 32 value columns, held in registers. */
#include "math/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/exp.h"
#include "math/multiversion.h"

enum {
    QUERIES = 8,    /* query vectors that go together */
    FEW = 4,        /* or so many, where there are no more */
    COLUMNS = 32,   /* positions, or value columns, in it */
    LANES = 16,     /* sums over positions are kept in as many */
    UNIT_ROWS = 32, /* rows of a unit */
};

size_t kv_stride(size_t n)
{
    return (n + COLUMNS - 1) / COLUMNS * COLUMNS;
}

enum {
    LINE = 16,            /* floats of a cache's line, which is read once */
    SMALL_STORE = 1 << 16 /* elements that take less than threads need to meet */
};

/* kt[columns][stride] from column `held` on = transpose of the first `columns` of k[rows][width]; zeros behind. */
static void append_columns(float *kt, size_t held, const float *k, size_t rows, size_t width, size_t columns,
                           size_t stride)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            kt[c * stride + held + r] = k[r * width + c];
    for (size_t c = 0; c < columns; c++)
        memset(kt + c * stride + held + rows, 0, (stride - held - rows) * sizeof *kt);
}

void kv_append(float *kt, size_t held, const float *k, size_t rows, size_t width, size_t stride)
{
#pragma omp parallel for if (rows * width > SMALL_STORE)
    for (size_t c = 0; c < width; c += LINE)
        append_columns(kt + c * stride, held, k + c, rows, width, width - c < LINE ? width - c : LINE, stride);
}

void kv_transpose(float *kt, const float *k, size_t rows, size_t width, size_t stride)
{
    kv_append(kt, 0, k, rows, width, stride);
}

/* Vectors that are wider than the processor's own go through memory, at a tenth of the speed; narrower ones are half as
 * fast. Both give the same bits: lanes do not meet. */
#define VECTOR 16
#define HELD 8
#include "math/attention_tile.h"
#define VECTOR 16
#define HELD 4
#include "math/attention_tile.h"
#define VECTOR 8
#define HELD 4
#include "math/attention_tile.h"

static bool wide_vectors(void)
{
#if defined __x86_64__ && defined __GNUC__
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

/* How a tile is computed: with the processor's vectors, all of its queries or the first FEW, which is all that differ. */
typedef struct tile_kind {
    bool wide, few;
} tile_kind;

/* ---- scores: s[query][position] = q . k ---- */

/* Tiles may run over a segment's end: what they write there is overwritten by the next segment, or lies beyond the
 * row's own position. */
INLINE void scores(float *const s[QUERIES], const float *const q[QUERIES], const attention_job *job, size_t kv_head,
                   size_t keys, tile_kind kind)
{
    for (size_t g = 0; g < job->segment_count; g++) {
        const kv_segment *segment = &job->segments[g];
        const float *k = segment->k + kv_head * job->head_dim * segment->k_stride;
        size_t end = segment->end < keys ? segment->end : keys;
        for (size_t t = segment->first; t < end; t += COLUMNS) {
            float *at[QUERIES];
            for (size_t n = 0; n < QUERIES; n++)
                at[n] = s[n] + t;
            const float *from = k + (t - segment->first);
            if (kind.wide && !kind.few) {
                score_tile_16x8(at, q, from, segment->k_stride, job->head_dim);
                continue;
            }
            for (size_t n = 0; n < (kind.few ? FEW : QUERIES); n += FEW)
                if (kind.wide)
                    score_tile_16x4(at + n, q + n, from, segment->k_stride, job->head_dim);
                else
                    score_tile_8x4(at + n, q + n, from, segment->k_stride, job->head_dim);
        }
    }
}

/* ---- cuts: s[position] = -inf of the sources that a row does not see ---- */

/* Halving what may hold it: of images' rows there are many. */
bool attention_cut_reaches(const attention_cut *cut, size_t position)
{
    size_t first = 0, count = cut->destination_count;
    while (count > 1) {
        size_t half = count / 2;
        first += cut->destinations[first + half] <= position ? half : 0;
        count -= half;
    }
    return count && cut->destinations[first] == position;
}

static void cut_scores(float *s, const attention_job *job, size_t position)
{
    for (size_t c = 0; c < job->cut_count; c++) {
        const attention_cut *cut = &job->cuts[c];
        if (!attention_cut_reaches(cut, position))
            continue;
        for (size_t i = 0; i < cut->source_count && cut->sources[i] <= position; i++)
            s[cut->sources[i]] = -INFINITY;
    }
}

/* ---- softmax over s[0 .. keys-1]; s[keys .. padded-1] becomes 0 ---- */

INLINE void softmax(float *s, size_t keys, size_t padded, float scale)
{
    float highest[LANES], total[LANES] = {0};
    for (size_t t = keys; t < padded; t++)
        s[t] = -INFINITY;
    for (size_t j = 0; j < LANES; j++)
        highest[j] = -INFINITY;
    for (size_t t = 0; t < padded; t += LANES) {
#pragma omp simd /* else it is taken for sixteen scalars */
        for (size_t j = 0; j < LANES; j++) {
            s[t + j] *= scale;
            highest[j] = s[t + j] > highest[j] ? s[t + j] : highest[j];
        }
    }
    float most = highest[0];
    for (size_t j = 1; j < LANES; j++)
        most = highest[j] > most ? highest[j] : most;
    for (size_t t = 0; t < padded; t += LANES)
        for (size_t j = 0; j < LANES; j++) {
            s[t + j] = exp_fast(s[t + j] - most);
            total[j] += s[t + j];
        }
    float sum = 0;
    for (size_t j = 0; j < LANES; j++)
        sum += total[j];
    for (size_t t = 0; t < padded; t++)
        s[t] = s[t] / sum;
}

/* ---- mix: z[query][column] = sum over positions of s v ---- */

/* The columns of a head that do not fill a tile. */
INLINE void mix_rest(float *const z[FEW], float *const s[FEW], const attention_job *job, size_t column, size_t columns,
                     size_t keys)
{
    size_t width = job->kv_heads * job->head_dim;
    float sum[FEW][COLUMNS] = {{0}};
    for (size_t g = 0; g < job->segment_count; g++) {
        const kv_segment *segment = &job->segments[g];
        const float *v = segment->v + column;
        size_t end = segment->end < keys ? segment->end : keys;
        for (size_t t = segment->first; t < end; t++, v += width)
            for (size_t n = 0; n < FEW; n++)
                for (size_t c = 0; c < columns; c++)
                    sum[n][c] += s[n][t] * v[c];
    }
    for (size_t n = 0; n < FEW; n++)
        memcpy(z[n], sum[n], columns * sizeof **z);
}

/* z[query] = one head's mixed values, of the positions below `keys` */
INLINE void mix(float *const z[QUERIES], float *const s[QUERIES], const attention_job *job, size_t kv_head, size_t keys,
                tile_kind kind)
{
    for (size_t c = 0; c < job->head_dim; c += COLUMNS) {
        size_t columns = job->head_dim - c, first = kv_head * job->head_dim + c;
        float *at[QUERIES];
        for (size_t n = 0; n < QUERIES; n++)
            at[n] = z[n] + c;
        if (kind.wide && !kind.few && columns >= COLUMNS) {
            mix_tile_16x8(at, s, job, first, keys);
            continue;
        }
        for (size_t n = 0; n < (kind.few ? FEW : QUERIES); n += FEW)
            if (columns < COLUMNS)
                mix_rest(at + n, s + n, job, first, columns, keys);
            else if (kind.wide)
                mix_tile_16x4(at + n, s + n, job, first, keys);
            else
                mix_tile_8x4(at + n, s + n, job, first, keys);
    }
}

/* ---- a unit: one key/value head, some rows ---- */

typedef struct unit {
    const attention_job *job;
    size_t kv_head, first_row, end_row;
} unit;

static size_t all_keys(const attention_job *job)
{
    return job->segments[job->segment_count - 1].end;
}

/* Some query vectors; the last one of a unit is repeated to fill the tile. */
typedef struct tile {
    size_t at[QUERIES]; /* where each stands in the job's q and z */
    size_t keys[QUERIES], most;
    size_t held;        /* QUERIES of them, or FEW: what is computed */
} tile;

static tile tile_of(const unit *u, size_t first_query, size_t queries)
{
    const attention_job *job = u->job;
    size_t group = job->heads / job->kv_heads;
    tile t = {.held = queries <= FEW ? FEW : QUERIES};
    for (size_t n = 0; n < QUERIES; n++) {
        size_t index = first_query + (n < queries ? n : queries - 1);
        size_t row = u->first_row + index / group, head = u->kv_head * group + index % group;
        t.at[n] = (row * job->heads + head) * job->head_dim;
        t.keys[n] = job->causal ? job->positions[row] + 1 : all_keys(job);
        t.most = t.keys[n] > t.most ? t.keys[n] : t.most;
    }
    return t;
}

/* Positions that softmax covers: from `most` on they are 0. */
INLINE size_t padded(const tile *t)
{
    return (t->most + LANES - 1) / LANES * LANES;
}

/* s[query][position] = the share that each position has in the mix */
INLINE void shares(float *const s[QUERIES], const unit *u, const tile *t, tile_kind kind)
{
    const float *q[QUERIES];
    for (size_t n = 0; n < QUERIES; n++)
        q[n] = u->job->q + t->at[n];
    scores(s, q, u->job, u->kv_head, t->most, kind);
    for (size_t n = 0; n < t->held && u->job->cut_count; n++)
        cut_scores(s[n], u->job, t->keys[n] - 1);
    for (size_t n = 0; n < t->held; n++)
        softmax(s[n], t->keys[n], padded(t), u->job->scale);
}

/* A repeated query is written again with the same bits. */
MULTIVERSION static void attend_tile(const unit *u, tile t, float *s_store, size_t s_stride, bool wide)
{
    float *s[QUERIES], *z[QUERIES];
    for (size_t n = 0; n < QUERIES; n++) {
        s[n] = s_store + n * s_stride;
        z[n] = u->job->z + t.at[n];
    }
    tile_kind kind = {wide, t.held == FEW};
    shares(s, u, &t, kind);
    mix(z, s, u->job, u->kv_head, t.most, kind);
}

static size_t queries_of(const unit *u)
{
    return (u->end_row - u->first_row) * (u->job->heads / u->job->kv_heads);
}

static void attend_unit(const unit *u, bool wide)
{
    size_t queries = queries_of(u);
    size_t stride = all_keys(u->job) + 2 * COLUMNS;
    float *s = mem_new(QUERIES * stride, sizeof *s);
    for (size_t first = 0; first < queries; first += QUERIES)
        attend_tile(u, tile_of(u, first, queries - first < QUERIES ? queries - first : QUERIES), s, stride, wide);
    free(s);
}

/* Rows of all jobs under one key/value head follow each other, so that keys and values which forks share (a picture's
 * rows) stay in the cache. */
static size_t list_units(unit *list, const attention_job *jobs, size_t count)
{
    size_t n = 0, most_heads = 0;
    for (size_t j = 0; j < count; j++)
        most_heads = jobs[j].kv_heads > most_heads ? jobs[j].kv_heads : most_heads;
    for (size_t h = 0; h < most_heads; h++)
        for (size_t j = 0; j < count; j++)
            for (size_t r = 0; h < jobs[j].kv_heads && r < jobs[j].rows; r += UNIT_ROWS) {
                size_t end = jobs[j].rows - r < UNIT_ROWS ? jobs[j].rows : r + UNIT_ROWS;
                list[n++] = (unit){&jobs[j], h, r, end};
            }
    return n;
}

void attention(const attention_job *jobs, size_t count)
{
    size_t most = 0;
    for (size_t j = 0; j < count; j++)
        most += (jobs[j].rows + UNIT_ROWS - 1) / UNIT_ROWS * jobs[j].kv_heads;
    unit *list = mem_new(most, sizeof *list);
    size_t units = list_units(list, jobs, count);
    bool wide = wide_vectors();
#pragma omp parallel for schedule(dynamic, 4) if (units > 4)
    for (size_t i = 0; i < units; i++)
        attend_unit(&list[i], wide);
    free(list);
}

/* ---- shares by themselves ---- */

/* A repeated query would have its softmax taken twice where it stands, so tiles are computed beside p. */
MULTIVERSION static void share_tile(const unit *u, tile t, size_t queries, float *s_store, size_t s_stride, float *p,
                                    size_t stride, bool wide)
{
    float *s[QUERIES];
    for (size_t n = 0; n < QUERIES; n++)
        s[n] = s_store + n * s_stride;
    tile_kind kind = {wide, t.held == FEW};
    shares(s, u, &t, kind);
    for (size_t n = 0; n < queries; n++) {
        float *to = p + t.at[n] / u->job->head_dim * stride;
        memcpy(to, s[n], t.keys[n] * sizeof *to);
        memset(to + t.keys[n], 0, (all_keys(u->job) - t.keys[n]) * sizeof *to);
    }
}

static void share_unit(const unit *u, float *p, size_t stride, bool wide)
{
    size_t queries = queries_of(u), s_stride = all_keys(u->job) + 2 * COLUMNS;
    float *s = mem_new(QUERIES * s_stride, sizeof *s);
    for (size_t first = 0; first < queries; first += QUERIES) {
        size_t n = queries - first < QUERIES ? queries - first : QUERIES;
        share_tile(u, tile_of(u, first, n), n, s, s_stride, p, stride, wide);
    }
    free(s);
}

void attention_shares(const attention_job *job, float *p, size_t stride)
{
    unit *list = mem_new((job->rows + UNIT_ROWS - 1) / UNIT_ROWS * job->kv_heads, sizeof *list);
    size_t units = list_units(list, job, 1);
    bool wide = wide_vectors();
#pragma omp parallel for schedule(dynamic, 4) if (units > 4)
    for (size_t i = 0; i < units; i++)
        share_unit(&list[i], p, stride, wide);
    free(list);
}

/* ---- backward ---- */

/* Backward of softmax's `p = softmax(s scale)`: dp[0 .. padded-1] <- ds = p (dp - sum of p dp) scale */
INLINE void softmax_backward(float *dp, const float *p, size_t padded, float scale)
{
    float total[LANES] = {0}, sum = 0;
    for (size_t t = 0; t < padded; t += LANES)
        for (size_t j = 0; j < LANES; j++)
            total[j] += p[t + j] * dp[t + j];
    for (size_t j = 0; j < LANES; j++)
        sum += total[j];
    for (size_t t = 0; t < padded; t++)
        dp[t] = p[t] * (dp[t] - sum) * scale;
}

/* The columns of a head that do not fill a tile: as spread_tile. */
INLINE void spread_rest(float *to, size_t width, float *const s[FEW], const float *const x[FEW], size_t columns,
                        size_t begin, size_t end)
{
    for (size_t t = begin; t < end; t++, to += width)
        for (size_t n = 0; n < FEW; n++)
            for (size_t c = 0; c < columns; c++)
                to[c] += s[n][t] * x[n][c];
}

/* Backward of mix's `z = s v` for v, and of scores' `s = q k` for k, of one head: to[position - begin][head_dim] += sum
 * over queries of s x[query], for the positions begin .. end-1. */
INLINE void spread(float *to, float *const s[QUERIES], const float *const x[QUERIES], size_t head_dim, size_t begin,
                   size_t end, tile_kind kind)
{
    for (size_t c = 0; c < head_dim; c += COLUMNS) {
        const float *from[QUERIES];
        for (size_t n = 0; n < QUERIES; n++)
            from[n] = x[n] + c;
        if (kind.wide && !kind.few && head_dim - c >= COLUMNS) {
            spread_tile_16x8(to + c, head_dim, s, from, begin, end);
            continue;
        }
        for (size_t n = 0; n < (kind.few ? FEW : QUERIES); n += FEW)
            if (head_dim - c < COLUMNS)
                spread_rest(to + c, head_dim, s + n, from + n, head_dim - c, begin, end);
            else if (kind.wide)
                spread_tile_16x4(to + c, head_dim, s + n, from + n, begin, end);
            else
                spread_tile_8x4(to + c, head_dim, s + n, from + n, begin, end);
    }
}

/* All rows of a job under one key/value head. In `exchanged`, a job of this head alone, values stand transposed in the
 * keys' place, and keys in rows in the values': so dz v^T are its scores, and ds k is its mix. */
typedef struct backward_unit {
    unit forward;
    const attention_gradient *gradient;
    attention_job exchanged;
    float *dk, *dv; /* [end - first][head_dim] */
    float *p, *dp;  /* [QUERIES][stride]: shares and their gradients */
    size_t stride;
} backward_unit;

MULTIVERSION static void attend_tile_backward(const backward_unit *u, tile t, size_t queries, bool wide)
{
    const attention_job *job = u->forward.job;
    const attention_gradient *gradient = u->gradient;
    const float *q[QUERIES], *dz[QUERIES];
    float *p[QUERIES], *dp[QUERIES], *dq[QUERIES];
    for (size_t n = 0; n < QUERIES; n++) {
        p[n] = u->p + n * u->stride, dp[n] = u->dp + n * u->stride;
        q[n] = job->q + t.at[n], dz[n] = gradient->dz + t.at[n], dq[n] = gradient->dq + t.at[n];
    }
    tile_kind kind = {wide, t.held == FEW};
    shares(p, &u->forward, &t, kind);
    scores(dp, dz, &u->exchanged, 0, t.most, kind);
    for (size_t n = 0; n < t.held; n++)
        softmax_backward(dp[n], p[n], padded(&t), job->scale);
    mix(dq, dp, &u->exchanged, 0, t.most, kind);
    for (size_t n = queries; n < t.held; n++) { /* repeated queries count once */
        memset(p[n], 0, t.most * sizeof *p[n]);
        memset(dp[n], 0, t.most * sizeof *dp[n]);
    }
    spread(u->dv, p, dz, job->head_dim, gradient->first, t.most, kind);
    spread(u->dk, dp, q, job->head_dim, gradient->first, t.most, kind);
}

/* vt[head_dim][stride] and k[position][head_dim] of one head. */
static void exchange(float *vt, float *k, const attention_job *job, size_t kv_head, size_t stride)
{
    size_t d = job->head_dim, width = job->kv_heads * d;
    for (size_t g = 0; g < job->segment_count; g++) {
        const kv_segment *segment = &job->segments[g];
        for (size_t i = 0; i < d; i++) {
            size_t column = kv_head * d + i;
            for (size_t t = 0; t < segment->end - segment->first; t++) {
                vt[i * stride + segment->first + t] = segment->v[t * width + column];
                k[(segment->first + t) * d + i] = segment->k[column * segment->k_stride + t];
            }
        }
    }
}

/* One head's head[rows][head_dim] out of all[rows][kv_heads * head_dim], and back. */
static void take_head(float *head, const float *all, size_t rows, const attention_job *job, size_t kv_head)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(head + r * job->head_dim, all + (r * job->kv_heads + kv_head) * job->head_dim,
               job->head_dim * sizeof *head);
}

static void put_head(float *all, const float *head, size_t rows, const attention_job *job, size_t kv_head)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(all + (r * job->kv_heads + kv_head) * job->head_dim, head + r * job->head_dim,
               job->head_dim * sizeof *head);
}

/* A head's gradients are collected beside each other: at a model's width apart, rows would fight for the cache's lines. */
static void attend_unit_backward(const attention_job *job, const attention_gradient *gradient, size_t kv_head,
                                 bool wide)
{
    size_t keys = all_keys(job), own = keys - gradient->first, d = job->head_dim;
    size_t v_stride = kv_stride(keys), stride = keys + 2 * COLUMNS;
    float *vt = mem_new(d * (v_stride + keys + 2 * own) + 2 * QUERIES * stride, sizeof *vt);
    float *k = vt + d * v_stride, *dk = k + d * keys, *dv = dk + d * own, *p = dv + d * own;
    exchange(vt, k, job, kv_head, v_stride);
    take_head(dk, gradient->dk, own, job, kv_head);
    take_head(dv, gradient->dv, own, job, kv_head);
    kv_segment segment = {0, keys, vt, v_stride, k};
    backward_unit u = {.forward = {job, kv_head, 0, job->rows}, .gradient = gradient,
                       .exchanged = {.kv_heads = 1, .head_dim = d, .segments = &segment, .segment_count = 1},
                       .dk = dk, .dv = dv, .p = p, .dp = p + QUERIES * stride, .stride = stride};
    size_t queries = queries_of(&u.forward);
    for (size_t first = 0; first < queries; first += QUERIES) {
        size_t n = queries - first < QUERIES ? queries - first : QUERIES;
        attend_tile_backward(&u, tile_of(&u.forward, first, n), n, wide);
    }
    put_head(gradient->dk, dk, own, job, kv_head);
    put_head(gradient->dv, dv, own, job, kv_head);
    free(vt);
}

/* Pairs of a query and a key that take less than threads need to meet. */
enum { SMALL_PAIRS = 100000 };

/* A key/value head's gradients are one thread's, who adds to them row by row. */
void attention_backward(const attention_job *jobs, const attention_gradient *gradients, size_t count)
{
    size_t most_heads = 0, pairs = 0;
    for (size_t j = 0; j < count; j++) {
        most_heads = jobs[j].kv_heads > most_heads ? jobs[j].kv_heads : most_heads;
        pairs += jobs[j].rows * jobs[j].heads * all_keys(&jobs[j]);
    }
    bool wide = wide_vectors();
#pragma omp parallel for collapse(2) schedule(dynamic) if (pairs > SMALL_PAIRS)
    for (size_t h = 0; h < most_heads; h++)
        for (size_t j = 0; j < count; j++)
            if (h < jobs[j].kv_heads && jobs[j].rows)
                attend_unit_backward(&jobs[j], &gradients[j], h, wide);
}
