/* attention.c: see attention.h.
 *
 * Work is cut into units of one key/value head and a block of rows; within a unit the query vectors (rows x the query
 * heads of the group) are taken four at a time against 32 positions, or 32 value columns, held in registers. */
#include "math/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/exp.h"
#include "math/multiversion.h"

enum {
    QUERIES = 4,    /* query vectors in a register tile */
    COLUMNS = 32,   /* positions, or value columns, in it */
    LANES = 16,     /* sums over positions are kept in as many */
    UNIT_ROWS = 32, /* rows of a unit */
};

size_t kv_stride(size_t n)
{
    return (n + COLUMNS - 1) / COLUMNS * COLUMNS;
}

void kv_transpose(float *kt, const float *k, size_t rows, size_t width, size_t stride)
{
    for (size_t c = 0; c < width; c++) {
        for (size_t r = 0; r < rows; r++)
            kt[c * stride + r] = k[r * width + c];
        memset(kt + c * stride + rows, 0, (stride - rows) * sizeof *kt);
    }
}

/* Vectors that are wider than the processor's own go through memory, at a tenth of the speed; narrower ones are half as
 * fast. Both give the same bits: lanes do not meet. */
#define VECTOR 16
#include "math/attention_tile.h"
#define VECTOR 8
#include "math/attention_tile.h"

static bool wide_vectors(void)
{
#if defined __x86_64__ && defined __GNUC__
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

/* ---- scores: s[query][position] = q . k ---- */

/* Tiles may run over a segment's end: what they write there is overwritten by the next segment, or lies beyond the
 * row's own position. */
INLINE void scores(float *const s[QUERIES], const float *const q[QUERIES], const attention_job *job, size_t kv_head,
                   size_t keys, bool wide)
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
            if (wide)
                score_tile_16(at, q, from, segment->k_stride, job->head_dim);
            else
                score_tile_8(at, q, from, segment->k_stride, job->head_dim);
        }
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
    for (size_t t = 0; t < padded; t += LANES)
        for (size_t j = 0; j < LANES; j++) {
            s[t + j] *= scale;
            highest[j] = s[t + j] > highest[j] ? s[t + j] : highest[j];
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
INLINE void mix_rest(float *const z[QUERIES], float *const s[QUERIES], const attention_job *job, size_t column,
                     size_t columns, size_t keys)
{
    size_t width = job->kv_heads * job->head_dim;
    float sum[QUERIES][COLUMNS] = {{0}};
    for (size_t g = 0; g < job->segment_count; g++) {
        const kv_segment *segment = &job->segments[g];
        const float *v = segment->v + column;
        size_t end = segment->end < keys ? segment->end : keys;
        for (size_t t = segment->first; t < end; t++, v += width)
            for (size_t n = 0; n < QUERIES; n++)
                for (size_t c = 0; c < columns; c++)
                    sum[n][c] += s[n][t] * v[c];
    }
    for (size_t n = 0; n < QUERIES; n++)
        memcpy(z[n], sum[n], columns * sizeof **z);
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

/* Four query vectors; the last ones of a unit are repeated to fill the tile, and written again with the same bits. */
MULTIVERSION static void attend_tile(const unit *u, size_t first_query, size_t queries, float *s_store,
                                     size_t s_stride, bool wide)
{
    const attention_job *job = u->job;
    size_t group = job->heads / job->kv_heads, width = job->heads * job->head_dim, most = 0;
    const float *q[QUERIES];
    float *s[QUERIES], *z[QUERIES];
    size_t keys[QUERIES];
    for (size_t n = 0; n < QUERIES; n++) {
        size_t index = first_query + (n < queries ? n : queries - 1);
        size_t row = u->first_row + index / group, head = u->kv_head * group + index % group;
        q[n] = job->q + row * width + head * job->head_dim;
        z[n] = job->z + row * width + head * job->head_dim;
        s[n] = s_store + n * s_stride;
        keys[n] = job->causal ? job->positions[row] + 1 : all_keys(job);
        most = keys[n] > most ? keys[n] : most;
    }
    scores(s, q, job, u->kv_head, most, wide);
    size_t padded = (most + LANES - 1) / LANES * LANES;
    for (size_t n = 0; n < QUERIES; n++)
        softmax(s[n], keys[n], padded, job->scale);
    for (size_t c = 0; c < job->head_dim; c += COLUMNS) {
        size_t columns = job->head_dim - c, first = u->kv_head * job->head_dim + c;
        float *at[QUERIES];
        for (size_t n = 0; n < QUERIES; n++)
            at[n] = z[n] + c;
        if (columns < COLUMNS)
            mix_rest(at, s, job, first, columns, most);
        else if (wide)
            mix_tile_16(at, s, job, first, most);
        else
            mix_tile_8(at, s, job, first, most);
    }
}

static void attend_unit(const unit *u, bool wide)
{
    size_t queries = (u->end_row - u->first_row) * (u->job->heads / u->job->kv_heads);
    size_t stride = all_keys(u->job) + 2 * COLUMNS;
    float *s = mem_new(QUERIES * stride, sizeof *s);
    for (size_t first = 0; first < queries; first += QUERIES)
        attend_tile(u, first, queries - first < QUERIES ? queries - first : QUERIES, s, stride, wide);
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
