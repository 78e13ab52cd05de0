/* transfer.c: see transfer.h.
 *
 * Per layer, block of destinations, and block of sources:
 *
 *     q       = rotate(norm(resid_pre) W_q + b)                     of the destinations
 *     A       = softmax(q k / sqrt(d))                              [rows][H][T]: no larger than a block's
 *     g_h     = v_h W_O,h                                           [H][sources][D]
 *     c       = sum over heads of A_h g_h, of each pair             (math/contribution.h)
 */
#include "engine/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/on_threads.h"
#include "base/process.h"
#include "engine/layer.h"
#include "engine/transfer_block.h"
#include "math/contribution.h"
#include "math/low_rank.h"
#include "math/matmul.h"

enum {
    ROW_BLOCK = 256,    /* destinations whose shares are held at a time; sources go through W_O again for each block */
    SOURCE_BLOCK = 128, /* sources that go through W_O together */
};

/* What a layer's attention is made of, keys and values aside: those are recorded. */
static const decoder_part parts_read[] = {PART_ATTN_NORM, PART_ATTN_NORM_BIAS, PART_Q, PART_Q_BIAS, PART_O, PART_O_BIAS};

typedef struct transfer_walk {
    decoder *m;
    const transfer_request *t;
    row_blocks blocks;
    layer_walk layer;
    void *o;                /* [H][D][d]: each head's part of W_O by itself; a product with columns inside of the whole is
                             * another kernel of the library's, which does not keep a row's bits */
    arena memory;
} transfer_walk;

/* Some sources of one layer, and room for SOURCE_BLOCK of them. */
typedef struct source_block {
    const source_row *rows; /* [count] */
    size_t first, count;    /* which of the block's */
    float *values;          /* [K][count][d] */
    float *given;           /* [H][count][D] */
    float *norm;            /* [H][count] */
    float *shares;          /* [a pair's sources][its rows][H] */
    size_t *in, *seen_from; /* [a pair's sources] */
} source_block;

/* How many of the positions lie below `end`. */
static size_t count_below(const size_t *at, size_t count, size_t end)
{
    size_t n = 0;
    while (n < count && at[n] < end)
        n++;
    return n;
}

/* ---- destinations ---- */

/* Queries of a block's rows, as the runs had them: [rows][H d]. */
static pb_status queries(const transfer_walk *w, const row_block *b, float **q, pb_error *err)
{
    const layer_walk *k = &w->layer;
    const decoder_config *c = k->c;
    size_t D = c->d_model, width = c->heads * c->head_dim, half = c->rotary_dim / 2;
    float *x, *angles;
    TRY(layer_rows(k, &x, b->rows, D, err));
    TRY(layer_rows(k, q, b->rows, width, err));
    TRY(layer_rows(k, &angles, 2, half, err));
    for (const row_stretch *s = b->stretches; s < b->stretches + b->stretch_count; s++)
        for (size_t i = 0; i < s->rows; i++)
            decoder_norm(c, x + (s->first + i) * D, recording_row(s->recording, SITE_RESID_PRE, k->layer, s->at[i]),
                         k->w[PART_ATTN_NORM].f32, k->w[PART_ATTN_NORM_BIAS].f32, 1);
    TRY(layer_product(k, *q, x, PART_Q, PART_Q_BIAS, b->rows, width, D, err));
    for (const row_stretch *s = b->stretches; s < b->stretches + b->stretch_count; s++)
        for (size_t i = 0; i < s->rows; i++) {
            rope_angles(angles, angles + half, c->rope_frequency, half, s->at[i]);
            rope_rotate(*q + (s->first + i) * width, angles, angles + half, c->heads, c->head_dim, c->rotary_dim);
        }
    return PB_OK;
}

/* Shares of one recording's rows; q and shares are the block's. */
static pb_status find_shares_of(const transfer_walk *w, const row_stretch *s, const float *q, float *shares, size_t stride,
                                pb_error *err)
{
    const layer_walk *k = &w->layer;
    const decoder_config *c = k->c;
    size_t keys = s->at[s->rows - 1] + 1, n = recording_segments(s->recording, k->layer, keys, NULL);
    kv_segment *segments;
    TRY(arena_try(k->memory, &segments, n, sizeof *segments, "keys", err));
    recording_segments(s->recording, k->layer, keys, segments);
    attention_job job = {.heads = c->heads, .kv_heads = c->kv_heads, .head_dim = c->head_dim,
                         .scale = 1.0f / sqrtf((float)c->head_dim), .causal = true, .segments = segments,
                         .segment_count = n, .rows = s->rows, .q = q + s->first * c->heads * c->head_dim, .positions = s->at};
    attention_shares(&job, shares + s->first * c->heads * stride, stride);
    for (size_t i = 0; i < s->rows; i++)
        k->work->flop += decoder_attention_flop(c, (double)s->at[i] + 1) / 2;
    return PB_OK;
}

