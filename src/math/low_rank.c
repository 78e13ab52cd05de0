/* low_rank.c: see low_rank.h. */
#include "math/low_rank.h"

#include "math/multiversion.h"

enum { LANES = 16 }; /* partial sums, so that the compiler may use vectors */

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
