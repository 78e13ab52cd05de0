/* backward.c: see backward.h.
 *
 * Per layer and chunk, with the forward's lines in chunk.c on the right:
 *
 *     up, gate, inner       computed anew from the recorded residual      activated
 *     d_inner  = d_mlp_out W_down                                         feed_forward
 *     d_normed = d_up W_up + d_gate W_gate
 *     d_mid    = d_post + norm'(d_normed)                                 add_site, gather_normed
 *     d_z      = d_attn_out W_o                                           attend, put_heads
 *     d_q, d_k, d_v through softmax, turned back                          attention, rotate
 *     d_normed = d_q W_q + d_k W_k + d_v W_v
 *     d_pre    = d_mid + norm'(d_normed)
 *
 * In a parallel block both norms see the layer's input, and d_attn_out is d_post. */
#include "engine/backward.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/meter.h"
#include "base/process.h"
#include "engine/lane.h"
#include "engine/layer.h"
#include "math/matmul.h"

typedef struct back_row {
    const lane *lane;
    size_t position;
    float *d;                       /* [D] in its lane: the gradient of the residual stream */
    const float *pre, *attn_out;    /* [D] recorded */
    bool attn_given, mlp_given, heads_given; /* were put in: nothing flows to what would have been computed */
} back_row;

/* The rows of some lanes in one layer: first of lanes that run it whole, then of lanes that join it the rows that are edited
 * or lose edges. */
typedef struct back_chunk {
    back_row *rows;
    size_t count, whole;
    float *d_post;     /* [count][D] the gradient of the layer's output; then of its input */
    float *d_attn_out; /* [count][D] */
} back_chunk;

typedef struct back_walk {
    decoder *m;
    const replay_fork *forks; /* [0] */
    const fork_gradient *gradients;
    weight_gradients weights;
    arena memory;
    float *cosine, *sine;
    replay_work *work;
} back_walk;

/* Hands out the gradient of a site's row. */
static void give_gradient(const back_walk *b, const replay_fork *f, site s, size_t layer, size_t position,
                          const float *row)
{
    const fork_gradient *g = &b->gradients[f - b->forks];
    const decoder_config *c = &b->m->config;
    lane_tap(g->taps, g->tap_count, s, layer, position, row,
             s == SITE_HEAD_OUT ? c->heads * c->head_dim : c->d_model);
    if (g->each)
        g->each(g->context, s, layer, position, row);
}

static float *wanted_weight(const back_walk *b, size_t layer, decoder_part part)
{
    return b->weights ? b->weights[layer][part] : NULL;
}

/* ---- products ---- */

/* dx[rows][in] = dy w, and, where wanted, the gradients of w and its bias from the rows x that w multiplied. */
static pb_status product_backward(const back_walk *b, const layer_walk *k, float *dx, const float *dy, const float *x,
                                  decoder_part w, decoder_part bias, size_t rows, size_t out, size_t in, pb_error *err)
{
    float *dw = wanted_weight(b, k->layer, w), *dbias = wanted_weight(b, k->layer, bias);
    double begin = clock_now();
    TRY(matmul_linear_input(dx, dy, k->w[w], rows, out, in, err));
    if (dw)
        TRY(matmul_linear_weight(dw, NULL, dy, x, rows, out, in, err));
    if (dbias)
        add_column_sums(dbias, dy, rows, out);
    k->work->products += clock_now() - begin;
    k->work->flop += (dw ? 4.0 : 2.0) * (double)rows * (double)out * (double)in;
    return PB_OK;
}

/* dx[rows][D] += dy's through a norm of x. */
static void norm_backward(const back_walk *b, const layer_walk *k, float *dx, const float *dy, const float *x,
                          decoder_part w, decoder_part bias, size_t rows)
{
    decoder_norm_backward(k->c, dx, wanted_weight(b, k->layer, w), wanted_weight(b, k->layer, bias), dy, x,
                          k->w[w].f32, rows);
}