/* *shares: [rows][H][keys] */
static pb_status find_shares(const transfer_walk *w, const row_block *b, float **shares, pb_error *err)
{
    const layer_walk *k = &w->layer;
    float *q;
    TRY(queries(w, b, &q, err));
    TRY(layer_rows(k, shares, b->rows * k->c->heads, b->keys, err));
    double begin = clock_now();
    for (size_t i = 0; i < b->stretch_count; i++)
        TRY(find_shares_of(w, &b->stretches[i], q, *shares, b->keys, err));
    k->work->attention += clock_now() - begin;
    return PB_OK;
}

/* Room for what a pair receives in this block. */
static pb_status open_pair(const transfer_walk *w, block_pair *got, pb_error *err)
{
    const layer_walk *k = &w->layer;
    const transfer_pair *p = &w->t->pairs[got->pair];
    size_t H = k->c->heads, D = k->c->d_model;
    got->next = 0;
    TRY(layer_rows(k, &got->norm, got->rows, p->source_count, err));
    TRY(layer_rows(k, &got->head_norm, got->rows, H, err));
    TRY(layer_rows(k, &got->total, got->rows, D, err));
    TRY(layer_rows(k, &got->attended, got->rows, D, err));
    memset(got->norm, 0, got->rows * p->source_count * sizeof(float));
    memset(got->head_norm, 0, got->rows * H * sizeof(float));
    memset(got->total, 0, got->rows * D * sizeof(float));
    for (size_t i = 0; i < got->rows; i++) {
        const float *bias = k->w[PART_O_BIAS].f32;
        const float *row = recording_row(p->recording, SITE_ATTN_OUT, k->layer, p->destinations[got->first + i]);
        for (size_t c = 0; c < D; c++)
            got->attended[i * D + c] = row[c] - (bias ? bias[c] : 0);
    }
    return PB_OK;
}

/* ---- sources ---- */

static const float *value_row(const source_row *s, size_t layer)
{
    const recording *r = s->holder;
    return r->v + (layer * (r->end - r->first) + s->position - r->first) * r->kv_width;
}

static pb_status open_sources(const transfer_walk *w, const row_block *b, source_block *s, pb_error *err)
{
    const layer_walk *k = &w->layer;
    size_t H = k->c->heads;
    TRY(layer_rows(k, &s->values, SOURCE_BLOCK, k->c->kv_heads * k->c->head_dim, err));
    TRY(layer_rows(k, &s->given, SOURCE_BLOCK * H, k->c->d_model, err));
    TRY(layer_rows(k, &s->norm, SOURCE_BLOCK, H, err));
    TRY(layer_rows(k, &s->shares, SOURCE_BLOCK * b->rows, H, err));
    TRY(arena_try(k->memory, &s->in, 2 * SOURCE_BLOCK, sizeof *s->in, "a block of sources", err));
    s->seen_from = s->in + SOURCE_BLOCK;
    return PB_OK;
}

/* A head's part of W_O, in whichever form the layer has it. */
static weight head_part(const transfer_walk *w, size_t head)
{
    size_t at = head * w->layer.c->d_model * w->layer.c->head_dim;
    bool bf16 = w->layer.w[PART_O].bf16 != NULL;
    return bf16 ? (weight){.bf16 = (const uint16_t *)w->o + at} : (weight){.f32 = (const float *)w->o + at};
}

/* One head's g of a block's sources, and its norms. */
static pb_status project_head(const transfer_walk *w, const source_block *s, size_t head, pb_error *err)
{
    const decoder_config *c = w->layer.c;
    size_t D = c->d_model, d = c->head_dim, n = s->count;
    float *given = s->given + head * n * D;
    TRY(matmul_linear(given, s->values + head / (c->heads / c->kv_heads) * n * d, head_part(w, head), NULL, n, D, d, err));
    for (size_t j = 0; j < n; j++)
        s->norm[head * n + j] = sqrtf(dot(given + j * D, given + j * D, D));
    return PB_OK;
}

/* g_h[j] = v_h[j] W_O,h of a block's sources. Heads are small products: a thread takes each alone, instead of all threads
 * meeting after each. */
