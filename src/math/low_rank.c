/* low_rank.c: see low_rank.h. */
#include "math/low_rank.h"

#include <string.h>

#include "math/multiversion.h"

enum {
    LANES = 16,               /* partial sums, so that the compiler may use vectors */
    TILE = 64, TILE_RANK = 64 /* columns of a matrix whose sums stay in registers; rows of `right` packed for them */
};

MULTIVERSION float dot(const float *x, const float *y, size_t n)
{
    float sum[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            sum[j] += x[i + j] * y[i + j];
    for (size_t j = 0; i < n; i++, j++)
        sum[j] += x[i] * y[i];
    for (size_t j = 0; j < LANES; j++)
        total += sum[j];
    return total;
}

MULTIVERSION static void add_scaled(float *y, const float *x, float s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

void low_rank_add(float *y, const float *x, const float *a, const float *b, size_t rank, size_t out, size_t in)
{
    for (size_t r = 0; r < rank; r++)
        add_scaled(y, b + r * out, dot(x, a + r * in, in), out);
}

/* w[n] += c[rank] right[rank][TILE], n at most TILE: one row of a tile. */
INLINE void merge_row(float *w, const float *c, float (*right)[TILE], size_t rank, size_t n)
{
    float sum[TILE] = {0};
    for (size_t r = 0; r < rank; r++)
        for (size_t j = 0; j < TILE; j++)
            sum[j] += c[r] * right[r][j];
    for (size_t j = 0; j < n; j++)
        w[j] = sum[j] == 0 ? w[j] : w[j] + sum[j];
}

/* The rows of `right` lie a whole row apart, which for many widths is the same lines of the cache: a tile of them is
 * packed first. */
MULTIVERSION static void merge_tile(float *w, const float *left, const float *right, size_t rows, size_t in,
                                    size_t left_rank, size_t rank, size_t n)
{
    float packed[TILE_RANK][TILE] = {0};
    for (size_t r = 0; r < rank; r++)
        memcpy(packed[r], right + r * in, n * sizeof *right);
    if (n == TILE) /* a constant, by which the row is vectorised to its end */
        for (size_t i = 0; i < rows; i++)
            merge_row(w + i * in, left + i * left_rank, packed, rank, TILE);
    else
        for (size_t i = 0; i < rows; i++)
            merge_row(w + i * in, left + i * left_rank, packed, rank, n);
}

void low_rank_merge(float *w, const float *left, const float *right, size_t rows, size_t in, size_t rank)
{
    for (size_t r = 0; r < rank; r += TILE_RANK)
        for (size_t j = 0; j < in; j += TILE)
            merge_tile(w + j, left + r, right + r * in + j, rows, in, rank, rank - r < TILE_RANK ? rank - r : TILE_RANK,
                       in - j < TILE ? in - j : TILE);
}