/* ---- rows ---- */

static back_row row_of(const back_walk *b, const lane *n, size_t layer, size_t p)
{
    const replay_fork *f = n->f;
    return (back_row){
        .lane = n, .position = p, .d = n->x + (p - f->first) * b->m->config.d_model,
        .pre = recording_row(f->record, SITE_RESID_PRE, layer, p),
        .attn_out = recording_row(f->record, SITE_ATTN_OUT, layer, p),
        .attn_given = lane_edited(f, SITE_ATTN_OUT, layer, p), .mlp_given = lane_edited(f, SITE_MLP_OUT, layer, p),
        .heads_given = !lane_edited(f, SITE_ATTN_OUT, layer, p) && lane_edits_heads(f, layer, p),
    };
}

static pb_status collect(const back_walk *b, const layer_walk *k, const lane *lanes, size_t count, back_chunk *c,
                         pb_error *err)
{
    size_t most = 0, D = k->c->d_model;
    for (size_t i = 0; i < count; i++)
        most += lane_rows(&lanes[i]);
    *c = (back_chunk){0};
    TRY(arena_try(k->memory, &c->rows, most, sizeof *c->rows, "a chunk's rows", err));
    for (int joining = 0; joining < 2; joining++) {
        for (size_t i = 0; i < count; i++)
            for (size_t p = lanes[i].f->first; p < lanes[i].f->end; p++) {
                back_row r = row_of(b, &lanes[i], k->layer, p);
                if ((lanes[i].joins && lanes[i].start == k->layer) == joining &&
                    (!joining || lane_differs(lanes[i].f, k->layer, p)))
                    c->rows[c->count++] = r;
            }
        c->whole = joining ? c->whole : c->count;
    }
    TRY(layer_rows(k, &c->d_post, c->count, D, err));
    for (size_t i = 0; i < c->count; i++)
        memcpy(c->d_post + i * D, c->rows[i].d, D * sizeof(float));
    return PB_OK;
}

/* Hands out the gradient d[count][D] of a site's rows, and lets nothing flow on to rows that were put in. */
static void take_site(const back_walk *b, const layer_walk *k, const back_chunk *c, site s, float *d)
{
    size_t D = k->c->d_model;
    for (size_t i = 0; i < c->count; i++) {
        const back_row *r = &c->rows[i];
        give_gradient(b, r->lane->f, s, k->layer, r->position, d + i * D);
        if (s == SITE_ATTN_OUT ? r->attn_given : r->mlp_given)
            memset(d + i * D, 0, D * sizeof *d);
    }
}

/* ---- the MLP ---- */

/* The rows that the MLP's norm reads: resid_pre + attn_out, or in a parallel block resid_pre. */
static pb_status mid_rows(const layer_walk *k, const back_chunk *c, float **mid, pb_error *err)
{
    size_t D = k->c->d_model;
    TRY(layer_rows(k, mid, c->count, D, err));
    for (size_t i = 0; i < c->count; i++) {
        memcpy(*mid + i * D, c->rows[i].pre, D * sizeof(float));
        if (!k->c->parallel)
            add_rows(*mid + i * D, c->rows[i].attn_out, D);
    }
    return PB_OK;
}

/* d_normed[n][D] from d_inner[n][F], the gradient of what the down projection takes; up and gate as they were before
 * the activation, which is overwritten. */
