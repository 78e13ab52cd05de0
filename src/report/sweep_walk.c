/* sweep_walk.c: see sweep_walk.h. */
#include "report/sweep_walk.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/sweep_rows.h"

static bool stands_before(const sweep_curve *a, const sweep_curve *b)
{
    int order = strcmp(a->name, b->name);
    return order < 0 || (order == 0 && strcmp(a->class, b->class) < 0);
}

sweep_walk sweep_walk_new(const sweep_summary *s)
{
    const sweep_rows *r = s->rows;
    sweep_walk w = {.rows = r, .order = mem_new(r->curve_count, sizeof *w.order),
                    .at = mem_new(r->curve_count, sizeof *w.at), .curves = mem_new(r->curve_count, sizeof *w.curves)};
    for (size_t i = 0; i < r->curve_count; i++) { /* they stand nearly in this order */
        size_t at = i;
        for (; at > 0 && stands_before(&r->curves[i], &r->curves[w.order[at - 1]]); at--)
            w.order[at] = w.order[at - 1];
        w.order[at] = i;
    }
    return w;
}

const store_curve *sweep_walk_next(sweep_walk *w, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < w->rows->curve_count; i++) {
        const sweep_curve *c = &w->rows->curves[w->order[i]];
        if (w->at[i] == c->count || c->row[w->at[i]] != w->row)
            continue;
        w->curves[(*count)++] = (store_curve){.name = c->name, .class = c->class, .count = c->columns,
                                              .data = c->values + w->at[i]++ * c->columns};
    }
    w->row++;
    return w->curves;
}

void sweep_walk_free(sweep_walk *w)
{
    free(w->order);
    free(w->at);
    free(w->curves);
    *w = (sweep_walk){0};
}
