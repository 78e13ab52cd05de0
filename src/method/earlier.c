/* earlier.c: see earlier.h. */
#include "method/earlier.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool earlier_keep(earlier_runs *e, recording *run, const question *q)
{
    const decoder_config *c = &q->model->decoder.config;
    size_t input = run->end * c->d_model * sizeof(float), bytes = recording_bytes(c, 0, run->end, run->end) + input;
    float *rows;
    if (e->bytes + bytes > e->limit || mem_try(&rows, input, 1, "an earlier run", NULL))
        return false;
    memcpy(rows, q->input, input);
    e->items = mem_resize(e->items, e->count + 1, sizeof *e->items);
    e->items[e->count++] = (earlier_run){run, rows};
    e->bytes += bytes;
    return true;
}

size_t input_rows_alike(const float *a, const float *b, size_t most, size_t D)
{
    size_t rows = 0;
    while (rows < most && memcmp(a + rows * D, b + rows * D, D * sizeof *a) == 0)
        rows++;
    return rows;
}

const recording *earlier_find(const earlier_runs *e, const question *q, size_t most, size_t *rows)
{
    const recording *best = NULL;
    *rows = 0;
    for (size_t i = 0; e && i < e->count && *rows < most; i++) {
        const recording *run = e->items[i].run;
        size_t common = input_rows_alike(e->items[i].input, q->input, run->end < most ? run->end : most,
                                    q->model->decoder.config.d_model);
        if (common > *rows) {
            *rows = common;
            best = run;
        }
    }
    return best;
}

void earlier_free(earlier_runs *e)
{
    for (size_t i = 0; i < e->count; i++) {
        recording_free(e->items[i].run);
        free(e->items[i].input);
    }
    free(e->items);
    *e = (earlier_runs){.limit = e->limit};
}
