/* trace_heads.c: see trace_heads.h. */
#include "method/trace_heads.h"

#include <math.h>

const trace_grid *trace_heads_grid(const trace *t)
{
    for (size_t s = 0; s < t->site_count; s++)
        if (t->sites[s].site == SITE_HEAD_OUT)
            return &t->sites[s];
    return NULL;
}

bool trace_head_strongest(const trace *t, size_t layer, size_t head, const size_t *columns, size_t count, trace_head *out)
{
    const trace_grid *g = trace_heads_grid(t);
    bool found = false;
    for (size_t i = 0; i < (columns ? count : t->cell_count); i++) {
        size_t column = columns ? columns[i] : i;
        double prob = g->prob[(layer * t->cell_count + column) * g->heads + head];
        double effect = t->direction == TRACE_DENOISE ? prob - t->corrupted.prob : t->clean.prob - prob;
        if (isfinite(effect) && (!found || effect > out->effect)) {
            *out = (trace_head){.layer = layer, .head = head, .column = column, .prob = prob, .effect = effect};
            found = true;
        }
    }
    return found;
}

size_t trace_top_heads(const trace *t, trace_head *top, size_t most)
{
    const trace_grid *g = trace_heads_grid(t);
    size_t count = 0;
    for (size_t i = 0; g && i < t->layer_count * g->heads; i++) {
        trace_head one;
        if (!trace_head_strongest(t, i / g->heads, i % g->heads, NULL, 0, &one) || one.effect <= 0)
            continue;
        if (count == most && !(one.effect > top[most - 1].effect))
            continue;
        size_t at = count < most ? count++ : most - 1;
        for (; at > 0 && one.effect > top[at - 1].effect; at--)
            top[at] = top[at - 1];
        top[at] = one;
    }
    return count;
}
