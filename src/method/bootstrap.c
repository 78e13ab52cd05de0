/* bootstrap.c: see bootstrap.h. Statistics over equally many subjects wait in one pool, as columns of sums by subject, until it
 * is full or all are wanted; then their resamples are drawn and sorted. */
#include "method/bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/bootstrap_parts.h"

enum { POOL_COLUMNS = 1024 };
#define ABSENT SIZE_MAX

/* One side of a statistic: columns of a pool. */
typedef struct side {
    size_t first, columns; /* the tops; their bottom comes behind them */
} side;

typedef struct job {
    side a, minus;         /* minus.columns 0: none */
    bootstrap_reduce *reduce; /* NULL: the columns themselves */
    const void *context;
    size_t results, questions;
    interval *out;         /* [results] */
} job;

typedef struct pool {
    size_t n;              /* subjects */
    double *by_subject;    /* [panels][n][BOOTSTRAP_PANEL] */
    size_t columns, panels;
    job *jobs;
    size_t job_count;
} pool;

struct bootstrap {
    uint64_t seed;
    size_t subjects;
    pool *pools;
    size_t pool_count;
    size_t *local, *other; /* [subjects] scratch: a subject's place among those of a sample, or ABSENT */
};

bootstrap *bootstrap_new(uint64_t seed, size_t subjects)
{
    bootstrap *b = mem_new(1, sizeof *b);
    *b = (bootstrap){.seed = seed, .subjects = subjects, .local = mem_new(subjects, sizeof *b->local),
                     .other = mem_new(subjects, sizeof *b->other)};
    return b;
}

void bootstrap_free(bootstrap *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->pool_count; i++) {
        free(b->pools[i].by_subject);
        free(b->pools[i].jobs);
    }
    free(b->pools);
    free(b->local);
    free(b->other);
    free(b);
}

/* ---- sums by subject ---- */

static pool *pool_of(bootstrap *b, size_t n)
{
    for (size_t i = 0; i < b->pool_count; i++)
        if (b->pools[i].n == n)
            return &b->pools[i];
    b->pools = mem_resize(b->pools, b->pool_count + 1, sizeof *b->pools);
    b->pools[b->pool_count] = (pool){.n = n};
    return &b->pools[b->pool_count++];
}

static double *pool_at(const pool *p, size_t column, size_t subject)
{
    return p->by_subject + (column / BOOTSTRAP_PANEL * p->n + subject) * BOOTSTRAP_PANEL + column % BOOTSTRAP_PANEL;
}

/* Columns of zeros behind those that are there; returns the first. */
static size_t pool_extend(pool *p, size_t columns)
{
    size_t first = p->columns, panel = p->n * BOOTSTRAP_PANEL;
    size_t panels = (first + columns + BOOTSTRAP_PANEL - 1) / BOOTSTRAP_PANEL;
    p->by_subject = mem_resize(p->by_subject, panels * panel, sizeof *p->by_subject);
    memset(p->by_subject + p->panels * panel, 0, (panels - p->panels) * panel * sizeof *p->by_subject);
    p->panels = panels;
    p->columns += columns;
    return first;
}

/* Numbers the subjects of a sample in order of first appearance; returns how many there are. */
static size_t number_subjects(size_t subjects, const bootstrap_sample *s, size_t *local)
{
    size_t n = 0;
    for (size_t i = 0; i < subjects; i++)
        local[i] = ABSENT;
    for (size_t i = 0; i < s->count; i++)
        if (local[s->subject[i]] == ABSENT)
            local[s->subject[i]] = n++;
    return n;
}

/* Leaves those that the other sample has as well, in the same order; returns how many there are. */
static size_t number_common(bootstrap *b, const bootstrap_sample *s, const bootstrap_sample *minus)
{
    size_t n = 0;
    number_subjects(b->subjects, minus, b->other);
    number_subjects(b->subjects, s, b->local);
    for (size_t i = 0; i < b->subjects; i++)
        if (b->other[i] == ABSENT)
            b->local[i] = ABSENT;
    for (size_t i = 0; i < b->subjects; i++)
        b->other[i] = ABSENT;
    for (size_t i = 0; i < s->count; i++) {
        size_t who = s->subject[i];
        if (b->local[who] != ABSENT && b->other[who] == ABSENT)
            b->other[who] = n++;
    }
    memcpy(b->local, b->other, b->subjects * sizeof *b->local);
    return n;
}

/* A sample's questions of the numbered subjects, added up; *questions counts them. */
static side add_side(pool *p, const bootstrap_sample *s, const size_t *local, size_t *questions)
{
    side out = {pool_extend(p, s->columns + 1), s->columns};
    *questions = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t who = local[s->subject[i]];
        if (who == ABSENT)
            continue;
        for (size_t c = 0; c < s->columns; c++)
            *pool_at(p, out.first + c, who) += s->top[i * s->columns + c];
        *pool_at(p, out.first + s->columns, who) += s->bottom ? s->bottom[i] : 1;
        ++*questions;
    }
    return out;
}

/* ---- values that are not there ---- */

