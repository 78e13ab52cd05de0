/* attention_unit.c: see attention_unit.h. */
#include "math/attention_unit.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

static bool same_place(const kv_segment *a, const kv_segment *b)
{
    return a->first == b->first && a->k == b->k && a->k_stride == b->k_stride && a->v == b->v;
}

/* ---- units ---- */

enum { UNIT_ROWS = 32 };

job_row *job_rows_of(const attention_job *jobs, size_t count, size_t *row_count)
{
    size_t n = 0;
    for (size_t j = 0; j < count; j++)
        n += jobs[j].rows;
    job_row *rows = mem_new(n, sizeof *rows);
    *row_count = n;
    n = 0;
    for (size_t j = 0; j < count; j++)
        for (size_t r = 0; r < jobs[j].rows; r++)
            rows[n++] = (job_row){&jobs[j], r};
    return rows;
}

static bool go_together(const attention_job *a, const attention_job *b)
{
    return a == b || (a->heads == b->heads && a->kv_heads == b->kv_heads && a->head_dim == b->head_dim &&
                      a->causal == b->causal && same_place(a->segments, b->segments));
}

/* Rows from `first` on that are one unit's. */
static size_t unit_rows(const job_row *rows, size_t first, size_t count)
{
    size_t n = 1;
    while (n < UNIT_ROWS && first + n < count && go_together(rows[first].job, rows[first + n].job))
        n++;
    return n;
}

unit *units_of(const job_row *rows, size_t row_count, size_t *unit_count)
{
    size_t cuts = 0, most_heads = 0, units = 0, n;
    for (size_t r = 0; r < row_count; r += unit_rows(rows, r, row_count)) {
        cuts++;
        most_heads = rows[r].job->kv_heads > most_heads ? rows[r].job->kv_heads : most_heads;
    }
    unit *list = mem_new(cuts * most_heads, sizeof *list);
    for (size_t h = 0; h < most_heads; h++)
        for (size_t r = 0; r < row_count; r += n) {
            n = unit_rows(rows, r, row_count);
            if (h < rows[r].job->kv_heads)
                list[units++] = (unit){rows + r, n, h};
        }
    *unit_count = units;
    return list;
}

size_t unit_queries(const unit *u)
{
    return u->row_count * (u->rows->job->heads / u->rows->job->kv_heads);
}

size_t job_keys(const attention_job *job)
{
    return job->segments[job->segment_count - 1].end;
}

size_t unit_keys(const unit *u)
{
    size_t most = 0;
    for (size_t r = 0; r < u->row_count; r++)
        most = job_keys(u->rows[r].job) > most ? job_keys(u->rows[r].job) : most;
    return most;
}

/* ---- tiles, and their spans ---- */

/* The positions below the result have their keys and values in the same memory for all queries, which see them all. */
static size_t shared_positions(const tile *t)
{
    size_t least = t->keys[0], shared = 0;
    for (size_t n = 1; n < t->count; n++)
        least = t->keys[n] < least ? t->keys[n] : least;
    for (size_t g = 0; shared < least; g++) {
        size_t end = SIZE_MAX, furthest = 0;
        for (size_t n = 0; n < t->count; n++) {
            const attention_job *job = t->job[n];
            if (g >= job->segment_count || g >= t->job[0]->segment_count ||
                !same_place(&job->segments[g], &t->job[0]->segments[g]))
                return shared;
            size_t own = job->segments[g].end;
            end = own < end ? own : end;
            furthest = own > furthest ? own : furthest;
        }
        shared = end < least ? end : least;
        if (end != furthest)
            break;
    }
    return shared;
}

static void add_span(tile *t, size_t first, size_t last, size_t begin, size_t end)
{
    if (begin < end)
        t->spans[t->span_count++] = (span){first, last, t->job[first], begin, end};
}

static void cut_spans(tile *t)
{
    size_t shared = t->job[t->count - 1] == t->job[0] ? 0 : shared_positions(t); /* a job's rows stand together */
    add_span(t, 0, t->count - 1, 0, shared);
    for (size_t first = 0, end; first < t->count; first = end) {
        size_t most = 0;
        for (end = first; end < t->count && t->job[end] == t->job[first]; end++)
            most = t->keys[end] > most ? t->keys[end] : most;
        add_span(t, first, end - 1, shared, most);
    }
}

tile unit_tile(const unit *u, size_t first_query)
{
    const attention_job *any = u->rows->job;
    size_t group = any->heads / any->kv_heads, left = unit_queries(u) - first_query;
    size_t queries = left < QUERIES ? left : QUERIES;
    tile t = {.count = queries, .held = queries <= FEW ? FEW : QUERIES};
    for (size_t n = 0; n < QUERIES; n++) {
        size_t index = first_query + (n < queries ? n : queries - 1);
        const job_row *r = &u->rows[index / group];
        size_t head = u->kv_head * group + index % group;
        t.job[n] = r->job;
        t.at[n] = (r->row * any->heads + head) * any->head_dim;
        t.keys[n] = any->causal ? r->job->positions[r->row] + 1 : job_keys(r->job);
        t.most = t.keys[n] > t.most ? t.keys[n] : t.most;
    }
    cut_spans(&t);
    return t;
}
