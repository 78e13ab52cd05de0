/* backward_mlp.c: gradients through a layer's MLP, mlp_out = down(activated(norm(mid))). With the forward's lines in chunk.c on
 * the right:
 *
 *     up, gate, inner       computed anew from the recorded residual      activated
 *     d_inner  = d_mlp_out W_down                                         feed_forward
 *     d_normed = d_up W_up + d_gate W_gate
 *     d_mid    = d_post + norm'(d_normed)                                 add_site, gather_normed
 *
 * In a parallel block the norm sees the layer's input, and d_attn_out is d_post; else it is d_mid. */
#include "engine/backward_parts.h"

#include <string.h>

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
        return back_product(b, k, d_normed, d_inner, normed, PART_UP, PART_UP_BIAS, n, F, D, err);
    }
    float *d_gate, *d_up, *more;
    TRY(layer_rows(k, &d_gate, n, F, err));
    TRY(layer_rows(k, &d_up, n, F, err));
    TRY(layer_rows(k, &more, n, D, err));
    activate_gated_backward(k->c->act, d_gate, d_up, d_inner, gate, up, n * F);
    TRY(back_product(b, k, d_normed, d_up, normed, PART_UP, PART_UP_BIAS, n, F, D, err));
    TRY(back_product(b, k, more, d_gate, normed, PART_GATE, PART_GATE_BIAS, n, F, D, err));
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

pb_status back_mlp(const back_walk *b, const layer_walk *k, back_chunk *c, pb_error *err)
{
    size_t D = k->c->d_model, F = k->c->d_ff, n = c->count;
    float *mid, *normed, *inner, *gate, *up, *d_mlp, *d_inner, *d_normed;
    TRY(layer_rows(k, &d_mlp, n, D, err));
    TRY(layer_rows(k, &c->d_attn_out, n, D, err));
    memcpy(d_mlp, c->d_post, n * D * sizeof(float));
    memcpy(c->d_attn_out, c->d_post, n * D * sizeof(float));
    back_take_site(b, k, c, SITE_MLP_OUT, d_mlp);

    TRY(mid_rows(k, c, &mid, err));
    TRY(layer_rows(k, &normed, n, D, err));
    TRY(layer_rows(k, &d_normed, n, D, err));
    TRY(layer_rows(k, &d_inner, n, F, err));
    decoder_norm(k->c, normed, mid, k->w[PART_MLP_NORM].f32, k->w[PART_MLP_NORM_BIAS].f32, n);
    TRY(activated_again(k, normed, n, &inner, &gate, &up, err));
    TRY(back_product(b, k, d_inner, d_mlp, inner, PART_DOWN, PART_DOWN_BIAS, n, D, F, err));
    TRY(gates_backward(b, k, n, normed, d_inner, gate, up, d_normed, err));
    back_norm(b, k, c->d_post, d_normed, mid, PART_MLP_NORM, PART_MLP_NORM_BIAS, n);
    if (!k->c->parallel)
        memcpy(c->d_attn_out, c->d_post, n * D * sizeof(float));
    back_take_site(b, k, c, SITE_ATTN_OUT, c->d_attn_out);
    return PB_OK;
}
