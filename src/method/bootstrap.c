/* bootstrap.c: see bootstrap.h. Statistics over equally many subjects wait in one pool, as columns of sums by subject, until it
 * is full or all are wanted; then they are run (bootstrap_run.c). Columns that are alike, such as the ones below means and
 * what several statistics are compared with, are kept once. */
#include "method/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/bootstrap_parts.h"

enum { POOL_COLUMNS = 1024 };
static const size_t most_waiting = (size_t)512 << 20; /* bytes of all pools */
#define ABSENT SIZE_MAX

struct bootstrap {
    size_t subjects;
    pool *pools;
    size_t pool_count, waiting; /* waiting: bytes of their columns */
    draws draws;
    size_t *local, *other; /* [subjects] scratch: a subject's place among those of a sample, or ABSENT */
};

bootstrap *bootstrap_new(uint64_t seed, size_t subjects)
{
    bootstrap *b = mem_new(1, sizeof *b);
    *b = (bootstrap){.draws = {.seed = seed}, .subjects = subjects, .local = mem_new(subjects, sizeof *b->local),
                     .other = mem_new(subjects, sizeof *b->other)};
    return b;
}

/* Leaves a pool of as many subjects. */
static void pool_empty(pool *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->columns[i]);
    for (size_t i = 0; i < p->job_count; i++) {
        free(p->jobs[i].a.at);
        free(p->jobs[i].minus.at);
    }
    free(p->columns);
    free(p->hashes);
    free(p->jobs);
    *p = (pool){.n = p->n};
}

void bootstrap_free(bootstrap *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->pool_count; i++)
        pool_empty(&b->pools[i]);
    free(b->pools);
    draws_free(&b->draws);
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

static uint64_t hash_of(const double *x, size_t n)
{
    uint64_t hash = 0, bits;
    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, x + i, sizeof bits);
        hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

/* Where a column stands in the pool, which takes it over; one that is there already is freed. */
static size_t pool_place(bootstrap *b, pool *p, double *column)
{
    uint64_t hash = hash_of(column, p->n);
    for (size_t i = 0; i < p->count; i++)
        if (p->hashes[i] == hash && memcmp(p->columns[i], column, p->n * sizeof *column) == 0) {
            free(column);
            return i;
        }
    p->columns = mem_resize(p->columns, p->count + 1, sizeof *p->columns);
    p->hashes = mem_resize(p->hashes, p->count + 1, sizeof *p->hashes);
    p->columns[p->count] = column;
    p->hashes[p->count] = hash;
    b->waiting += p->n * sizeof *column;
    return p->count++;
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
static side add_side(bootstrap *b, pool *p, const bootstrap_sample *s, const size_t *local, size_t *questions)
{
    side out = {mem_new(s->columns + 1, sizeof *out.at), s->columns};
    double **sums = mem_new(s->columns + 1, sizeof *sums);
    *questions = 0;
    for (size_t c = 0; c <= s->columns; c++)
        sums[c] = mem_new(p->n, sizeof *sums[c]);
    for (size_t i = 0; i < s->count; i++) {
        size_t who = local[s->subject[i]];
        if (who == ABSENT)
            continue;
        for (size_t c = 0; c < s->columns; c++)
            sums[c][who] += s->top[i * s->columns + c];
        sums[s->columns][who] += s->bottom ? s->bottom[i] : 1;
        ++*questions;
    }
    for (size_t c = 0; c <= s->columns; c++)
        out.at[c] = pool_place(b, p, sums[c]);
    free(sums);
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

static void run(bootstrap *b, pool *p)
{
    pool_run(&b->draws, p);
    b->waiting -= p->count * p->n * sizeof **p->columns;
    pool_empty(p);
}

static pool *largest_pool(const bootstrap *b)
{
    pool *largest = b->pools;
    for (size_t i = 1; i < b->pool_count; i++)
        if (b->pools[i].count * b->pools[i].n > largest->count * largest->n)
            largest = &b->pools[i];
    return largest;
}

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
    j.a = add_side(b, p, s, b->local, &j.questions);
    if (minus)
        j.minus = add_side(b, p, minus, b->local, &others);
    p->jobs = mem_resize(p->jobs, p->job_count + 1, sizeof *p->jobs);
    p->jobs[p->job_count++] = j;
    if (p->count >= POOL_COLUMNS)
        run(b, p);
    else if (b->waiting >= most_waiting)
        run(b, largest_pool(b));
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

void bootstrap_run(bootstrap *b)
{
    for (size_t i = 0; i < b->pool_count; i++)
        run(b, &b->pools[i]);
}
