/* numbers.h: made-up float32 data, and what is compared with it. */
#ifndef TESTS_MATH_NUMBERS_H
#define TESTS_MATH_NUMBERS_H

#include "tests/support.h"

#include <math.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"

/* n Gaussians in exactly as many bytes, so that a sanitizer sees the first read beyond them. free() */
static inline float *gaussians(size_t n, uint64_t seed)
{
    random_state r = random_from(seed);
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_gaussian(&r);
    return x;
}

static inline float *zeros(size_t n)
{
    float *x = calloc(n, sizeof *x);
    assert_non_null(x);
    return x;
}

static inline void assert_close(double found, double expected, double tolerance, const char *what, size_t i)
{
    if (!(fabs(found - expected) <= tolerance))
        test_stop(__FILE__, __LINE__, "%s[%zu] is %.9g, expected %.9g within %.2g", what, i, found, expected, tolerance);
}

static inline void assert_same_bits(const float *a, const float *b, size_t n, const char *what)
{
    if (memcmp(a, b, n * sizeof *a) == 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0)
            test_stop(__FILE__, __LINE__, "%s: element %zu of %zu is %.9g and %.9g", what, i, n, (double)a[i], (double)b[i]);
}

/* The numbers of a JSON array. free() */
static inline double *json_numbers(const json_t *object, const char *key, size_t *count)
{
    const json_t *array = json_object_get(object, key);
    *count = json_array_size(array);
    assert_true(*count > 0);
    double *x = mem_new(*count, sizeof *x);
    for (size_t i = 0; i < *count; i++)
        x[i] = json_number_value(json_array_get(array, i));
    return x;
}

static inline float *json_floats(const json_t *object, const char *key, size_t *count)
{
    double *x = json_numbers(object, key, count);
    float *y = malloc(*count * sizeof *y);
    for (size_t i = 0; i < *count; i++)
        y[i] = (float)x[i];
    free(x);
    return y;
}

#endif