static pb_status gates_backward(const back_walk *b, const layer_walk *k, size_t n, const float *normed, float *d_inner,
                                const float *gate, const float *up, float *d_normed, pb_error *err)
{
    size_t D = k->c->d_model, F = k->c->d_ff;
    if (!k->c->gated) {
        activate_backward(k->c->act, d_inner, up, n * F);
        return product_backward(b, k, d_normed, d_inner, normed, PART_UP, PART_UP_BIAS, n, F, D, err);
    }
    float *d_gate, *d_up, *more;
    TRY(layer_rows(k, &d_gate, n, F, err));
    TRY(layer_rows(k, &d_up, n, F, err));
    TRY(layer_rows(k, &more, n, D, err));
    activate_gated_backward(k->c->act, d_gate, d_up, d_inner, gate, up, n * F);
    TRY(product_backward(b, k, d_normed, d_up, normed, PART_UP, PART_UP_BIAS, n, F, D, err));
    TRY(product_backward(b, k, more, d_gate, normed, PART_GATE, PART_GATE_BIAS, n, F, D, err));
    add_rows(d_normed, more, n * D);
    return PB_OK;
}

/* inner[n][F], gate and up [n][F] of normed rows, as the forward had them. */
static pb_status activated_again(const layer_walk *k, const float *normed, size_t n, float **inner, float **gate,
                                 float **up, pb_error *err)
{
    size_t D = k->c->d_model, F = k->c->d_ff;
    *gate = NULL;
    TRY(layer_rows(k, up, n, F, err));
    TRY(layer_rows(k, inner, n, F, err));
    TRY(layer_product(k, *up, normed, PART_UP, PART_UP_BIAS, n, F, D, err));
    if (!k->c->gated) {
        memcpy(*inner, *up, n * F * sizeof(float));
        activate(k->c->act, *inner, n * F);
        return PB_OK;
    }
    TRY(layer_rows(k, gate, n, F, err));
    TRY(layer_product(k, *gate, normed, PART_GATE, PART_GATE_BIAS, n, F, D, err));
    memcpy(*inner, *gate, n * F * sizeof(float));
    activate_gated(k->c->act, *inner, *up, n * F);
    return PB_OK;
}

/* Of mlp_out = down(activated(norm(mid))): leaves d_attn_out, and in d_post what flows to the layer's input past
 * attention. */
static pb_status mlp_backward(const back_walk *b, const layer_walk *k, back_chunk *c, pb_error *err)
{
    size_t D = k->c->d_model, F = k->c->d_ff, n = c->count;
    float *mid, *normed, *inner, *gate, *up, *d_mlp, *d_inner, *d_normed;
    TRY(layer_rows(k, &d_mlp, n, D, err));
    TRY(layer_rows(k, &c->d_attn_out, n, D, err));
    memcpy(d_mlp, c->d_post, n * D * sizeof(float));
    memcpy(c->d_attn_out, c->d_post, n * D * sizeof(float));
    take_site(b, k, c, SITE_MLP_OUT, d_mlp);

    TRY(mid_rows(k, c, &mid, err));
    TRY(layer_rows(k, &normed, n, D, err));
    TRY(layer_rows(k, &d_normed, n, D, err));
    TRY(layer_rows(k, &d_inner, n, F, err));
    decoder_norm(k->c, normed, mid, k->w[PART_MLP_NORM].f32, k->w[PART_MLP_NORM_BIAS].f32, n);
    TRY(activated_again(k, normed, n, &inner, &gate, &up, err));
    TRY(product_backward(b, k, d_inner, d_mlp, inner, PART_DOWN, PART_DOWN_BIAS, n, D, F, err));
    TRY(gates_backward(b, k, n, normed, d_inner, gate, up, d_normed, err));
    norm_backward(b, k, c->d_post, d_normed, mid, PART_MLP_NORM, PART_MLP_NORM_BIAS, n);
    if (!k->c->parallel)
        memcpy(c->d_attn_out, c->d_post, n * D * sizeof(float));
    take_site(b, k, c, SITE_ATTN_OUT, c->d_attn_out);
    return PB_OK;
}

/* ---- attention ---- */

