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
    pb_status status = matmul_linear(y, x, k->w[w], k->w[bias], rows, out, in, err);
    k->work->products += clock_now() - begin;
    k->work->flop += 2.0 * (double)rows * (double)out * (double)in;
    return status;
}

/* Whether b's keys and values stand right behind a's. */
static bool continues(const kv_segment *a, const kv_segment *b, size_t kv_width)
{
    size_t n = b->first - a->first;
    return a->k_stride == b->k_stride && a->k + n == b->k && a->v + n * kv_width == b->v;
}

pb_status layer_job(const layer_walk *k, const replay_fork *f, const kv_segment *own, attention_job *job, pb_error *err)
{
    const decoder_config *c = k->c;
    size_t below = recording_segments(f->base, k->layer, f->first, NULL);
    kv_segment *segments;
    TRY(arena_try(k->memory, &segments, below + 1, sizeof *segments, "a chunk's segments", err));
    recording_segments(f->base, k->layer, f->first, segments);
    if (below && continues(&segments[below - 1], own, c->kv_heads * c->head_dim))
        segments[--below].end = own->end; /* of one recording: loads run over the end of a stretch, not of a row */
    else
        segments[below] = *own;
    *job = (attention_job){.heads = c->heads, .kv_heads = c->kv_heads, .head_dim = c->head_dim,
                           .scale = 1.0f / sqrtf((float)c->head_dim), .causal = true, .segments = segments,
                           .segment_count = below + 1};
    return PB_OK;
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
