/* recording.c: see recording.h. */
#include "engine/recording.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

size_t site_row_width(const decoder_config *c, site s)
{
    return s == SITE_MLP_POST ? c->d_ff : s == SITE_HEAD_OUT ? c->heads * c->head_dim : c->d_model;
}

typedef struct sizes { /* elements */
    size_t k, v, resid, site;
} sizes;

static sizes sizes_of(const decoder_config *c, size_t first, size_t end, size_t sites_first)
{
    size_t kv_width = c->kv_heads * c->head_dim, kept = end - sites_first;
    return (sizes){
        .k = c->layers * kv_width * kv_stride(end - first),
        .v = c->layers * kv_width * (end - first),
        .resid = (c->layers + 1) * kept * c->d_model,
        .site = c->layers * kept * c->d_model,
    };
}

size_t recording_bytes(const decoder_config *c, size_t first, size_t end, size_t sites_first)
{
    sizes s = sizes_of(c, first, end, sites_first);
    return (s.k + s.v + s.resid + 2 * s.site) * sizeof(float);
}

static pb_status allocate(recording *r, const sizes *s, pb_error *err)
{
    TRY(mem_try(&r->k, s->k, sizeof(float), "a recording's keys", err));
    TRY(mem_try(&r->v, s->v, sizeof(float), "a recording's values", err));
    TRY(mem_try(&r->resid, s->resid, sizeof(float), "a recording's residuals", err));
    TRY(mem_try(&r->attn_out, s->site, sizeof(float), "a recording's attention outputs", err));
    return mem_try(&r->mlp_out, s->site, sizeof(float), "a recording's MLP outputs", err);
}

pb_status recording_new(recording **out, const decoder_config *c, const recording *base, size_t first, size_t end,
                        size_t sites_first, pb_error *err)
{
    recording *r = mem_new(1, sizeof *r);
    *r = (recording){.base = base, .first = first, .end = end, .sites_first = sites_first, .layers = c->layers,
                     .d_model = c->d_model, .kv_width = c->kv_heads * c->head_dim, .k_stride = kv_stride(end - first)};
    sizes s = sizes_of(c, first, end, sites_first);
    pb_status status = allocate(r, &s, err);
    if (status) {
        recording_free(r);
        r = NULL;
    }
    *out = r;
    return status;
}

size_t recording_heads_bytes(const decoder_config *c, size_t end, size_t sites_first)
{
    return c->layers * (end - sites_first) * c->heads * c->head_dim * sizeof(float);
}

pb_status recording_keep_heads(recording *r, const decoder_config *c, pb_error *err)
{
    size_t rows = r->layers * (r->end - r->sites_first);
    r->z_width = c->heads * c->head_dim;
    return mem_try(&r->z, rows * r->z_width, sizeof(float), "a recording's heads", err);
}

void recording_free(recording *r)
{
    if (!r)
        return;
    free(r->k);
    free(r->v);
    free(r->resid);
    free(r->attn_out);
    free(r->mlp_out);
    free(r->z);
    free(r);
}

const float *recording_row(const recording *r, site s, size_t layer, size_t position)
{
    while (r && position < r->first)
        r = r->base;
    if (!r || position < r->sites_first || position >= r->end)
        return NULL;
    size_t kept = r->end - r->sites_first, row = position - r->sites_first;
    switch (s) {
    case SITE_RESID_PRE: return r->resid + (layer * kept + row) * r->d_model;
    case SITE_RESID_POST: return r->resid + ((layer + 1) * kept + row) * r->d_model;
    case SITE_ATTN_OUT: return r->attn_out + (layer * kept + row) * r->d_model;
    case SITE_MLP_OUT: return r->mlp_out + (layer * kept + row) * r->d_model;
    case SITE_HEAD_OUT: return r->z ? r->z + (layer * kept + row) * r->z_width : NULL;
    case SITE_PUT_COUNT:
    case SITE_READ_COUNT: break;
    }
    return NULL;
}

void recording_put(recording *r, size_t layer, size_t first, size_t n, const float *keys, const float *values,
                   kv_segment *segment)
{
    size_t held = first - r->first;
    float *k = r->k + layer * r->kv_width * r->k_stride, *v = r->v + (layer * (r->end - r->first) + held) * r->kv_width;
    kv_append(k, held, keys, n, r->kv_width, r->k_stride);
    memcpy(v, values, n * r->kv_width * sizeof *v);
    *segment = (kv_segment){.first = first, .end = first + n, .k = k + held, .k_stride = r->k_stride, .v = v};
}

size_t recording_segments(const recording *r, size_t layer, size_t end, kv_segment *segments)
{
    if (!r || end == 0)
        return 0;
    size_t n = recording_segments(r->base, layer, r->first < end ? r->first : end, segments);
    if (end <= r->first)
        return n;
    if (segments)
        segments[n] = (kv_segment){
            .first = r->first,
            .end = end,
            .k = r->k + layer * r->kv_width * r->k_stride,
            .k_stride = r->k_stride,
            .v = r->v + layer * (r->end - r->first) * r->kv_width,
        };
    return n + 1;
}
