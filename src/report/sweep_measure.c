/* sweep_measure.c: see sweep_measure.h. */
#include "report/sweep_measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const sweep_measure sweep_trace_measures[] = {
    {"prob", "prob", SWEEP_VALUE, false, false},
    {"ie", "prob", SWEEP_EFFECT, false, false},
    {"recovered", "prob", SWEEP_RECOVERY, false, true},
    {"ie_control", "prob", SWEEP_EFFECT, true, false},
    {"logprob", "logprob", SWEEP_VALUE, false, false},
    {"logit_diff", "logit_diff", SWEEP_VALUE, false, false},
    {NULL, NULL, SWEEP_VALUE, false, false},
};

const sweep_curve *sweep_measured(const sweep_rows *r, const char *site, const char *class, const sweep_measure *m)
{
    buffer name = {0};
    buffer_printf(&name, "%s/%s", site, m->curve);
    const sweep_curve *c = sweep_rows_curve(r, name.data, class);
    buffer_free(&name);
    return c;
}

/* ---- samples ---- */

static bool takes_part(const sweep_row *row, sweep_taking taking, size_t group)
{
    if (group != SWEEP_NONE && row->group != group)
        return false;
    if (taking != SWEEP_VALUE && (isnan(row->clean) || isnan(row->corrupted)))
        return false;
    return taking != SWEEP_RECOVERY || !row->weak;
}

static double taken(const sweep_row *row, double patched, sweep_taking taking, bool noise)
{
    if (taking == SWEEP_VALUE)
        return patched;
    return noise ? row->clean - patched : patched - row->corrupted;
}

bootstrap_sample sweep_sample_of(const sweep_rows *r, const sweep_curve *c, sweep_taking taking, size_t group,
                                 bool noise)
{
    size_t L = c->columns, count = 0;
    double *top = mem_new(c->count * L, sizeof *top), *bottom = mem_new(c->count, sizeof *bottom);
    size_t *subject = mem_new(c->count, sizeof *subject);
    for (size_t i = 0; i < c->count; i++) {
        const sweep_row *row = &r->items[c->row[i]];
        if (!takes_part(row, taking, group))
            continue;
        for (size_t l = 0; l < L; l++)
            top[count * L + l] = taken(row, c->values[i * L + l], taking, noise);
        bottom[count] = taking == SWEEP_RECOVERY ? row->clean - row->corrupted : 1;
        subject[count++] = row->subject;
    }
    return (bootstrap_sample){top, bottom, subject, count, L};
}

void sweep_sample_free(bootstrap_sample *s)
{
    free((void *)s->top);
    free((void *)s->bottom);
    free((void *)s->subject);
    *s = (bootstrap_sample){0};
}
