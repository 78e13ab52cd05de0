/* attention.c: see attention.h.
 *
 * Work is cut into units of one key/value head and a block of rows; within a unit the query vectors (rows x the query
 * heads of the group) are taken eight or four at a time against 32 positions, or 32 value columns, held in registers.
 * Rows of several jobs whose keys begin in the same memory, forks of one recording, stand in a unit together: over
 * what they share they are one tile, however few rows each has; over the rest each job's are a tile of their own. */
#include "math/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
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
    ON_THREADS(rows * width > SMALL_STORE, schedule(static),
        for (size_t c = 0; c < width; c += LINE)
            append_columns(kt + c * stride, held, k + c, rows, width, width - c < LINE ? width - c : LINE, stride);)
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

/* What a tile goes through at once: the queries first .. last over the positions begin .. end-1, whose keys and values
 * are the job's. */
typedef struct span {
    size_t first, last;
    const attention_job *job;
    size_t begin, end;
} span;

static tile_kind kind_for(const span *n, bool wide)
{
    return (tile_kind){wide, n->last - n->first < FEW};
}

/* A span's queries; the last one is repeated to fill a tile. */
INLINE size_t query_of(const span *n, size_t i)
{
    return n->first + i < n->last ? n->first + i : n->last;
}

/* Tiles may run over a segment's end: what they write there is overwritten by the next segment, or lies beyond the
 * row's own position. They begin where the segment's columns are aligned, before a span's begin. */
