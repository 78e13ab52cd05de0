/* bootstrap_run.c: a pool's intervals (bootstrap_parts.h).
 *
 * Only two of a statistic's ten thousand values are asked for. So sums of rounded columns say first where each value lies, and
 * how far off that is at most; the few values that may be an end, as they lie as near to it as that, are then made in full. What
 * comes out is, to the bit, what all values in full give. They are all made where nothing is known of an end, or too many lie
 * near it: a ratio whose bottom may be 0, few subjects, values far from all others, numbers of whole curves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/multiversion.h"
#include "method/bootstrap_parts.h"

enum {
    LEAST_SUBJECTS = 64, /* for rounded columns: of fewer, too many resamples are alike */
    MOST_NEAR = 1024,    /* values near the ends that are made in full one by one */
};

/* ---- the sample's own statistics ---- */

/* Where one number a column is: sums of a resample, `step` apart. */
static double ratio(const side *s, size_t c, const double *sums, size_t step)
{
    return sums[s->at[c] * step] / sums[s->at[s->columns] * step];
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

/* Of the sums over all subjects, once each: totals[columns of the pool]. */
static void find_means(const pool *p, const job *j, const double *totals)
{
    double *curves = mem_new(j->a.columns + j->minus.columns, sizeof *curves), *one = mem_new(j->results, sizeof *one);
    results_of(j, totals, 1, curves, one);
    for (size_t i = 0; i < j->results; i++)
        j->out[i] = (interval){.mean = one[i], .questions = j->questions, .subjects = p->n};
    free(curves);
    free(one);
}

static void find_all_means(const pool *p)
{
    double *totals = mem_new(p->count, sizeof *totals);
#pragma omp parallel for
    for (size_t c = 0; c < p->count; c++)
        for (size_t k = 0; k < p->n; k++)
            totals[c] += p->columns[c][k];
    for (size_t i = 0; i < p->job_count; i++)
        find_means(p, &p->jobs[i], totals);
    free(totals);
}

/* ---- by rounded columns ---- */

/* A pool's columns in all resamples. */
typedef struct rounded {
    const pool *p;
    const draws *d;
    rounding *how;         /* [count] */
    int32_t *sums;         /* [count][INTERVAL_RESAMPLES] */
} rounded;

/* One result of a job. */
typedef struct result {
    const rounded *of;
    const job *j;
    size_t c;
    double error;          /* how far from its value in full each is at most */
} result;

/* values[i] = top / bottom, less those if `minus`; returns the least size of a bottom, and the largest of a ratio. */
MULTIVERSION static double divide(const int32_t *top, const int32_t *bottom, const rounding *t, const rounding *b, bool minus,
                                  double *restrict values, double *most)
{
    enum { LANES = 8 };
    double least_of[LANES], most_of[LANES], t0 = t->start, t1 = t->step, b0 = b->start, b1 = b->step;
    for (size_t k = 0; k < LANES; k++) {
        least_of[k] = INFINITY;
        most_of[k] = 0;
    }
    for (size_t i = 0; i < INTERVAL_RESAMPLES; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            double below = b0 + b1 * bottom[i + k], x = (t0 + t1 * top[i + k]) / below, size = fabs(x);
            values[i + k] = minus ? values[i + k] - x : x;
            below = fabs(below);
            least_of[k] = below < least_of[k] ? below : least_of[k];
            most_of[k] = size > most_of[k] ? size : most_of[k];
        }
    double least = least_of[0];
    *most = most_of[0];
    for (size_t k = 1; k < LANES; k++) {
        least = fmin(least, least_of[k]);
        *most = fmax(*most, most_of[k]);
    }
    return least;
}

/* Fills values[INTERVAL_RESAMPLES] with a side's ratios, or takes them away; returns how far off they are: with tops and bottoms
 * off by t and b, |x / y - x' / y'| <= (t + |x' / y'| b) / (|y'| - b), and some units in the last place are lost. */
static double take_ratios(const rounded *r, const side *s, size_t c, bool minus, double *values)
{
    size_t top = s->at[c], bottom = s->at[s->columns], R = INTERVAL_RESAMPLES;
    const rounding *t = &r->how[top], *b = &r->how[bottom];
    double most, least = divide(r->sums + top * R, r->sums + bottom * R, t, b, minus, values, &most) - b->error;
    if (!isfinite(t->error) || !isfinite(b->error) || !(least > 0) || !isfinite(most))
        return INFINITY;
    if (t->error == 0 && b->error == 0)
        return 0;
    return ((t->error + most * b->error) / least + 0x1p-48 * most) * (1 + 1e-9);
}

/* A column's sums in some resamples in full. */
static void full_sums(const rounded *r, size_t column, const uint32_t *near, size_t count, double *sums)
{
    const rounding *how = &r->how[column];
    if (how->error == 0)
        for (size_t i = 0; i < count; i++)
            sums[i] = how->start + how->step * r->sums[column * INTERVAL_RESAMPLES + near[i]];
    else
        drawn_sums(r->d, r->p->columns[column], near, count, sums);
}

static void take_full(const rounded *r, const side *s, size_t c, const uint32_t *near, size_t count, bool minus, double *values)
{
    double top[MOST_NEAR], bottom[MOST_NEAR];
    full_sums(r, s->at[c], near, count, top);
    full_sums(r, s->at[s->columns], near, count, bottom);
    for (size_t i = 0; i < count; i++)
        values[i] = minus ? values[i] - top[i] / bottom[i] : top[i] / bottom[i];
}

/* Resamples whose values may be an end. */
typedef struct near_end {
    size_t k;              /* which value in order the end is */
    double low, high;      /* where they seem to lie */
    size_t first, count, below; /* near[first .. first + count - 1]; how many lie below these */
} near_end;

/* Value k in order is within one error of value k of those that are off, so it is one of those within two errors of that; the
 * others lie on the side on which they seem to lie. */
static near_end near_to(double end, double error, size_t k)
{
    return (near_end){k, end - 2 * error, end + 2 * error, 0, 0, 0};
}

/* Adds them to near[MOST_NEAR + 1], of which *count are there; false: too many lie there. */
static bool find_near(const double *values, near_end *e, uint32_t *near, size_t *count)
{
    size_t last = *count;
    e->first = last;
    for (size_t i = 0; i < INTERVAL_RESAMPLES && last <= MOST_NEAR; i++) {
        near[last] = (uint32_t)i;
        e->below += values[i] < e->low ? 1 : 0;
        last += values[i] >= e->low && values[i] <= e->high ? 1 : 0;
    }
    e->count = last - e->first;
    *count = last;
    return last <= MOST_NEAR;
}

static double end_in_full(const near_end *e, double *full)
{
    return value_in_order(full + e->first, e->count, e->k - e->below);
}

/* Both ends of one result; values[INTERVAL_RESAMPLES] is scratch. */
static bool result_by_rounded(result *x, double *values, interval *out)
{
    uint32_t near[MOST_NEAR + 1];
    double full[MOST_NEAR];
    size_t count = 0;
    x->error = take_ratios(x->of, &x->j->a, x->c, false, values);
    if (x->j->minus.columns)
        x->error += take_ratios(x->of, &x->j->minus, x->c, true, values);
    if (!isfinite(x->error))
        return false;
    find_ends(values, &out->low, &out->high);
    if (x->error == 0)
        return true;
    near_end low = near_to(out->low, x->error, INTERVAL_LOW), high = near_to(out->high, x->error, INTERVAL_HIGH);
    if (!find_near(values, &low, near, &count) || !find_near(values, &high, near, &count))
        return false;
    take_full(x->of, &x->j->a, x->c, near, count, false, full);
    if (x->j->minus.columns)
        take_full(x->of, &x->j->minus, x->c, near, count, true, full);
    out->low = end_in_full(&low, full);
    out->high = end_in_full(&high, full);
    return true;
}

static void job_by_rounded(const rounded *r, job *j)
{
    double *values = mem_new(INTERVAL_RESAMPLES, sizeof *values);
    j->done = true;
    for (size_t c = 0; c < j->results && j->done; c++)
        j->done = result_by_rounded(&(result){r, j, c, 0}, values, &j->out[c]);
    free(values);
}

static void run_rounded(draws *d, pool *p)
{
    if (!rounded_runs() || p->n < LEAST_SUBJECTS || p->n > ROUNDED_MOST_SUBJECTS)
        return;
    draws_make(d, p->n);
    if (!d->counts)
        return;
    rounded r = {p, d, mem_new(p->count, sizeof *r.how), mem_new(p->count * INTERVAL_RESAMPLES, sizeof *r.sums)};
    rounded_sums(d, (const double *const *)p->columns, p->count, r.how, r.sums);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < p->job_count; i++)
        if (!p->jobs[i].reduce)
            job_by_rounded(&r, &p->jobs[i]);
    free(r.how);
    free(r.sums);
}

