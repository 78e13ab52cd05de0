/* attribute_exact.c: the cells whose estimates are largest, run after all. See attribute_parts.h. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "method/attribute_parts.h"
#include "method/spearman.h"

/* ---- which ---- */

size_t attribute_exact_count(const attribution *a)
{
    size_t total = trace_cell_total(a->j->t), n = a->options->exact ? a->options->exact : ATTRIBUTE_EXACT;
    return a->options->exact_all || n > total ? total : n;
}

typedef struct sized_cell {
    double size;
    size_t at;
} sized_cell;

/* The largest first; of equals the first. */
static int by_size(const void *a, const void *b)
{
    const sized_cell *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : (x->at > y->at) - (x->at < y->at);
}

static int by_number(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The cells whose estimates change most: t->estimates.largest, and their numbers cells[n], ascending. */
static void choose_largest(const attribution *a, size_t *cells, size_t n)
{
    trace *t = a->j->t;
    size_t total = trace_cell_total(t);
    sized_cell *all = mem_new(total, sizeof *all);
    for (size_t i = 0; i < total; i++)
        all[i] = (sized_cell){fabs(attribute_cell_change(a, trace_cell_at(t, i))), i};
    qsort(all, total, sizeof *all, by_size);
    t->estimates.exact = n;
    t->estimates.largest = mem_new(n, sizeof *t->estimates.largest);
    for (size_t i = 0; i < n; i++) {
        cells[i] = all[i].at;
        t->estimates.largest[i] = trace_cell_at(t, all[i].at);
    }
    qsort(cells, n, sizeof *cells, by_number);
    free(all);
}

/* Of cells[count] those behind the picture: late[]; returns how many. */
static size_t find_late(const attribution *a, const size_t *cells, size_t count, size_t *late)
{
    const trace *t = a->j->t;
    const prompt *p = &a->j->q->prompt;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (t->cells[trace_cell_at(t, cells[i]).column].positions[0] >= p->image_first + p->image_count)
            late[n++] = cells[i];
    return n;
}

static void choose_evenly(const size_t *cells, size_t count, size_t *chosen, size_t n)
{
    for (size_t i = 0; i < n; i++)
        chosen[i] = cells[i * count / n];
}

size_t attribute_likely_cells(const attribution *a, size_t *chosen, size_t n)
{
    size_t total = trace_cell_total(a->j->t), *cells = mem_new(total, sizeof *cells), *late = mem_new(total, sizeof *late);
    size_t run = trace_plan_run_cells(a->j, cells), late_count = find_late(a, cells, run, late);
    n = n < run ? n : run;
    size_t first = n == run || late_count < ATTRIBUTE_EXACT ? 0 : n < ATTRIBUTE_EXACT ? n : ATTRIBUTE_EXACT;
    choose_evenly(late, late_count, chosen, first);
    choose_evenly(cells, run, chosen + first, n - first);
    free(cells);
    free(late);
    return n;
}

/* ---- running them ---- */

/* Whatever is not run has no exact value. */
static void forget_exact(trace *t, const size_t *cells, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < trace_cell_total(t); i++) {
        trace_cell c = trace_cell_at(t, i);
        trace_grid *g = &t->sites[c.site];
        size_t k = trace_cell_in_grid(t, c);
        if (at < n && cells[at] == i) {
            at++;
            continue;
        }
        g->prob[k] = g->logprob[k] = NAN;
        if (g->logit_diff)
            g->logit_diff[k] = NAN;
        if (g->sd)
            g->sd[k] = NAN;
    }
}

/* Of the sites first .. end-1, all of whose cells have been run. */
static double correlate(const trace *t, size_t first, size_t end)
{
    size_t total = trace_cell_total(t), at = 0;
    double *pairs = mem_new(2 * total + 1, sizeof *pairs), *exact = pairs + total;
    for (size_t s = first; s < end; s++)
        for (size_t i = 0; i < trace_grid_size(t, &t->sites[s]); i++, at++) {
            pairs[at] = t->sites[s].estimate[i] - trace_unpatched_logprob(t);
            exact[at] = t->sites[s].logprob[i] - trace_unpatched_logprob(t);
        }
    double r = spearman_of(pairs, exact, at);
    free(pairs);
    return r;
}

pb_status attribute_exact(attribution *a, pb_error *err)
{
    trace *t = a->j->t;
    size_t total = trace_cell_total(t), n = attribute_exact_count(a), *cells = mem_new(n + 1, sizeof *cells);
    choose_largest(a, cells, n);
    a->j->cells = cells;
    a->j->cell_count = n;
    pb_status status = trace_cells(a->j, 1, err);
    a->j->cells = NULL;
    forget_exact(t, cells, n);
    free(cells);
    if (status || n < total)
        return status;
    for (size_t s = 0; s < t->site_count; s++)
        t->sites[s].spearman = correlate(t, s, s + 1);
    t->estimates.spearman = correlate(t, 0, t->site_count);
    return PB_OK;
}