INLINE void scores(float *const s_all[QUERIES], const float *const q_all[QUERIES], const span *n, size_t kv_head,
                   bool wide)
{
    tile_kind kind = kind_for(n, wide);
    float *s[QUERIES];
    const float *q[QUERIES];
    for (size_t i = 0; i < QUERIES; i++)
        s[i] = s_all[query_of(n, i)], q[i] = q_all[query_of(n, i)];
    for (size_t g = 0; g < n->job->segment_count; g++) {
        const kv_segment *segment = &n->job->segments[g];
        size_t head_dim = n->job->head_dim, end = segment->end < n->end ? segment->end : n->end;
        const float *k = segment->k + kv_head * head_dim * segment->k_stride;
        size_t skipped = n->begin > segment->first ? (n->begin - segment->first) / COLUMNS * COLUMNS : 0;
        for (size_t t = segment->first + skipped; n->begin < end && t < end; t += COLUMNS) {
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

MULTIVERSION static void mix_rest(float *const z[FEW], float *const s[FEW], const span *n, size_t column,
                                  size_t columns)
{
    size_t width = n->job->kv_heads * n->job->head_dim;
    rest_lanes sum[FEW] = {0}, v;
    for (size_t i = 0; n->begin && i < FEW; i++)
        load_rest(&sum[i], z[i], columns);
    for (size_t g = 0; g < n->job->segment_count; g++) {
        const kv_segment *segment = &n->job->segments[g];
        size_t from = segment->first > n->begin ? segment->first : n->begin;
        size_t to = segment->end < n->end ? segment->end : n->end;
        for (size_t t = from; t < to; t++) {
            load_rest(&v, segment->v + (t - segment->first) * width + column, columns);
            for (size_t i = 0; i < FEW; i++)
                sum[i] += s[i][t] * v;
        }
    }
    for (size_t i = 0; i < FEW; i++)
        memcpy(z[i], &sum[i], columns * sizeof **z);
}

INLINE void mix_columns(float *const z[FEW], float *const s[FEW], const span *n, size_t column, size_t columns)
{
    for (size_t c = 0; c < columns; c += REST) {
        float *at[FEW];
        for (size_t i = 0; i < FEW; i++)
            at[i] = z[i] + c;
        mix_rest(at, s, n, column + c, columns - c < REST ? columns - c : REST);
    }
}

/* z[query] = one head's mixed values over the span; added to what stands there, unless it begins at position 0 */
INLINE void mix(float *const z_all[QUERIES], float *const s_all[QUERIES], const span *n, size_t kv_head, bool wide)
{
    tile_kind kind = kind_for(n, wide);
    float *s[QUERIES];
    for (size_t i = 0; i < QUERIES; i++)
        s[i] = s_all[query_of(n, i)];
    for (size_t c = 0; c < n->job->head_dim; c += COLUMNS) {
        size_t columns = n->job->head_dim - c, first = kv_head * n->job->head_dim + c;
        float *at[QUERIES];
        for (size_t i = 0; i < QUERIES; i++)
            at[i] = z_all[query_of(n, i)] + c;
        if (kind.wide && !kind.few && columns >= COLUMNS) {
            mix_tile_16x8(at, s, n->job, first, n->begin, n->end);
            continue;
        }
        for (size_t i = 0; i < (kind.few ? FEW : QUERIES); i += FEW)
            if (columns < COLUMNS)
                mix_columns(at + i, s + i, n, first, columns);
            else if (kind.wide)
                mix_tile_16x4(at + i, s + i, n->job, first, n->begin, n->end);
            else
                mix_tile_8x4(at + i, s + i, n->job, first, n->begin, n->end);
    }
}

/* ---- a unit: one key/value head, some rows ---- */

/* One of a job's rows. */
typedef struct job_row {
    const attention_job *job;
    size_t row;
} job_row;

/* Jobs may differ, but for their heads and where their keys begin. */
typedef struct unit {
    const job_row *rows;
    size_t row_count, kv_head;
} unit;

static size_t all_keys(const attention_job *job)
{
    return job->segments[job->segment_count - 1].end;
}

/* Some query vectors; the last one of a unit is repeated to fill the tile. */
typedef struct tile {
    const attention_job *job[QUERIES];
    size_t at[QUERIES];      /* where each stands in its job's q and z */
    size_t keys[QUERIES], most;
    size_t count, held;      /* queries; QUERIES or FEW: what is computed */
    span spans[QUERIES + 1]; /* what all share, then each job's own */
    size_t span_count;
} tile;

static bool same_place(const kv_segment *a, const kv_segment *b)
{
    return a->first == b->first && a->k == b->k && a->k_stride == b->k_stride && a->v == b->v;
}

/* The positions below the result have their keys and values in the same memory for all queries, which see them all. */
static size_t shared_positions(const tile *t)
{
    size_t least = t->keys[0], shared = 0;
    for (size_t n = 1; n < t->count; n++)
        least = t->keys[n] < least ? t->keys[n] : least;
    for (size_t g = 0; shared < least; g++) {
        size_t end = SIZE_MAX, furthest = 0;
        for (size_t n = 0; n < t->count; n++) {
            const attention_job *job = t->job[n];
            if (g >= job->segment_count || g >= t->job[0]->segment_count ||
                !same_place(&job->segments[g], &t->job[0]->segments[g]))
                return shared;
            size_t own = job->segments[g].end;
            end = own < end ? own : end;
            furthest = own > furthest ? own : furthest;
        }
        shared = end < least ? end : least;
        if (end != furthest)
            break;
    }
    return shared;
}

static void add_span(tile *t, size_t first, size_t last, size_t begin, size_t end)
{
    if (begin < end)
        t->spans[t->span_count++] = (span){first, last, t->job[first], begin, end};
}

static void cut_spans(tile *t)
{
    size_t shared = t->job[t->count - 1] == t->job[0] ? 0 : shared_positions(t); /* a job's rows stand together */
    add_span(t, 0, t->count - 1, 0, shared);
    for (size_t first = 0, end; first < t->count; first = end) {
        size_t most = 0;
        for (end = first; end < t->count && t->job[end] == t->job[first]; end++)
            most = t->keys[end] > most ? t->keys[end] : most;
        add_span(t, first, end - 1, shared, most);
    }
}

static tile tile_of(const unit *u, size_t first_query, size_t queries)
{
    const attention_job *any = u->rows->job;
    size_t group = any->heads / any->kv_heads;
    tile t = {.count = queries, .held = queries <= FEW ? FEW : QUERIES};
    for (size_t n = 0; n < QUERIES; n++) {
        size_t index = first_query + (n < queries ? n : queries - 1);
        const job_row *r = &u->rows[index / group];
        size_t head = u->kv_head * group + index % group;
        t.job[n] = r->job;
        t.at[n] = (r->row * any->heads + head) * any->head_dim;
        t.keys[n] = any->causal ? r->job->positions[r->row] + 1 : all_keys(r->job);
        t.most = t.keys[n] > t.most ? t.keys[n] : t.most;
    }
    cut_spans(&t);
    return t;
}

/* Positions that softmax covers: from `most` on they are 0. */
INLINE size_t padded(const tile *t)
{
    return (t->most + LANES - 1) / LANES * LANES;
}

/* Where each query's shares stand; a repeated query's are the last one's. */
static void share_rows(float *s[QUERIES], const tile *t, float *store, size_t stride)
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

/* A repeated query is written again with the same bits. */
MULTIVERSION static void attend_tile(const unit *u, const tile *t, float *s_store, size_t s_stride, bool wide)
{
    float *s[QUERIES], *z[QUERIES];
    share_rows(s, t, s_store, s_stride);
    for (size_t n = 0; n < QUERIES; n++)
        z[n] = t->job[n]->z + t->at[n];
    shares(s, u, t, wide);
    for (size_t i = 0; i < t->span_count; i++)
        mix(z, s, &t->spans[i], u->kv_head, wide);
}

static size_t queries_of(const unit *u)
{
    return u->row_count * (u->rows->job->heads / u->rows->job->kv_heads);
}

/* Floats that a query's shares need: tiles run over the last position. */
static size_t share_stride(const unit *u)
{
    size_t most = 0;
    for (size_t r = 0; r < u->row_count; r++)
        most = all_keys(u->rows[r].job) > most ? all_keys(u->rows[r].job) : most;
    return most + 2 * COLUMNS;
}

static void attend_unit(const unit *u, bool wide)
{
    size_t queries = queries_of(u), stride = share_stride(u);
    float *s = mem_new(QUERIES * stride, sizeof *s);
    for (size_t first = 0; first < queries; first += QUERIES) {
        tile t = tile_of(u, first, queries - first < QUERIES ? queries - first : QUERIES);
        attend_tile(u, &t, s, stride, wide);
    }
    free(s);
}

/* The rows of all jobs, in order. free() */
static job_row *list_rows(const attention_job *jobs, size_t count, size_t *row_count)
{
    size_t n = 0;
    for (size_t j = 0; j < count; j++)
        n += jobs[j].rows;
    job_row *rows = mem_new(n, sizeof *rows);
    *row_count = n;
    n = 0;
    for (size_t j = 0; j < count; j++)
        for (size_t r = 0; r < jobs[j].rows; r++)
            rows[n++] = (job_row){&jobs[j], r};
    return rows;
}

static bool go_together(const attention_job *a, const attention_job *b)
{
    return a == b || (a->heads == b->heads && a->kv_heads == b->kv_heads && a->head_dim == b->head_dim &&
                      a->causal == b->causal && same_place(a->segments, b->segments));
}

/* Rows from `first` on that are one unit's. */
static size_t unit_rows(const job_row *rows, size_t first, size_t count)
{
    size_t n = 1;
    while (n < UNIT_ROWS && first + n < count && go_together(rows[first].job, rows[first + n].job))
        n++;
    return n;
}

/* Rows of all jobs under one key/value head follow each other, so that keys and values which forks share (a picture's
 * rows) stay in the cache. */
static unit *list_units(const job_row *rows, size_t row_count, size_t *unit_count)
{
    size_t cuts = 0, most_heads = 0, units = 0, n;
    for (size_t r = 0; r < row_count; r += unit_rows(rows, r, row_count)) {
        cuts++;
        most_heads = rows[r].job->kv_heads > most_heads ? rows[r].job->kv_heads : most_heads;
    }
    unit *list = mem_new(cuts * most_heads, sizeof *list);
    for (size_t h = 0; h < most_heads; h++)
        for (size_t r = 0; r < row_count; r += n) {
            n = unit_rows(rows, r, row_count);
            if (h < rows[r].job->kv_heads)
                list[units++] = (unit){rows + r, n, h};
        }
    *unit_count = units;
    return list;
}

void attention(const attention_job *jobs, size_t count)
{
    size_t row_count, units;
    job_row *rows = list_rows(jobs, count, &row_count);
    unit *list = list_units(rows, row_count, &units);
    bool wide = wide_vectors();
    ON_THREADS(units > 4, schedule(dynamic, 4),
        for (size_t i = 0; i < units; i++)
            attend_unit(&list[i], wide);)
    free(list);
    free(rows);
}

/* ---- shares by themselves ---- */

MULTIVERSION static void share_tile(const unit *u, const tile *t, float *s_store, size_t s_stride, float *p,
                                    size_t stride, bool wide)
{
    float *s[QUERIES];
    share_rows(s, t, s_store, s_stride);
    shares(s, u, t, wide);
    for (size_t n = 0; n < t->count; n++) {
        const attention_job *job = t->job[n];
        float *to = p + t->at[n] / job->head_dim * stride;
        memcpy(to, s[n], t->keys[n] * sizeof *to);
        memset(to + t->keys[n], 0, (all_keys(job) - t->keys[n]) * sizeof *to);
    }
}

static void share_unit(const unit *u, float *p, size_t stride, bool wide)
{
    size_t queries = queries_of(u), s_stride = share_stride(u);
    float *s = mem_new(QUERIES * s_stride, sizeof *s);
    for (size_t first = 0; first < queries; first += QUERIES) {
        tile t = tile_of(u, first, queries - first < QUERIES ? queries - first : QUERIES);
        share_tile(u, &t, s, s_stride, p, stride, wide);
    }
    free(s);
}

void attention_shares(const attention_job *job, float *p, size_t stride)
{
    size_t row_count, units;
    job_row *rows = list_rows(job, 1, &row_count);
    unit *list = list_units(rows, row_count, &units);
    bool wide = wide_vectors();
    ON_THREADS(units > 4, schedule(dynamic, 4),
        for (size_t i = 0; i < units; i++)
            share_unit(&list[i], p, stride, wide);)
    free(list);
    free(rows);
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
    size_t row_count;
    job_row *rows = list_rows(job, 1, &row_count);
    backward_unit u = {.forward = {rows, row_count, kv_head}, .gradient = gradient,
                       .exchanged = {.kv_heads = 1, .head_dim = d, .segments = &segment, .segment_count = 1},
                       .dk = dk, .dv = dv, .p = p, .dp = p + QUERIES * stride, .stride = stride};
    size_t queries = queries_of(&u.forward);
    for (size_t first = 0; first < queries; first += QUERIES) {
        tile t = tile_of(&u.forward, first, queries - first < QUERIES ? queries - first : QUERIES);
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
        pairs += jobs[j].rows * jobs[j].heads * all_keys(&jobs[j]);
    }
    bool wide = wide_vectors();
    ON_THREADS(pairs > SMALL_PAIRS, collapse(2) schedule(dynamic),
        for (size_t h = 0; h < most_heads; h++)
            for (size_t j = 0; j < count; j++)
                if (h < jobs[j].kv_heads && jobs[j].rows)
                    attend_unit_backward(&jobs[j], &gradients[j], h, wide);)
}