/* ---- all in full ---- */

/* Columns of the jobs that are not done, side by side. */
typedef struct full {
    size_t *place;         /* [columns of the pool] where each stands, or SIZE_MAX */
    size_t columns, panels;
    double *by_subject, *sums; /* as bootstrap_sums has them */
} full;

static void place_side(full *f, const side *s)
{
    for (size_t c = 0; s->columns && c <= s->columns; c++)
        if (f->place[s->at[c]] == SIZE_MAX)
            f->place[s->at[c]] = f->columns++;
}

static void place_columns(full *f, const pool *p)
{
    f->place = mem_new(p->count, sizeof *f->place);
    memset(f->place, 0xff, p->count * sizeof *f->place);
    for (size_t i = 0; i < p->job_count; i++)
        if (!p->jobs[i].done) {
            place_side(f, &p->jobs[i].a);
            place_side(f, &p->jobs[i].minus);
        }
    f->panels = (f->columns + BOOTSTRAP_PANEL - 1) / BOOTSTRAP_PANEL;
}

static void fill_panels(full *f, const pool *p)
{
    f->by_subject = mem_new(f->panels * p->n * BOOTSTRAP_PANEL, sizeof *f->by_subject);
    for (size_t c = 0; c < p->count; c++) {
        size_t at = f->place[c];
        for (size_t k = 0; at != SIZE_MAX && k < p->n; k++)
            f->by_subject[(at / BOOTSTRAP_PANEL * p->n + k) * BOOTSTRAP_PANEL + at % BOOTSTRAP_PANEL] = p->columns[c][k];
    }
}

