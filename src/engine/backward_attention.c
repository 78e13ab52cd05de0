/* backward_attention.c: gradients through a layer's attention, attn_out = o(attention(norm(pre))). With the forward's lines in
 * chunk.c on the right:
 *
 *     q                     computed anew from the recorded residual
 *     d_z      = d_attn_out W_o                                           attend, put_heads
 *     d_q, d_k, d_v through softmax, turned back                          attention, rotate
 *     d_normed = d_q W_q + d_k W_k + d_v W_v
 *     d_pre    = d_mid + norm'(d_normed)
 *
 * Keys and values are the recorded ones; those below a fork's rows are constants. In a parallel block d_mid is a gradient of the
 * layer's input already. */
#include "engine/backward_parts.h"

#include <string.h>

#include "base/meter.h"
#include "base/process.h"

/* Hands out the gradient of a row's heads, and lets nothing flow on to heads that were put in. */
static void take_heads(const back_walk *b, const layer_walk *k, const back_row *r, float *d_z)
{
    const replay_fork *f = r->lane->f;
    size_t d = k->c->head_dim;
    back_give(b, f, SITE_HEAD_OUT, k->layer, r->position, d_z);
    for (size_t i = 0, first, end; r->heads_given && i < f->edit_count; i++)
        if (lane_heads(f, i, k->layer, r->position, k->c, &first, &end))
            memset(d_z + first * d, 0, (end - first) * d * sizeof *d_z);
}

/* ---- rows that attend ---- */

typedef struct attention_work {
    size_t n;                        /* c->whole */
    float *pre, *normed, *q, *z;     /* z only where o's gradient is wanted */
    float *d_z, *d_q, *d_k, *d_v;
    size_t *positions;
} attention_work;

/* Turns the rows' heads by their positions, or gradients back. */
static void turn(const layer_walk *k, const size_t *positions, size_t n, float *rows, size_t heads,
                 void (*rotate)(float *, const float *, const float *, size_t, size_t, size_t))
{
    size_t half = k->c->rotary_dim / 2, width = heads * k->c->head_dim;
    for (size_t i = 0; i < n; i++)
        rotate(rows + i * width, k->cosine + positions[i] * half, k->sine + positions[i] * half, heads, k->c->head_dim,
               k->c->rotary_dim);
}

/* Normed inputs and queries, as the forward had them. */
static pb_status queries_again(const back_walk *b, const layer_walk *k, const back_chunk *c, attention_work *a,
                               pb_error *err)
{
    const decoder_config *f = k->c;
    size_t D = f->d_model, width = f->heads * f->head_dim, kv_width = f->kv_heads * f->head_dim, n = a->n = c->whole;
    TRY(layer_rows(k, &a->pre, n, D, err));
    TRY(layer_rows(k, &a->normed, n, D, err));
    TRY(layer_rows(k, &a->q, n, width, err));
    TRY(layer_rows(k, &a->d_z, n, width, err));
    TRY(layer_rows(k, &a->d_q, n, width, err));
    TRY(layer_rows(k, &a->d_k, n, kv_width, err));
    TRY(layer_rows(k, &a->d_v, n, kv_width, err));
    TRY(arena_try(k->memory, &a->positions, n, sizeof *a->positions, "a chunk's rows", err));
    if (back_wanted(b, k->layer, PART_O))
        TRY(layer_rows(k, &a->z, n, width, err));
    for (size_t i = 0; i < n; i++) {
        memcpy(a->pre + i * D, c->rows[i].pre, D * sizeof(float));
        a->positions[i] = c->rows[i].position;
    }
    decoder_norm(f, a->normed, a->pre, k->w[PART_ATTN_NORM].f32, k->w[PART_ATTN_NORM_BIAS].f32, n);
    TRY(layer_product(k, a->q, a->normed, PART_Q, PART_Q_BIAS, n, width, D, err));
    turn(k, a->positions, n, a->q, f->heads, rope_rotate);
    return PB_OK;
}

/* One job a lane, over its recorded keys and values: all of its rows attend. */
static pb_status jobs_again(const layer_walk *k, const back_chunk *c, const attention_work *a, attention_job *jobs,
                            attention_gradient *gradients, size_t *count, pb_error *err)
{
    size_t width = k->c->heads * k->c->head_dim, kv_width = k->c->kv_heads * k->c->head_dim;
    *count = 0;
    for (size_t i = 0, rows; i < a->n; i += rows) {
        const replay_fork *f = c->rows[i].lane->f;
        const recording *r = f->record;
        rows = lane_rows(c->rows[i].lane);
        kv_segment own = {.first = f->first, .end = f->end, .k = r->k + k->layer * kv_width * r->k_stride,
                          .k_stride = r->k_stride, .v = r->v + k->layer * rows * kv_width};
        attention_job *job = &jobs[*count];
        TRY(layer_job(k, f, &own, job, err));
        job->rows = rows;
        job->q = a->q + i * width;
        job->z = a->z ? a->z + i * width : NULL;
        job->positions = a->positions + i;
        gradients[(*count)++] = (attention_gradient){.dz = a->d_z + i * width,
                                                     .dq = a->d_q + i * width,
                                                     .first = f->first,
                                                     .dk = a->d_k + i * kv_width,
                                                     .dv = a->d_v + i * kv_width};
        for (size_t p = f->first; p < f->end; p++)
            k->work->flop += 2 * decoder_attention_flop(k->c, (double)p + 1);
    }
    return PB_OK;
}

