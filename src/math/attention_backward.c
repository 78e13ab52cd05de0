/* attention_backward.c: attention's gradients (attention_backward of attention.h, where their formulas stand).
 *
 * A unit is one key/value head and all rows of a job. With keys and values in each other's place, dz v^T is a score and
 * ds k a mix: both are the forward form's own loops. What is left, p^T dz and ds^T q, spreads a tile's queries over the
 * positions that they saw. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/attention_inner.h"

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

/* attend_tile's shares p anew; then dp = dz v^T, which becomes ds, dq = ds k; dv += p^T dz, dk += ds^T q. */
MULTIVERSION static void attend_tile_backward(const backward_unit *u, const tile *t, bool wide)
{
    const attention_job *job = u->forward.rows->job;
    const attention_gradient *gradient = u->gradient;
    const float *q[QUERIES], *dz[QUERIES];
    float *p[QUERIES], *dp[QUERIES], *dq[QUERIES];
    share_rows(p, t, u->p, u->stride);
    share_rows(dp, t, u->dp, u->stride);
    for (size_t n = 0; n < QUERIES; n++)
        q[n] = job->q + t->at[n], dz[n] = gradient->dz + t->at[n], dq[n] = gradient->dq + t->at[n];
    span exchanged = {0, t->count - 1, &u->exchanged, 0, t->most};
    shares(p, &u->forward, t, wide);
    scores(dp, dz, &exchanged, 0, wide);
    for (size_t n = 0; n < t->count; n++)
        softmax_backward(dp[n], p[n], padded(t), job->scale);
    mix(dq, dp, &exchanged, 0, wide);
    for (size_t n = t->count; n < t->held; n++) { /* a repeated query counts once */
        p[n] = u->p + n * u->stride, dp[n] = u->dp + n * u->stride;
        memset(p[n], 0, t->most * sizeof *p[n]);
        memset(dp[n], 0, t->most * sizeof *dp[n]);
    }
    tile_kind kind = {wide, t->held == FEW};
    spread(u->dv, p, dz, job->head_dim, gradient->first, t->most, kind);
    spread(u->dk, dp, q, job->head_dim, gradient->first, t->most, kind);
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

/* A head's gradients are collected beside each other: at a model's width apart, rows would fight for the cache's
 * lines. */
static void attend_unit_backward(const attention_job *job, const attention_gradient *gradient, size_t kv_head,
                                 bool wide)
{
    size_t keys = job_keys(job), own = keys - gradient->first, d = job->head_dim;
    size_t v_stride = kv_stride(keys), stride = share_stride(keys);
    float *vt = mem_new(d * (v_stride + keys + 2 * own) + 2 * QUERIES * stride, sizeof *vt);
    float *k = vt + d * v_stride, *dk = k + d * keys, *dv = dk + d * own, *p = dv + d * own;
    exchange(vt, k, job, kv_head, v_stride);
    take_head(dk, gradient->dk, own, job, kv_head);
    take_head(dv, gradient->dv, own, job, kv_head);
    kv_segment segment = {0, keys, vt, v_stride, k};
    size_t row_count;
    job_row *rows = job_rows_of(job, 1, &row_count);
    backward_unit u = {.forward = {rows, row_count, kv_head}, .gradient = gradient,
                       .exchanged = {.kv_heads = 1, .head_dim = d, .segments = &segment, .segment_count = 1},
                       .dk = dk, .dv = dv, .p = p, .dp = p + QUERIES * stride, .stride = stride};
    for (size_t first = 0, end = unit_queries(&u.forward); first < end; first += QUERIES) {
        tile t = unit_tile(&u.forward, first);
        attend_tile_backward(&u, &t, wide);
    }
    put_head(gradient->dk, dk, own, job, kv_head);
    put_head(gradient->dv, dv, own, job, kv_head);
    free(rows);
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
        pairs += jobs[j].rows * jobs[j].heads * job_keys(&jobs[j]);
    }
    bool wide = wide_vectors();
    ON_THREADS(pairs > SMALL_PAIRS, collapse(2) schedule(dynamic),
        for (size_t h = 0; h < most_heads; h++)
            for (size_t j = 0; j < count; j++)
                if (h < jobs[j].kv_heads && jobs[j].rows)
                    attend_unit_backward(&jobs[j], &gradients[j], h, wide);)
}
