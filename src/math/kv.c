/* kv.c: see kv.h. */
#include "math/kv.h"

#include <string.h>

#include "base/on_threads.h"

enum {
    LINE = 16,            /* floats of a cache's line, which is read once */
    SMALL_STORE = 1 << 16 /* elements that take less than threads need to meet */
};

/* kt[columns][stride] from column `held` on = transpose of the first `columns` of k[rows][width]; zeros behind. */
static void append_columns(float *kt, size_t held, const float *k, size_t rows, size_t width, size_t columns,
                           size_t stride)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            kt[c * stride + held + r] = k[r * width + c];
    for (size_t c = 0; c < columns; c++)
        memset(kt + c * stride + held + rows, 0, (stride - held - rows) * sizeof *kt);
}

size_t kv_stride(size_t n)
{
    return (n + KV_COLUMNS - 1) / KV_COLUMNS * KV_COLUMNS;
}

void kv_append(float *kt, size_t held, const float *k, size_t rows, size_t width, size_t stride)
{
    ON_THREADS(rows * width > SMALL_STORE, schedule(static),
        for (size_t c = 0; c < width; c += LINE)
            append_columns(kt + c * stride, held, k + c, rows, width, width - c < LINE ? width - c : LINE, stride);)
}

void kv_transpose(float *kt, const float *k, size_t rows, size_t width, size_t stride)
{
    kv_append(kt, 0, k, rows, width, stride);
}
