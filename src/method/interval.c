/* interval.c: see interval.h. A subject's questions enter every resample together, so only their sums are kept. */
#include "method/interval.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "method/subjects.h"

/* ---- subjects ---- */

/* One subject's share of a statistic. */
typedef struct sums {
    double top, bottom;
    size_t questions;
} sums;

static void add_sums(sums *to, const sums *from)
{
    to->top += from->top;
    to->bottom += from->bottom;
    to->questions += from->questions;
}

/* Adds the sample's questions to their subjects' sums: number[i] is the subject of question i. */
static void add_sample(sums *subjects, const sample *s, const size_t *number)
{
    for (size_t i = 0; i < s->count; i++)
        add_sums(&subjects[number[i]], &(sums){s->top[i], s->bottom ? s->bottom[i] : 1, 1});
}

/* ---- resamples ---- */

/* Ascending; what is no number stands last. */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

/* a [n] sums by subject; b likewise, to be compared with, or NULL. */
static double statistic(const sums *a, const sums *b)
{
    return a->top / a->bottom - (b ? b->top / b->bottom : 0);
}

static double resampled(const sums *a, const sums *b, size_t n, random_state *random)
{
    sums x = {0}, y = {0};
    for (size_t i = 0; i < n; i++) {
        size_t k = random_below(random, n);
        add_sums(&x, &a[k]);
        if (b)
            add_sums(&y, &b[k]);
    }
    return statistic(&x, b ? &y : NULL);
}

static interval bootstrap(const sums *a, const sums *b, size_t n, uint64_t seed)
{
    sums x = {0}, y = {0};
    if (n == 0)
        return (interval){0};
    for (size_t i = 0; i < n; i++) {
        add_sums(&x, &a[i]);
        if (b)
            add_sums(&y, &b[i]);
    }
    interval out = {.mean = statistic(&x, b ? &y : NULL), .questions = x.questions, .subjects = n};
    double *values = mem_new(INTERVAL_RESAMPLES, sizeof *values);
    random_state random = random_from(seed);
    for (size_t i = 0; i < INTERVAL_RESAMPLES; i++)
        values[i] = resampled(a, b, n, &random);
    qsort(values, INTERVAL_RESAMPLES, sizeof *values, by_value);
    out.low = values[INTERVAL_LOW];
    out.high = values[INTERVAL_HIGH];
    free(values);
    return out;
}

interval interval_of(const sample *s, uint64_t seed)
{
    size_t *number = mem_new(s->count, sizeof *number), n = subjects_number(s->subject, s->count, number);
    sums *a = mem_new(n, sizeof *a);
    add_sample(a, s, number);
    interval out = bootstrap(a, NULL, n, seed);
    free(number);
    free(a);
    return out;
}

/* The subjects of both samples are numbered together, a's first, so in the order in which it has them. */
interval interval_of_difference(const sample *a, const sample *b, uint64_t seed)
{
    size_t count = a->count + b->count, both = 0;
    const char **names = mem_new(count, sizeof *names);
    size_t *number = mem_new(count, sizeof *number);
    for (size_t i = 0; i < count; i++)
        names[i] = i < a->count ? a->subject[i] : b->subject[i - a->count];
    size_t n = subjects_number(names, count, number);
    sums *x = mem_new(n, sizeof *x), *y = mem_new(n, sizeof *y);
    add_sample(x, a, number);
    add_sample(y, b, number + a->count);
    for (size_t i = 0; i < n; i++)
        if (x[i].questions && y[i].questions) {
            x[both] = x[i];
            y[both++] = y[i];
        }
    interval out = bootstrap(x, y, both, seed);
    free(names);
    free(number);
    free(x);
    free(y);
    return out;
}
