/* backward_layer.c: steps of a layer's backward that its parts share: see backward_parts.h. */
#include "engine/backward_parts.h"

#include <string.h>

#include "base/process.h"
#include "math/matmul.h"

/* ---- matrices and norms ---- */

float *back_wanted(const back_walk *b, size_t layer, decoder_part part)
{
    return b->weights ? b->weights[layer][part] : NULL;
}

pb_status back_product(const back_walk *b, const layer_walk *k, float *dx, const float *dy, const float *x,
                       decoder_part w, decoder_part bias, size_t rows, size_t out, size_t in, pb_error *err)
{
    float *dw = back_wanted(b, k->layer, w), *dbias = back_wanted(b, k->layer, bias);
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

void back_norm(const back_walk *b, const layer_walk *k, float *dx, const float *dy, const float *x, decoder_part w,
               decoder_part bias, size_t rows)
{
    decoder_norm_backward(k->c, dx, back_wanted(b, k->layer, w), back_wanted(b, k->layer, bias), dy, x,
                          k->w[w].f32, rows);
}

/* ---- what is handed out ---- */

void back_give(const back_walk *b, const replay_fork *f, site s, size_t layer, size_t position, const float *row)
{
    const fork_gradient *g = &b->gradients[f - b->forks];
    const decoder_config *c = &b->m->config;
    lane_tap(g->taps, g->tap_count, s, layer, position, row,
             s == SITE_HEAD_OUT ? c->heads * c->head_dim : c->d_model);
    if (g->each)
        g->each(g->context, s, layer, position, row);
}

void back_take_site(const back_walk *b, const layer_walk *k, const back_chunk *c, site s, float *d)
{
    size_t D = k->c->d_model;
    for (size_t i = 0; i < c->count; i++) {
        const back_row *r = &c->rows[i];
        back_give(b, r->lane->f, s, k->layer, r->position, d + i * D);
        if (s == SITE_ATTN_OUT ? r->attn_given : r->mlp_given)
            memset(d + i * D, 0, D * sizeof *d);
    }
}