static bool column_whole(const bootstrap_sample *s, size_t c)
{
    for (size_t i = 0; i < s->count; i++)
        if (isnan(s->top[i * s->columns + c]))
            return false;
    return true;
}

static bool row_whole(const bootstrap_sample *s, size_t row, size_t first, size_t end)
{
    bool whole = !s->bottom || !isnan(s->bottom[row]);
    for (size_t c = first; c < end; c++)
        whole &= !isnan(s->top[row * s->columns + c]);
    return whole;
}

/* Columns first ... end - 1 over the questions that have all of them; what it holds is its own: cut_free. */
static bootstrap_sample cut(const bootstrap_sample *s, size_t first, size_t end)
{
    size_t width = end - first, count = 0;
    double *top = mem_new(s->count * width, sizeof *top), *bottom = mem_new(s->count, sizeof *bottom);
    size_t *subject = mem_new(s->count, sizeof *subject);
    for (size_t i = 0; i < s->count; i++) {
        if (!row_whole(s, i, first, end))
            continue;
        memcpy(top + count * width, s->top + i * s->columns + first, width * sizeof *top);
        bottom[count] = s->bottom ? s->bottom[i] : 1;
        subject[count++] = s->subject[i];
    }
    return (bootstrap_sample){top, bottom, subject, count, width};
}

static void cut_free(bootstrap_sample *s)
{
    free((void *)s->top);
    free((void *)s->bottom);
    free((void *)s->subject);
}

static bool columns_whole(const bootstrap_sample *s, const bootstrap_sample *minus, size_t c)
{
    return column_whole(s, c) && (!minus || column_whole(minus, c));
}

static bool bottom_whole(const bootstrap_sample *s)
{
    for (size_t i = 0; s && s->bottom && i < s->count; i++)
        if (isnan(s->bottom[i]))
            return false;
    return true;
}

/* ---- adding ---- */

static void pool_run(uint64_t seed, pool *p);

static void add_job(bootstrap *b, const bootstrap_sample *s, const bootstrap_sample *minus, bootstrap_reduce *reduce,
                    const void *context, size_t results, interval *out)
{
    size_t n = minus ? number_common(b, s, minus) : number_subjects(b->subjects, s, b->local), others;
    for (size_t i = 0; i < results; i++)
        out[i] = (interval){0};
    if (n == 0 || results == 0)
        return;
    pool *p = pool_of(b, n);
    job j = {.reduce = reduce, .context = context, .results = results, .out = out};
    j.a = add_side(p, s, b->local, &j.questions);
    if (minus)
        j.minus = add_side(p, minus, b->local, &others);
    p->jobs = mem_resize(p->jobs, p->job_count + 1, sizeof *p->jobs);
    p->jobs[p->job_count++] = j;
    if (p->columns >= POOL_COLUMNS)
        pool_run(b->seed, p);
}

static void add_cut(bootstrap *b, const bootstrap_sample *s, const bootstrap_sample *minus, size_t first, size_t end,
                    bootstrap_reduce *reduce, const void *context, size_t results, interval *out)
{
    bootstrap_sample part = cut(s, first, end), other = minus ? cut(minus, first, end) : (bootstrap_sample){0};
    add_job(b, &part, minus ? &other : NULL, reduce, context, results, out);
    cut_free(&part);
    cut_free(&other);
}

/* Runs of whole columns go together, each of the others over questions of its own. */
void bootstrap_add(bootstrap *b, const bootstrap_sample *s, const bootstrap_sample *minus, interval *out)
{
    bool bottoms = bottom_whole(s) && bottom_whole(minus);
    for (size_t c = 0, end; c < s->columns; c = end) {
        bool whole = columns_whole(s, minus, c);
        for (end = c + 1; whole && end < s->columns && columns_whole(s, minus, end); end++)
            ;
        if (bottoms && c == 0 && whole && end == s->columns)
            add_job(b, s, minus, NULL, NULL, s->columns, out);
        else
            add_cut(b, s, minus, c, end, NULL, NULL, end - c, out + c);
    }
}

void bootstrap_add_reduced(bootstrap *b, const bootstrap_sample *s, const bootstrap_sample *minus, bootstrap_reduce *reduce,
                           const void *context, size_t results, interval *out)
{
    add_cut(b, s, minus, 0, s->columns, reduce, context, results, out);
}

/* ---- resamples ---- */

/* Values that are no numbers go behind the others; returns how many others there are. */
static size_t numbers_first(double *x, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(x[i])) {
            double value = x[i];
            x[i] = x[kept];
            x[kept++] = value;
        }
    return kept;
}

/* x[low .. high - 1] is parted so that x[k] is what it would be if they were sorted, with none above it before and none below
 * it behind (Hoare's quickselect, the pivot the middle of three). */