/* Hands out the gradient of a row's heads, and lets nothing flow on to heads that were put in. */
static void take_heads(const back_walk *b, const layer_walk *k, const back_row *r, float *d_z)
{
    const replay_fork *f = r->lane->f;
    size_t d = k->c->head_dim;
    give_gradient(b, f, SITE_HEAD_OUT, k->layer, r->position, d_z);
    for (size_t i = 0, first, end; r->heads_given && i < f->edit_count; i++)
        if (lane_heads(f, i, k->layer, r->position, k->c, &first, &end))
            memset(d_z + first * d, 0, (end - first) * d * sizeof *d_z);
}

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
    if (wanted_weight(b, k->layer, PART_O))
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
    TRY(product_backward(b, k, a->d_z, c->d_attn_out, a->z, PART_O, PART_O_BIAS, a->n, D, width, err));
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

/* Of attn_out = o(heads), of the rows that join with heads put in beside their base's: what lies below is a constant. */
static pb_status joined_heads_backward(const back_walk *b, const layer_walk *k, const back_chunk *c, pb_error *err)
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
    TRY(product_backward(b, k, d_z, d_attn_out, z, PART_O, PART_O_BIAS, n, D, width, err));
    for (size_t i = 0; i < n; i++)
        take_heads(b, k, rows[i], d_z + i * width);
    return PB_OK;
}

/* Of attn_out = o(attention(norm(pre))): leaves in d_post the gradient of the layer's input. */
static pb_status attend_backward(const back_walk *b, const layer_walk *k, back_chunk *c, pb_error *err)
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
    TRY(product_backward(b, k, d_normed, a.d_q, a.normed, PART_Q, PART_Q_BIAS, n, width, D, err));
    TRY(product_backward(b, k, more, a.d_k, a.normed, PART_K, PART_K_BIAS, n, kv_width, D, err));
    add_rows(d_normed, more, n * D);
    TRY(product_backward(b, k, more, a.d_v, a.normed, PART_V, PART_V_BIAS, n, kv_width, D, err));
    add_rows(d_normed, more, n * D);
    norm_backward(b, k, c->d_post, d_normed, a.pre, PART_ATTN_NORM, PART_ATTN_NORM_BIAS, n);
    return PB_OK;
}

/* ---- the walk ---- */

/* The residual stream before layer `index`: its gradient is handed out, and stops at rows that were put in. */
static void leave(const back_walk *b, const lane *n, size_t index)
{
    size_t D = b->m->config.d_model, L = b->m->config.layers;
    const replay_fork *f = n->f;
    for (size_t p = f->first; p < f->end; p++) {
        float *d = n->x + (p - f->first) * D;
        if (index < L)
            give_gradient(b, f, SITE_RESID_PRE, index, p, d);
        if (index > 0)
            give_gradient(b, f, SITE_RESID_POST, index - 1, p, d);
        if (lane_edited_residual(f, index, L, p))
            memset(d, 0, D * sizeof *d);
    }
}

static pb_status back_chunk_run(const back_walk *b, const layer_walk *k, lane *lanes, size_t count, pb_error *err)
{
    back_chunk c;
    size_t D = k->c->d_model;
    arena_reset(k->memory);
    TRY(collect(b, k, lanes, count, &c, err));
    TRY(mlp_backward(b, k, &c, err));
    TRY(joined_heads_backward(b, k, &c, err));
    TRY(attend_backward(b, k, &c, err));
    for (size_t i = 0; i < c.whole; i++)
        memcpy(c.rows[i].d, c.d_post + i * D, D * sizeof(float));
    for (size_t i = 0; i < count; i++)
        if (!lanes[i].joins || lanes[i].start < k->layer)
            leave(b, &lanes[i], k->layer);
    return PB_OK;
}

static pb_status back_layer(back_walk *b, size_t layer, lane *lanes, size_t count, pb_error *err)
{
    layer_walk step = {.c = &b->m->config, .layer = layer, .cosine = b->cosine, .sine = b->sine, .memory = &b->memory,
                       .work = b->work};
    double begin = clock_now();
    TRY(stop_check(err));
    if (layer > lanes[0].start)
        decoder_layer_ahead(b->m, layer - 1);
    TRY(decoder_read_layer(b->m, layer, step.w, err));
    b->work->loading += clock_now() - begin;
    for (size_t i = 0, n, rows; i < count; i += n) {
        n = lanes_within(lanes + i, count - i, CHUNK_ROWS, &rows);
        TRY(stop_check(err));
        TRY(back_chunk_run(b, &step, lanes + i, n, err));
    }
    decoder_layer_leave(b->m, layer);
    return decoder_check_layer(b->m, layer, err);
}