/* d_q, d_k, d_v from d_z. */
static pb_status mix_backward(const back_walk *b, const layer_walk *k, const back_chunk *c, attention_work *a,
                              pb_error *err)
{
    size_t D = k->c->d_model, width = k->c->heads * k->c->head_dim, kv_width = k->c->kv_heads * k->c->head_dim, count;
    attention_job *jobs;
    attention_gradient *gradients;
    TRY(arena_try(k->memory, &jobs, a->n, sizeof *jobs, "a chunk's attention", err));
    TRY(arena_try(k->memory, &gradients, a->n, sizeof *gradients, "a chunk's attention", err));
    double flop = k->work->flop;
    TRY(jobs_again(k, c, a, jobs, gradients, &count, err));
    double begin = clock_now();
    meter_kind before = meter_enter(METER_ATTENTION);
    if (a->z)
        attention(jobs, count);
    meter_work(k->work->flop - flop, 0);
    meter_leave(before);
    k->work->attention += clock_now() - begin;
    for (size_t i = 0; a->z && i < a->n; i++)
        if (c->rows[i].heads_given)
            lane_put_heads(c->rows[i].lane->f, k->layer, c->rows[i].position, k->c, a->z + i * width);
    TRY(back_product(b, k, a->d_z, c->d_attn_out, a->z, PART_O, PART_O_BIAS, a->n, D, width, err));
    for (size_t i = 0; i < a->n; i++)
        take_heads(b, k, &c->rows[i], a->d_z + i * width);
    memset(a->d_k, 0, a->n * kv_width * sizeof(float));
    memset(a->d_v, 0, a->n * kv_width * sizeof(float));
    begin = clock_now();
    before = meter_enter(METER_ATTENTION);
    attention_backward(jobs, gradients, count);
    meter_leave(before);
    k->work->attention += clock_now() - begin;
    return PB_OK;
}

pb_status back_attend(const back_walk *b, const layer_walk *k, back_chunk *c, pb_error *err)
{
    const decoder_config *f = k->c;
    size_t D = f->d_model, width = f->heads * f->head_dim, kv_width = f->kv_heads * f->head_dim, n = c->whole;
    attention_work a = {0};
    float *d_normed, *more;
    if (n == 0)
        return PB_OK;
    TRY(queries_again(b, k, c, &a, err));
    TRY(mix_backward(b, k, c, &a, err));
    turn(k, a.positions, n, a.d_q, f->heads, rope_rotate_backward);
    turn(k, a.positions, n, a.d_k, f->kv_heads, rope_rotate_backward);

    TRY(layer_rows(k, &d_normed, n, D, err));
    TRY(layer_rows(k, &more, n, D, err));
    TRY(back_product(b, k, d_normed, a.d_q, a.normed, PART_Q, PART_Q_BIAS, n, width, D, err));
    TRY(back_product(b, k, more, a.d_k, a.normed, PART_K, PART_K_BIAS, n, kv_width, D, err));
    add_rows(d_normed, more, n * D);
    TRY(back_product(b, k, more, a.d_v, a.normed, PART_V, PART_V_BIAS, n, kv_width, D, err));
    add_rows(d_normed, more, n * D);
    back_norm(b, k, c->d_post, d_normed, a.pre, PART_ATTN_NORM, PART_ATTN_NORM_BIAS, n);
    return PB_OK;
}

/* ---- rows that join with heads put in ---- */

pb_status back_joined_heads(const back_walk *b, const layer_walk *k, const back_chunk *c, pb_error *err)
{
    size_t D = k->c->d_model, width = k->c->heads * k->c->head_dim, most = c->count - c->whole, n = 0;
    float *z, *d_z, *d_attn_out;
    const back_row **rows;
    TRY(arena_try(k->memory, &rows, most, sizeof *rows, "a chunk's rows", err));
    for (size_t i = c->whole; i < c->count; i++)
        if (c->rows[i].heads_given)
            rows[n++] = &c->rows[i];
    if (n == 0)
        return PB_OK;
    TRY(layer_rows(k, &z, n, width, err));
    TRY(layer_rows(k, &d_z, n, width, err));
    TRY(layer_rows(k, &d_attn_out, n, D, err));
    for (size_t i = 0; i < n; i++) {
        const replay_fork *f = rows[i]->lane->f;
        memcpy(d_attn_out + i * D, c->d_attn_out + (size_t)(rows[i] - c->rows) * D, D * sizeof(float));
        memcpy(z + i * width, recording_row(lane_entry(f), SITE_HEAD_OUT, k->layer, rows[i]->position),
               width * sizeof(float));
        lane_put_heads(f, k->layer, rows[i]->position, k->c, z + i * width);
    }
    TRY(back_product(b, k, d_z, d_attn_out, z, PART_O, PART_O_BIAS, n, D, width, err));
    for (size_t i = 0; i < n; i++)
        take_heads(b, k, rows[i], d_z + i * width);
    return PB_OK;
}