static void select_value(double *x, size_t low, size_t high, size_t k)
{
    while (high - low > 1) {
        double a = x[low], m = x[low + (high - low) / 2], z = x[high - 1];
        double pivot = fmax(fmin(a, m), fmin(fmax(a, m), z));
        size_t i = low, j = high - 1;
        for (;;) {
            while (x[i] < pivot)
                i++;
            while (pivot < x[j])
                j--;
            if (i >= j)
                break;
            double swapped = x[i];
            x[i++] = x[j];
            x[j--] = swapped;
        }
        /* x[low .. i - 1] <= pivot <= x[i .. high - 1] */
        if (k < i)
            high = i;
        else if (i > low)
            low = i;
        else if (k > low)
            low++;
        else
            return; /* the pivot, the least of all, stands there */
    }
}

/* How many of x[count] are below the bound: they are copied to `below`. */
static size_t copy_below(const double *x, size_t count, double bound, double *below)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        below[kept] = x[i];
        kept += x[i] < bound;
    }
    return kept;
}

/* Value k, near the lower end, of x[count] in order. Most values are above a bound that is below most of them, and need not be
 * looked at any further. scratch[count + 1] */
static double lower_value(double *x, size_t count, size_t k, double *scratch)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < count; i++)
        mean += x[i];
    mean /= (double)count;
    for (size_t i = 0; i < count; i++)
        square += (x[i] - mean) * (x[i] - mean);
    size_t below = copy_below(x, count, mean - 1.7 * sqrt(square / (double)count), scratch);
    double *from = k < below ? scratch : x;
    select_value(from, 0, k < below ? below : count, k);
    return from[k];
}

/* The ends of an interval: values[INTERVAL_RESAMPLES] in any order, which is lost. */
static void find_ends(double *values, interval *out)
{
    double scratch[INTERVAL_RESAMPLES + 1];
    size_t count = numbers_first(values, INTERVAL_RESAMPLES);
    out->low = INTERVAL_LOW < count ? lower_value(values, count, INTERVAL_LOW, scratch) : NAN;
    for (size_t i = 0; i < count; i++)
        values[i] = -values[i];
    out->high = INTERVAL_HIGH < count ? -lower_value(values, count, count - 1 - INTERVAL_HIGH, scratch) : NAN;
}

/* Where one number a column is: sums of a resample, `step` apart. */
static double ratio(const side *s, size_t c, const double *sums, size_t step)
{
    return sums[(s->first + c) * step] / sums[(s->first + s->columns) * step];
}

/* out[results] of one resample, whose sums begin at `sums`. curves[a.columns + minus.columns] is scratch. */
static void results_of(const job *j, const double *sums, size_t step, double *curves, double *out)
{
    double *a = j->reduce ? curves : out, *minus = j->minus.columns ? curves + j->a.columns : NULL;
    for (size_t c = 0; c < j->a.columns; c++)
        a[c] = ratio(&j->a, c, sums, step);
    for (size_t c = 0; c < j->minus.columns; c++)
        minus[c] = ratio(&j->minus, c, sums, step);
    if (j->reduce)
        j->reduce(j->context, a, minus, j->a.columns, out);
    else
        for (size_t c = 0; c < j->minus.columns; c++)
            out[c] -= minus[c];
}

static void add_totals(const pool *p, const side *s, double *totals)
{
    for (size_t c = s->first; c <= s->first + s->columns; c++)
        for (size_t k = 0; k < p->n; k++)
            totals[c] += *pool_at(p, c, k);
}

/* The sample's own statistics: of the sums over all its subjects, once each. */
static void find_means(const pool *p, const job *j, double *curves, double *out)
{
    double *totals = mem_new(p->columns, sizeof *totals);
    add_totals(p, &j->a, totals);
    if (j->minus.columns)
        add_totals(p, &j->minus, totals);
    results_of(j, totals, 1, curves, out);
    free(totals);
}

static void finish_job(const pool *p, const job *j, const double *sums)
{
    size_t R = INTERVAL_RESAMPLES;
    double *curves = mem_new(j->a.columns + j->minus.columns, sizeof *curves), *one = mem_new(j->results, sizeof *one);
    double *values = mem_new(j->results * R, sizeof *values); /* [results][R] */
    find_means(p, j, curves, one);
    for (size_t i = 0; i < j->results; i++)
        j->out[i] = (interval){.mean = one[i], .questions = j->questions, .subjects = p->n};
    for (size_t r = 0; r < R; r++) {
        results_of(j, sums + r, R, curves, one);
        for (size_t i = 0; i < j->results; i++)
            values[i * R + r] = one[i];
    }
    for (size_t i = 0; i < j->results; i++)
        find_ends(values + i * R, &j->out[i]);
    free(curves);
    free(one);
    free(values);
}

static void pool_run(uint64_t seed, pool *p)
{
    if (p->job_count == 0)
        return;
    double *sums = mem_new(p->panels * BOOTSTRAP_PANEL * INTERVAL_RESAMPLES, sizeof *sums);
    bootstrap_sums(seed, p->n, p->by_subject, p->panels, sums);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < p->job_count; i++)
        finish_job(p, &p->jobs[i], sums);
    free(sums);
    free(p->by_subject);
    free(p->jobs);
    *p = (pool){.n = p->n};
}

void bootstrap_run(bootstrap *b)
{
    for (size_t i = 0; i < b->pool_count; i++)
        pool_run(b->seed, &b->pools[i]);
}
