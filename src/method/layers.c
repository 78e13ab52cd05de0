/* layers.c: see layers.h. */
#include "method/layers.h"

#include "base/memory.h"

pb_status layers_check(size_t first, size_t *end, size_t L, const char *of, pb_error *err)
{
    *end = *end ? *end : L;
    if (first >= *end || *end > L)
        return fail(err, PB_EINVAL, "--layers %zu:%zu: %s has layers 0:%zu", first, *end, of, L);
    return PB_OK;
}

pb_status layers_choose(size_t first, size_t end, size_t L, const char *of, size_t **layers, size_t *count, pb_error *err)
{
    *layers = NULL;
    TRY(layers_check(first, &end, L, of, err));
    *count = end - first;
    *layers = mem_new(*count, sizeof **layers);
    for (size_t i = 0; i < *count; i++)
        (*layers)[i] = first + i;
    return PB_OK;
}

void layers_windows(window_kind kind, size_t size, const size_t *layers, size_t count, size_t L, size_t (*windows)[2])
{
    size_t below = kind == WINDOW_RADIUS ? size : size / 2;
    size_t above = kind == WINDOW_RADIUS ? size + 1 : (size + 1) / 2;
    for (size_t i = 0; i < count; i++) {
        windows[i][0] = layers[i] > below ? layers[i] - below : 0;
        windows[i][1] = (above < L - layers[i] ? layers[i] + above : L) - 1;
    }
}
