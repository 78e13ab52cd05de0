/* interval.c: see interval.h. A subject's questions enter every resample together, so only their sums are kept. */
#include "method/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

/* ---- subjects ---- */

/* One subject's share of a statistic. */
typedef struct sums {
    double top, bottom;
    size_t questions;
} sums;

typedef struct subject_sums {
    const char *name;
    size_t first; /* the question in which it appears first */
    sums s;
} subject_sums;

static int by_name(const void *a, const void *b)
{
    const subject_sums *x = a, *y = b;
    int order = x->name && y->name ? strcmp(x->name, y->name) : (x->name != NULL) - (y->name != NULL);
    return order ? order : (x->first > y->first) - (x->first < y->first);
}

static int by_appearance(const void *a, const void *b)
{
    const subject_sums *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static bool same_subject(const subject_sums *a, const subject_sums *b)
{
    return a->name && b->name && strcmp(a->name, b->name) == 0;
}

/* The subjects of a sample by name; *count: how many. free() */
static subject_sums *subjects_of(const sample *s, size_t *count)
{
    subject_sums *all = mem_new(s->count, sizeof *all);
    *count = 0;
    for (size_t i = 0; i < s->count; i++)
        all[i] = (subject_sums){s->subject[i], i, {s->top[i], s->bottom ? s->bottom[i] : 1, 1}};
    qsort(all, s->count, sizeof *all, by_name);
    for (size_t i = 0; i < s->count; i++) {
        subject_sums *last = *count ? &all[*count - 1] : NULL;
        if (last && same_subject(last, &all[i])) {
            last->s.top += all[i].s.top;
            last->s.bottom += all[i].s.bottom;
            last->s.questions++;
        } else {
            all[(*count)++] = all[i];
        }
    }
    return all;
}

/* ---- resamples ---- */

/* Ascending; what is no number stands last. */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

static void add_sums(sums *to, const sums *from)
{
    to->top += from->top;
    to->bottom += from->bottom;
    to->questions += from->questions;
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
    size_t n;
    subject_sums *subjects = subjects_of(s, &n);
    sums *a = mem_new(n, sizeof *a);
    qsort(subjects, n, sizeof *subjects, by_appearance);
    for (size_t i = 0; i < n; i++)
        a[i] = subjects[i].s;
    interval out = bootstrap(a, NULL, n, seed);
    free(subjects);
    free(a);
    return out;
}

/* ---- differences ---- */

static const subject_sums *find(const subject_sums *in, size_t count, const subject_sums *wanted)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = in[middle].name ? strcmp(in[middle].name, wanted->name) : -1;
        if (order == 0)
            return &in[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

interval interval_of_difference(const sample *a, const sample *b, uint64_t seed)
{
    size_t n, others, both = 0;
    subject_sums *mine = subjects_of(a, &n), *theirs = subjects_of(b, &others);
    sums *x = mem_new(n, sizeof *x), *y = mem_new(n, sizeof *y);
    qsort(mine, n, sizeof *mine, by_appearance);
    for (size_t i = 0; i < n; i++) {
        const subject_sums *other = mine[i].name ? find(theirs, others, &mine[i]) : NULL;
        if (!other)
            continue;
        x[both] = mine[i].s;
        y[both++] = other->s;
    }
    interval out = bootstrap(x, y, both, seed);
    free(mine);
    free(theirs);
    free(x);
    free(y);
    return out;
}
