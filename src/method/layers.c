/* layers.c: see layers.h. */
#include "method/layers.h"

#include "base/memory.h"

pb_status layers_choose(size_t first, size_t end, size_t L, size_t **layers, size_t *count, pb_error *err)
{
    end = end ? end : L;
    *layers = NULL;
    if (first >= end || end > L)
        return fail(err, PB_EINVAL, "--layers %zu:%zu: the model has layers 0:%zu", first, end, L);
    *count = end - first;
    *layers = mem_new(*count, sizeof **layers);
    for (size_t i = 0; i < *count; i++)
        (*layers)[i] = first + i;
    return PB_OK;
}

void layers_window(window_kind kind, size_t size, size_t l, size_t L, size_t *first, size_t *end)
{
    size_t below = kind == WINDOW_RADIUS ? size : size / 2;
    size_t above = kind == WINDOW_RADIUS ? size + 1 : (size + 1) / 2;
    *first = l > below ? l - below : 0;
    *end = above < L - l ? l + above : L;
}
