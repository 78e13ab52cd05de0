/* attention_inner.h: what attention does with a tile: scores, their softmax, and the mix of values.
 *
 * attention.c and attention_backward.c have it in common. It stands in a header because it is compiled into each form
 * of their MULTIVERSION functions. */
#ifndef MATH_ATTENTION_INNER_H
#define MATH_ATTENTION_INNER_H

#include <math.h>
#include <string.h>

#include "math/attention_unit.h"
#include "math/exp.h"
#include "math/multiversion.h"

enum { LANES = 16 }; /* sums over positions are kept in as many */

/* Floats that a query's shares of so many positions need: tiles run over the last one. */
INLINE size_t share_stride(size_t keys)
{
    return keys + 2 * COLUMNS;
}

/* ---- tiles in registers ---- */

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

INLINE bool wide_vectors(void)
{
#if defined __x86_64__ && defined __GNUC__
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

/* How a tile is computed: in vectors of 16 floats or of 8; all of its queries, or the first FEW, if no others differ. */
typedef struct tile_kind {
    bool wide, few;
} tile_kind;

/* ---- scores: s[query][position] = q . k ---- */

INLINE tile_kind kind_for(const span *over, bool wide)
{
    return (tile_kind){wide, over->last - over->first < FEW};
}

/* A span's queries; the last one is repeated to fill a tile. */
INLINE size_t query_of(const span *over, size_t i)
{
    return over->first + i < over->last ? over->first + i : over->last;
}

/* Tiles may run over a segment's end: what they write there is overwritten by the next segment, or lies beyond the
 * row's own position. They begin where the segment's columns are aligned, before a span's begin. */
INLINE void scores(float *const s_all[QUERIES], const float *const q_all[QUERIES], const span *over, size_t kv_head,
                   bool wide)
{
    tile_kind kind = kind_for(over, wide);
    float *s[QUERIES];
    const float *q[QUERIES];
    for (size_t i = 0; i < QUERIES; i++)
        s[i] = s_all[query_of(over, i)], q[i] = q_all[query_of(over, i)];
    for (size_t g = 0; g < over->job->segment_count; g++) {
        const kv_segment *segment = &over->job->segments[g];
        size_t head_dim = over->job->head_dim, end = segment->end < over->end ? segment->end : over->end;
        const float *k = segment->k + kv_head * head_dim * segment->k_stride;
        size_t skipped = over->begin > segment->first ? (over->begin - segment->first) / COLUMNS * COLUMNS : 0;
        for (size_t t = segment->first + skipped; over->begin < end && t < end; t += COLUMNS) {
            float *at[QUERIES];
            for (size_t i = 0; i < QUERIES; i++)
                at[i] = s[i] + t;
            const float *from = k + (t - segment->first);
            if (kind.wide && !kind.few) {
                score_tile_16x8(at, q, from, segment->k_stride, head_dim);
                continue;
            }
            for (size_t i = 0; i < (kind.few ? FEW : QUERIES); i += FEW)
                if (kind.wide)
                    score_tile_16x4(at + i, q + i, from, segment->k_stride, head_dim);
                else
                    score_tile_8x4(at + i, q + i, from, segment->k_stride, head_dim);
        }
    }
}

/* ---- cuts: s[position] = -inf of the sources that a row does not see ---- */

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

/* The columns of a head that do not fill a tile, eight at a time, or those that are left. Vectors, so that each step is
 * fused as in a tile, or not: sums of scalars are vectorised over positions, and then are not. */
enum { REST = 8 };
typedef float rest_lanes __attribute__((vector_size(REST * sizeof(float)), aligned(sizeof(float))));

INLINE void load_rest(rest_lanes *to, const float *from, size_t columns)
{
    *to = (rest_lanes){0};
    if (columns == REST)
        *to = *(const rest_lanes *)from;
    else
        memcpy(to, from, columns * sizeof *from);
}

MULTIVERSION static void mix_rest(float *const z[FEW], float *const s[FEW], const span *over, size_t column,
                                  size_t columns)
{
    size_t width = over->job->kv_heads * over->job->head_dim;
    rest_lanes sum[FEW] = {0}, v;
    for (size_t i = 0; over->begin && i < FEW; i++)
        load_rest(&sum[i], z[i], columns);
    for (size_t g = 0; g < over->job->segment_count; g++) {
        const kv_segment *segment = &over->job->segments[g];
        size_t from = segment->first > over->begin ? segment->first : over->begin;
        size_t to = segment->end < over->end ? segment->end : over->end;
        for (size_t t = from; t < to; t++) {
            load_rest(&v, segment->v + (t - segment->first) * width + column, columns);
            for (size_t i = 0; i < FEW; i++)
                sum[i] += s[i][t] * v;
        }
    }
    for (size_t i = 0; i < FEW; i++)
        memcpy(z[i], &sum[i], columns * sizeof **z);
}

INLINE void mix_columns(float *const z[FEW], float *const s[FEW], const span *over, size_t column, size_t columns)
{
    for (size_t c = 0; c < columns; c += REST) {
        float *at[FEW];
        for (size_t i = 0; i < FEW; i++)
            at[i] = z[i] + c;
        mix_rest(at, s, over, column + c, columns - c < REST ? columns - c : REST);
    }
}

/* z[query] = one head's mixed values over the span; added to what stands there, unless it begins at position 0 */
INLINE void mix(float *const z_all[QUERIES], float *const s_all[QUERIES], const span *over, size_t kv_head, bool wide)
{
    tile_kind kind = kind_for(over, wide);
    float *s[QUERIES];
    for (size_t i = 0; i < QUERIES; i++)
        s[i] = s_all[query_of(over, i)];
    for (size_t c = 0; c < over->job->head_dim; c += COLUMNS) {
        size_t columns = over->job->head_dim - c, first = kv_head * over->job->head_dim + c;
        float *at[QUERIES];
        for (size_t i = 0; i < QUERIES; i++)
            at[i] = z_all[query_of(over, i)] + c;
        if (kind.wide && !kind.few && columns >= COLUMNS) {
            mix_tile_16x8(at, s, over->job, first, over->begin, over->end);
            continue;
        }
        for (size_t i = 0; i < (kind.few ? FEW : QUERIES); i += FEW)
            if (columns < COLUMNS)
                mix_columns(at + i, s + i, over, first, columns);
            else if (kind.wide)
                mix_tile_16x4(at + i, s + i, over->job, first, over->begin, over->end);
            else
                mix_tile_8x4(at + i, s + i, over->job, first, over->begin, over->end);
    }
}

/* ---- shares: scores and softmax of a tile's queries ---- */

/* Positions that softmax covers: from `most` on they are 0. */
INLINE size_t padded(const tile *t)
{
    return (t->most + LANES - 1) / LANES * LANES;
}

/* Where each query's shares stand; a repeated query's are the last one's. */
INLINE void share_rows(float *s[QUERIES], const tile *t, float *store, size_t stride)
{
    for (size_t n = 0; n < QUERIES; n++)
        s[n] = store + (n < t->count ? n : t->count - 1) * stride;
}

/* s[query][position] = the share that each position has in the mix */
INLINE void shares(float *const s[QUERIES], const unit *u, const tile *t, bool wide)
{
    const float *q[QUERIES];
    for (size_t n = 0; n < QUERIES; n++)
        q[n] = t->job[n]->q + t->at[n];
    for (size_t i = 0; i < t->span_count; i++)
        scores(s, q, &t->spans[i], u->kv_head, wide);
    for (size_t n = 0; n < t->count; n++) {
        if (t->job[n]->cut_count)
            cut_scores(s[n], t->job[n], t->keys[n] - 1);
        softmax(s[n], t->keys[n], padded(t), t->job[n]->scale);
    }
}

#endif
