/* spearman.c: see spearman.h. */
#include "method/spearman.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

typedef struct ranked {
    double value;
    size_t at;
} ranked;

static int by_value(const void *a, const void *b)
{
    double x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;
    return (x > y) - (x < y);
}

/* rank[n] of x[n], from 0; false where a value is NAN. */
static bool rank_values(const double *x, size_t n, double *rank)
{
    ranked *order = mem_new(n, sizeof *order);
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        order[i] = (ranked){x[i], i};
        whole &= !isnan(x[i]);
    }
    qsort(order, n, sizeof *order, by_value);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && order[end].value == order[i].value; end++)
            ;
        for (size_t k = i; k < end; k++)
            rank[order[k].at] = (double)(i + end - 1) / 2;
    }
    free(order);
    return whole;
}

static double pearson(const double *a, const double *b, size_t n)
{
    double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        mean_a += a[i] / (double)n;
        mean_b += b[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

double spearman_of(const double *a, const double *b, size_t n)
{
    if (n < 2)
        return NAN;
    double *ranks = mem_new(2 * n, sizeof *ranks);
    bool whole = rank_values(a, n, ranks) & rank_values(b, n, ranks + n);
    double r = whole ? pearson(ranks, ranks + n, n) : NAN;
    free(ranks);
    return r;
}
