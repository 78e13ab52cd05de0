/* rate.c: see rate.h. */
#include "math/rate.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "math/matmul.h"
#include "math/multiversion.h"

/* A measurement is repeated so often, and for so many seconds, but not for long. The first time counts only where it takes
 * long itself, for kernels are compiled in it. */
enum { OFTEN = 5 };
static const double ENOUGH = 0.02, LONG = 0.3;

/* What is measured; an error ends it. */
typedef pb_status (*work)(const void *what, pb_error *err);

static pb_status fastest(double *seconds, work run, const void *what, pb_error *err)
{
    double begin = clock_now(), spent = 0;
    TRY(run(what, err));
    *seconds = clock_now() - begin;
    if (*seconds > LONG)
        return PB_OK;
    *seconds = LONG;
    for (size_t i = 0; spent < ENOUGH || (i < OFTEN && spent < LONG); i++) {
        begin = clock_now();
        TRY(run(what, err));
        double one = clock_now() - begin;
        *seconds = one < *seconds ? one : *seconds;
        spent += one;
    }
    *seconds = *seconds > 1e-9 ? *seconds : 1e-9;
    return PB_OK;
}

/* ---- products ---- */

typedef struct rated_product {
    float *y;
    const float *x;
    weight w;
    size_t m, n, k;
} rated_product;

static pb_status multiply(const void *what, pb_error *err)
{
    const rated_product *p = what;
    return matmul_linear(p->y, p->x, p->w, NULL, p->m, p->n, p->k, err);
}

size_t rate_product_bytes(size_t m, size_t n, size_t k)
{
    return (m * n + m * k + n * k) * sizeof(float);
}

/* Numbers of both signs, near 1. */
static void fill(float *values, size_t count)
{
#pragma omp parallel for
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i % 13) * 0.125f - 0.75f;
}

pb_status rate_product(double *rate, bool bf16, size_t m, size_t n, size_t k, pb_error *err)
{
    float *room;
    double seconds;
    TRY(mem_try(&room, rate_product_bytes(m, n, k), 1, "a product to be timed", err));
    fill(room, m * n + m * k + n * k);
    float *x = room + m * n, *w = x + m * k; /* as bf16 the same bytes are numbers near 1 or 0 */
    rated_product p = {.y = room, .x = x, .m = m, .n = n, .k = k,
                       .w = {.f32 = bf16 ? NULL : w, .bf16 = bf16 ? (const uint16_t *)w : NULL}};
    pb_status status = fastest(&seconds, multiply, &p, err);
    if (!status)
        *rate = 2 * (double)m * (double)n * (double)k / seconds;
    free(room);
    return status;
}

/* ---- reading ---- */

typedef struct stretch {
    const uint64_t *words;
    size_t count;
    uint64_t *sum;
} stretch;

enum { AT_ONCE = 1 << 13 }; /* words: a part that one thread reads */

MULTIVERSION static uint64_t sum_words(const uint64_t *words, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += words[i];
    return sum;
}

static pb_status read_all(const void *what, pb_error *err)
{
    const stretch *s = what;
    uint64_t sum = 0;
    (void)err;
#pragma omp parallel for reduction(+ : sum) schedule(static)
    for (size_t i = 0; i < s->count; i += AT_ONCE)
        sum += sum_words(s->words + i, s->count - i < AT_ONCE ? s->count - i : AT_ONCE);
    *s->sum += sum; /* so that it has to be read */
    return PB_OK;
}

pb_status rate_reading(double *rate, size_t bytes, pb_error *err)
{
    float *room;
    double seconds;
    uint64_t sum = 0;
    size_t count = bytes / sizeof(uint64_t) + 1;
    TRY(mem_try(&room, count, sizeof(uint64_t), "memory to be read", err));
    fill(room, 2 * count);
    stretch s = {(const uint64_t *)(const void *)room, count, &sum};
    pb_status status = fastest(&seconds, read_all, &s, err);
    if (!status)
        *rate = (double)count * sizeof(uint64_t) / seconds;
    free(room);
    return status;
}
