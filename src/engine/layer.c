/* layer.c: see layer.h. */
#include "engine/layer.h"

#include <math.h>

#include "base/process.h"
#include "math/matmul.h"

pb_status layer_rows(const layer_walk *k, float **out, size_t rows, size_t width, pb_error *err)
{
    return arena_try(k->memory, out, rows, width * sizeof **out, "a chunk's rows", err);
}

pb_status layer_product(const layer_walk *k, float *y, const float *x, decoder_part w, decoder_part bias, size_t rows,
                        size_t out, size_t in, pb_error *err)
{
    double begin = clock_now();
    pb_status status = matmul_linear(y, x, k->w[w], k->w[bias].f32, rows, out, in, err);
    k->work->products += clock_now() - begin;
    k->work->flop += 2.0 * (double)rows * (double)out * (double)in;
    return status;
}

size_t layer_bytes(const decoder *m, size_t rows)
{
    const decoder_config *c = &m->config;
    size_t heads = c->heads * c->head_dim, widest = c->d_model > c->d_ff ? c->d_model : c->d_ff;
    return m->store_bytes + weight_form_rounding(m->form, rows, heads > widest ? heads : widest);
}

/* Whether b's keys and values stand right behind a's. */
static bool continues(const kv_segment *a, const kv_segment *b, size_t kv_width)
{
    size_t n = b->first - a->first;
    return a->k_stride == b->k_stride && a->k + n == b->k && a->v + n * kv_width == b->v;
}

/* The base's keys and values of the positions below `end`, and room for one more segment. */
static pb_status base_segments(const layer_walk *k, const replay_fork *f, size_t end, kv_segment **segments, size_t *count,
                               pb_error *err)
{
    *count = recording_segments(f->base, k->layer, end, NULL);
    TRY(arena_try(k->memory, segments, *count + 1, sizeof **segments, "a chunk's segments", err));
    recording_segments(f->base, k->layer, end, *segments);
    return PB_OK;
}

static pb_status layer_cuts(const layer_walk *k, const replay_fork *f, attention_job *job, pb_error *err)
{
    attention_cut *cuts;
    job->cut_count = cuts_in_layer(f->cuts, f->cut_count, k->layer, NULL);
    if (job->cut_count == 0)
        return PB_OK;
    TRY(arena_try(k->memory, &cuts, job->cut_count, sizeof *cuts, "a chunk's cuts", err));
    cuts_in_layer(f->cuts, f->cut_count, k->layer, cuts);
    job->cuts = cuts;
    return PB_OK;
}

pb_status layer_job(const layer_walk *k, const replay_fork *f, const kv_segment *own, attention_job *job, pb_error *err)
{
    const decoder_config *c = k->c;
    kv_segment *segments;
    size_t count;
    TRY(base_segments(k, f, own ? f->first : f->end, &segments, &count, err));
    if (own && count && continues(&segments[count - 1], own, c->kv_heads * c->head_dim))
        segments[count - 1].end = own->end; /* of one recording: loads run over the end of a stretch, not of a row */
    else if (own)
        segments[count++] = *own;
    *job = (attention_job){.heads = c->heads, .kv_heads = c->kv_heads, .head_dim = c->head_dim,
                           .scale = 1.0f / sqrtf((float)c->head_dim), .causal = true, .segments = segments,
                           .segment_count = count};
    return layer_cuts(k, f, job, err);
}

pb_status layer_angles(const decoder_config *c, const replay_fork *forks, size_t count, float **cosine, float **sine,
                       pb_error *err)
{
    size_t longest = 0, half = c->rotary_dim / 2;
    for (size_t i = 0; i < count; i++)
        longest = forks[i].end > longest ? forks[i].end : longest;
    TRY(mem_try(cosine, longest, half * sizeof **cosine, "rotary angles", err));
    TRY(mem_try(sine, longest, half * sizeof **sine, "rotary angles", err));
    for (size_t t = 0; t < longest; t++)
        rope_angles(*cosine + t * half, *sine + t * half, c->rope_frequency, half, t);
    return PB_OK;
}
