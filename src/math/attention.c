/* attention.c: see attention.h. attention_unit.h says how the work is cut, attention_inner.h what is done with a tile;
 * here threads take units, tile by tile. */
#include "math/attention.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/attention_inner.h"

/* A repeated query is written again with the same bits. */
MULTIVERSION static void attend_tile(const unit *u, const tile *t, float *s_store, size_t s_stride, bool wide)
{
    float *s[QUERIES], *z[QUERIES];
    share_rows(s, t, s_store, s_stride);
    for (size_t n = 0; n < QUERIES; n++)
        z[n] = t->job[n]->z + t->at[n];
    shares(s, u, t, wide);
    for (size_t i = 0; i < t->span_count; i++)
        mix(z, s, &t->spans[i], u->kv_head, wide);
}

static void attend_unit(const unit *u, bool wide)
{
    size_t stride = share_stride(unit_keys(u));
    float *s = mem_new(QUERIES * stride, sizeof *s);
    for (size_t first = 0, end = unit_queries(u); first < end; first += QUERIES) {
        tile t = unit_tile(u, first);
        attend_tile(u, &t, s, stride, wide);
    }
    free(s);
}

void attention(const attention_job *jobs, size_t count)
{
    size_t row_count, units;
    job_row *rows = job_rows_of(jobs, count, &row_count);
    unit *list = units_of(rows, row_count, &units);
    bool wide = wide_vectors();
    ON_THREADS(units > 4, schedule(dynamic, 4),
        for (size_t i = 0; i < units; i++)
            attend_unit(&list[i], wide);)
    free(list);
    free(rows);
}

/* ---- shares by themselves ---- */

MULTIVERSION static void share_tile(const unit *u, const tile *t, float *s_store, size_t s_stride, float *p,
                                    size_t stride, bool wide)
{
    float *s[QUERIES];
    share_rows(s, t, s_store, s_stride);
    shares(s, u, t, wide);
    for (size_t n = 0; n < t->count; n++) {
        const attention_job *job = t->job[n];
        float *to = p + t->at[n] / job->head_dim * stride;
        memcpy(to, s[n], t->keys[n] * sizeof *to);
        memset(to + t->keys[n], 0, (job_keys(job) - t->keys[n]) * sizeof *to);
    }
}

static void share_unit(const unit *u, float *p, size_t stride, bool wide)
{
    size_t s_stride = share_stride(unit_keys(u));
    float *s = mem_new(QUERIES * s_stride, sizeof *s);
    for (size_t first = 0, end = unit_queries(u); first < end; first += QUERIES) {
        tile t = unit_tile(u, first);
        share_tile(u, &t, s, s_stride, p, stride, wide);
    }
    free(s);
}

void attention_shares(const attention_job *job, float *p, size_t stride)
{
    size_t row_count, units;
    job_row *rows = job_rows_of(job, 1, &row_count);
    unit *list = units_of(rows, row_count, &units);
    bool wide = wide_vectors();
    ON_THREADS(units > 4, schedule(dynamic, 4),
        for (size_t i = 0; i < units; i++)
            share_unit(&list[i], p, stride, wide);)
    free(list);
    free(rows);
}

/* ---- cuts ---- */

/* Halving what may hold it: of images' rows there are many. */
bool attention_cut_reaches(const attention_cut *cut, size_t position)
{
    size_t first = 0, count = cut->destination_count;
    while (count > 1) {
        size_t half = count / 2;
        first += cut->destinations[first + half] <= position ? half : 0;
        count -= half;
    }
    return count && cut->destinations[first] == position;
}