static pb_status project(const transfer_walk *w, source_block *s, pb_error *err)
{
    const layer_walk *k = &w->layer;
    const decoder_config *c = k->c;
    size_t d = c->head_dim, n = s->count;
    pb_status status = PB_OK;
    for (size_t j = 0; j < n; j++) {
        const float *row = value_row(&s->rows[j], k->layer);
        for (size_t h = 0; h < c->kv_heads; h++)
            memcpy(s->values + (h * n + j) * d, row + h * d, d * sizeof *row);
    }
    double begin = clock_now();
    ON_THREADS(n * d * c->d_model > 100000, schedule(dynamic),
        for (size_t h = 0; h < c->heads; h++) {
            pb_error failure;
            tell_failure(&status, err, project_head(w, s, h, &failure), &failure);
        })
    k->work->products += clock_now() - begin;
    k->work->flop += 2.0 * (double)(n * c->d_model) * (double)(c->heads * d);
    return status;
}

/* What a pair's rows have of `count` of its sources: their shares[rows of the block][H][keys], by source. */
static void lay_out(const row_block *b, const float *shares, const block_pair *got, const transfer_pair *p, size_t count,
                    size_t heads, source_block *s)
{
    for (size_t j = 0; j < count; j++) {
        size_t position = p->sources[got->next + j];
        s->in[j] = got->source[got->next + j] - s->first;
        s->seen_from[j] = count_below(p->destinations + got->first, got->rows, position);
        for (size_t i = 0; i < got->rows; i++)
            for (size_t h = 0; h < heads; h++)
                s->shares[(j * got->rows + i) * heads + h] = shares[(got->row[i] * heads + h) * b->keys + position];
    }
}

/* Gives a pair what it has of a block of sources. */
static pb_status give(const transfer_walk *w, const row_block *b, const float *shares, source_block *s, block_pair *got,
                      pb_error *err)
{
    const transfer_pair *p = &w->t->pairs[got->pair];
    size_t H = w->layer.c->heads, D = w->layer.c->d_model;
    size_t count = count_below(got->source + got->next, got->source_count - got->next, s->first + s->count);
    if (count == 0)
        return PB_OK;
    lay_out(b, shares, got, p, count, H, s);
    contribution_block block = {.rows = got->rows, .sources = count, .heads = H, .width = D, .shares = s->shares,
                                .seen_from = s->seen_from, .given = s->given, .head_down = s->count * D, .at = s->in};
    TRY(contribution_add(&block, got->norm + got->next, p->source_count, got->total, err));
    contribution_add_heads(&block, s->norm, s->count, got->head_norm);
    w->layer.work->flop += 2.0 * (double)(got->rows * count * H) * (double)D;
    got->next += count;
    return PB_OK;
}

/* ---- the walk ---- */

static pb_status walk_block(transfer_walk *w, const row_block *b, pb_error *err)
{
    source_block s = {0};
    float *shares;
    arena_reset(&w->memory);
    TRY(find_shares(w, b, &shares, err));
    TRY(open_sources(w, b, &s, err));
    for (size_t p = 0; p < b->pair_count; p++)
        TRY(open_pair(w, &b->pairs[p], err));
    for (; s.first < b->source_count; s.first += s.count) {
        s.rows = b->sources + s.first;
        s.count = b->source_count - s.first < SOURCE_BLOCK ? b->source_count - s.first : SOURCE_BLOCK;
        TRY(project(w, &s, err));
        for (size_t p = 0; p < b->pair_count; p++)
            TRY(give(w, b, shares, &s, &b->pairs[p], err));
    }
    for (size_t p = 0; p < b->pair_count; p++) {
        const block_pair *got = &b->pairs[p];
        transfer t = {w->layer.layer, got->pair, got->first, got->rows, got->norm, got->head_norm, got->total, got->attended};
        w->t->take(w->t->context, &t);
    }
    return PB_OK;
}

/* Reads a layer's matrices, and cuts W_O into its heads' parts. */
static pb_status read_layer(transfer_walk *w, size_t layer, pb_error *err)
{
    const decoder_config *c = &w->m->config;
    size_t D = c->d_model, d = c->head_dim, H = c->heads;
    weight *from = w->layer.w;
    double begin = clock_now();
    w->layer.layer = layer;
    TRY(decoder_read_parts(w->m, layer, parts_read, sizeof parts_read / sizeof *parts_read, from, err));
    bool bf16 = from[PART_O].bf16 != NULL;
    size_t part = d * (bf16 ? sizeof(uint16_t) : sizeof(float));
    const char *o = bf16 ? (const char *)from[PART_O].bf16 : (const char *)from[PART_O].f32;
    ON_THREADS(D * d * H > 100000, schedule(static),
        for (size_t h = 0; h < H; h++)
            for (size_t n = 0; n < D; n++)
                memcpy((char *)w->o + (h * D + n) * part, o + (n * H + h) * part, part);)
    w->layer.work->loading += clock_now() - begin;
    return PB_OK;
}