/* What `results_of` takes: the sides where the columns stand now. place_free */
static job placed(const full *f, const job *from)
{
    job j = *from;
    side *sides[] = {&j.a, &j.minus};
    for (size_t s = 0; s < 2; s++) {
        size_t *at = mem_new(sides[s]->columns + 1, sizeof *at);
        for (size_t c = 0; sides[s]->columns && c <= sides[s]->columns; c++)
            at[c] = f->place[sides[s]->at[c]];
        sides[s]->at = at;
    }
    return j;
}

static void placed_free(job *j)
{
    free(j->a.at);
    free(j->minus.at);
}

static void job_in_full(const full *f, const job *from)
{
    size_t R = INTERVAL_RESAMPLES;
    job j = placed(f, from);
    double *curves = mem_new(j.a.columns + j.minus.columns, sizeof *curves), *one = mem_new(j.results, sizeof *one);
    double *values = mem_new(j.results * R, sizeof *values); /* [results][R] */
    for (size_t r = 0; r < R; r++) {
        results_of(&j, f->sums + r, R, curves, one);
        for (size_t i = 0; i < j.results; i++)
            values[i * R + r] = one[i];
    }
    for (size_t i = 0; i < j.results; i++)
        find_ends(values + i * R, &j.out[i].low, &j.out[i].high);
    free(curves);
    free(one);
    free(values);
    placed_free(&j);
}

static void run_in_full(uint64_t seed, const pool *p)
{
    full f = {0};
    place_columns(&f, p);
    if (f.columns > 0) {
        fill_panels(&f, p);
        f.sums = mem_new(f.panels * BOOTSTRAP_PANEL * INTERVAL_RESAMPLES, sizeof *f.sums);
        bootstrap_sums(seed, p->n, f.by_subject, f.panels, f.sums);
#pragma omp parallel for schedule(dynamic)
        for (size_t i = 0; i < p->job_count; i++)
            if (!p->jobs[i].done)
                job_in_full(&f, &p->jobs[i]);
    }
    free(f.place);
    free(f.by_subject);
    free(f.sums);
}

void pool_run(draws *d, pool *p)
{
    if (p->job_count == 0)
        return;
    find_all_means(p);
    run_rounded(d, p);
    run_in_full(d->seed, p);
}
