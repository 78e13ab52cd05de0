/* backward.c: see backward.h.
 *
 * The walk: lanes as in replay.c, from the last layer down to the one where each starts. Per layer and chunk the rows' d_post
 * goes through the MLP and attention (backward_parts.h), which compute anew what the forward had, and becomes d_pre, the d_post of
 * the layer below. */
#include "engine/backward.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/process.h"
#include "engine/backward_parts.h"

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

/* ---- a layer ---- */

/* The residual stream before layer `index`: its gradient is handed out, and stops at rows that were put in. */
static void leave(const back_walk *b, const lane *n, size_t index)
{
    size_t D = b->m->config.d_model, L = b->m->config.layers;
    const replay_fork *f = n->f;
    for (size_t p = f->first; p < f->end; p++) {
        float *d = n->x + (p - f->first) * D;
        if (index < L)
            back_give(b, f, SITE_RESID_PRE, index, p, d);
        if (index > 0)
            back_give(b, f, SITE_RESID_POST, index - 1, p, d);
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
    TRY(back_mlp(b, k, &c, err));
    TRY(back_joined_heads(b, k, &c, err));
    TRY(back_attend(b, k, &c, err));
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

/* ---- the walk ---- */

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