static pb_status walk_layers(transfer_walk *w, pb_error *err)
{
    const transfer_request *t = w->t;
    for (size_t layer = t->first_layer; layer < t->end_layer; layer++) {
        TRY(stop_check(err));
        TRY(read_layer(w, layer, err));
        for (size_t i = 0; i < w->blocks.count; i++) {
            TRY(stop_check(err));
            TRY(walk_block(w, &w->blocks.items[i], err));
        }
        if (t->progress)
            t->progress(t->context, (double)(layer + 1 - t->first_layer) / (double)(t->end_layer - t->first_layer));
    }
    return PB_OK;
}

static size_t o_size(const decoder_config *c)
{
    return c->heads * c->head_dim * c->d_model;
}

pb_status transfer_run(decoder *m, const transfer_request *t, replay_work *work, pb_error *err)
{
    transfer_walk w = {.m = m, .t = t, .layer = {.c = &m->config, .work = work}};
    w.layer.memory = &w.memory;
    w.blocks = row_blocks_make(t->pairs, t->pair_count, ROW_BLOCK);
    pb_status status = mem_try(&w.o, o_size(&m->config), sizeof(float), "an output projection", err);
    if (!status)
        status = walk_layers(&w, err);
    if (!status)
        status = decoder_check(m, err);
    free(w.o);
    row_blocks_free(&w.blocks);
    arena_free(&w.memory);
    return status;
}

/* ---- what it takes ---- */

/* A block's operations in one layer, as its parts above count them. */
static void foresee_block(const decoder_config *c, const row_block *b, double *products, double *attention)
{
    double D = (double)c->d_model, width = (double)(c->heads * c->head_dim);
    *products += 2 * (double)(b->rows + b->source_count) * D * width;
    for (size_t s = 0; s < b->stretch_count; s++)
        for (size_t i = 0; i < b->stretches[s].rows; i++)
            *attention += decoder_attention_flop(c, (double)b->stretches[s].at[i] + 1) / 2;
    for (size_t p = 0; p < b->pair_count; p++)
        *attention += 2 * (double)(b->pairs[p].rows * b->pairs[p].source_count * c->heads) * D;
}

void transfer_foresee(replay_plan *plan, const decoder *m, const transfer_request *t)
{
    const decoder_config *c = &m->config;
    row_blocks blocks = row_blocks_make(t->pairs, t->pair_count, ROW_BLOCK);
    double products = 0, attention = 0, layers = (double)(t->end_layer - t->first_layer);
    double read = 4.0 * (double)(c->d_model * c->heads * c->head_dim) / decoder_layer_flop(c); /* W_q and W_O of all */
    for (size_t i = 0; i < blocks.count; i++)
        foresee_block(c, &blocks.items[i], &products, &attention);
    replay_plan_add_walk(plan, m, t->end_layer - t->first_layer, layers * products, layers * attention, read);
    row_blocks_free(&blocks);
}

size_t transfer_bytes(const decoder *m, const transfer_pair *pairs, size_t count)
{
    const decoder_config *c = &m->config;
    size_t keys, destinations = count_destinations(pairs, count, &keys), listed = 0;
    size_t rows = destinations < ROW_BLOCK ? destinations : ROW_BLOCK, width = c->heads * c->head_dim;
    size_t tiles = c->d_model / 64 + 1;
    size_t floats = rows * (c->d_model + width + c->heads * keys);
    floats += SOURCE_BLOCK * (c->heads * (c->d_model + rows + 1) + c->kv_heads * c->head_dim + rows * tiles);
    floats += tiles * 64 * (rows + c->heads);
    for (size_t i = 0; i < count; i++) {
        size_t most = pairs[i].destination_count < rows ? pairs[i].destination_count : rows;
        floats += most * (pairs[i].source_count + c->heads + 2 * c->d_model);
        listed += pairs[i].source_count * (sizeof(source_row) + sizeof(size_t)) + 2 * pairs[i].destination_count * sizeof(size_t);
    }
    return (floats + o_size(c)) * sizeof(float) + listed + layer_bytes(m, rows > SOURCE_BLOCK ? rows : SOURCE_BLOCK);
}