/* The gradients with which lanes begin, after the last layer. */
static void seed(const back_walk *b, lane *lanes, size_t count)
{
    size_t D = b->m->config.d_model;
    for (size_t i = 0; i < count; i++) {
        const replay_fork *f = lanes[i].f;
        size_t unread = f->read_first - f->first;
        memset(lanes[i].x, 0, unread * D * sizeof(float));
        memcpy(lanes[i].x + unread * D, b->gradients[f - b->forks].d_read,
               (f->end - f->read_first) * D * sizeof(float));
        leave(b, &lanes[i], b->m->config.layers);
    }
}

/* Lanes are sorted by their start, so those that live in a layer stand first. */
static pb_status back_wave(back_walk *b, lane *lanes, size_t count, size_t rows, pb_error *err)
{
    size_t D = b->m->config.d_model, live = count;
    float *d;
    TRY(mem_try(&d, rows, D * sizeof *d, "a wave's gradients", err));
    float *at = d;
    for (size_t i = 0; i < count; i++) {
        lanes[i].x = at;
        at += lane_rows(&lanes[i]) * D;
    }
    seed(b, lanes, count);
    pb_status status = PB_OK;
    for (size_t layer = b->m->config.layers; layer-- > 0 && !status;) {
        while (live && lanes[live - 1].start > layer)
            live--;
        if (live)
            status = back_layer(b, layer, lanes, live, err);
    }
    free(d);
    return status;
}

/* Where a fork joins by a cut, keys are its base's: what they owe to the layer's weights is not in the fork. */
static pb_status check_weights(const lane *lanes, size_t count, pb_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < lanes[i].f->cut_count; c++)
            if (lanes[i].joins && cut_is_felt(&lanes[i].f->cuts[c]) && lanes[i].f->cuts[c].first_layer == lanes[i].start)
                return fail(err, PB_EINVAL, "no gradients of weights through a run that begins at a cut attention edge (in "
                            "layer %zu): give it an input", lanes[i].start);
    return PB_OK;
}

pb_status backward_run(decoder *m, replay_fork *forks, const fork_gradient *gradients, size_t count,
                       weight_gradients weights, size_t memory, replay_work *work, pb_error *err)
{
    back_walk b = {.m = m, .forks = forks, .gradients = gradients, .weights = weights, .work = work};
    lane *lanes = lanes_sorted(forks, count, m->config.layers);
    pb_status status = weights ? check_weights(lanes, count, err) : PB_OK;
    if (!status)
        status = layer_angles(&m->config, forks, count, &b.cosine, &b.sine, err);
    for (size_t i = 0, n, rows; i < count && !status; i += n) {
        n = lanes_within(lanes + i, count - i, memory / (m->config.d_model * sizeof(float)), &rows);
        status = back_wave(&b, lanes + i, n, rows, err);
    }
    if (!status)
        status = decoder_check(m, err);
    free(lanes);
    free(b.cosine);
    free(b.sine);
    arena_free(&b.memory);
    return status;
}

size_t backward_fixed_bytes(const decoder *m, size_t longest)
{
    const decoder_config *c = &m->config;
    size_t rows = longest > CHUNK_ROWS ? longest : CHUNK_ROWS;
    size_t attention_width = 4 * c->heads * c->head_dim + 2 * c->kv_heads * c->head_dim;
    return rows * (12 * c->d_model + attention_width + (c->gated ? 6 : 3) * c->d_ff) * sizeof(float) + layer_bytes(m, rows);
}
