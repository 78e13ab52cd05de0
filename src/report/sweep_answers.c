/* sweep_answers.c: how many answers are right, and how sure the model is of those that are and of those
 * that are not. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "report/sweep_parts.h"

/* One number of the rows that `takes` picks: sample of a mean. */
typedef struct picked {
    double *value;
    size_t *subject, count;
} picked;

static picked picked_new(const sweep_rows *r)
{
    return (picked){mem_new(r->count, sizeof(double)), mem_new(r->count, sizeof(size_t)), 0};
}

static void pick(picked *p, const sweep_row *row, double value)
{
    p->value[p->count] = value;
    p->subject[p->count++] = row->subject;
}

/* Hands the mean's interval over to the bootstrap, and frees. */
static void picked_mean(picked *p, bootstrap *b, interval *out)
{
    bootstrap_add(b, &(bootstrap_sample){.top = p->value, .subject = p->subject, .count = p->count, .columns = 1}, NULL,
                  out);
    free(p->value);
    free(p->subject);
}

static void add_accuracy(sweep_summary *s, size_t group, sweep_accuracy *out, bootstrap *b)
{
    const sweep_rows *r = s->rows;
    picked p = picked_new(r);
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].correct >= 0 && (group == SWEEP_NONE || r->items[i].group == group))
            pick(&p, &r->items[i], r->items[i].correct);
    out->group = group == SWEEP_NONE ? NULL : mem_text(r->group_names[group]);
    picked_mean(&p, b, &out->rate);
}

static size_t bin_of(double prob)
{
    size_t bin = prob > 0 ? (size_t)(prob * SWEEP_BINS) : 0;
    return bin < SWEEP_BINS ? bin : SWEEP_BINS - 1;
}

static void add_answers(sweep_summary *s, bool right, size_t *bins, interval *mean, bootstrap *b)
{
    const sweep_rows *r = s->rows;
    picked p = picked_new(r);
    for (size_t i = 0; i < r->count; i++) {
        const sweep_row *row = &r->items[i];
        if (row->correct != right || isnan(row->clean))
            continue;
        bins[bin_of(row->clean)]++;
        pick(&p, row, row->clean);
    }
    picked_mean(&p, b, mean);
}

void sweep_answers_make(sweep_summary *s, bootstrap *b)
{
    size_t groups = s->rows->group_count;
    s->accuracy = mem_new(1 + groups, sizeof *s->accuracy);
    s->accuracy_count = 1 + groups;
    add_accuracy(s, SWEEP_NONE, &s->accuracy[0], b);
    for (size_t g = 0; g < groups; g++)
        add_accuracy(s, g, &s->accuracy[1 + g], b);
    add_answers(s, true, s->answers.right, &s->answers.right_mean, b);
    add_answers(s, false, s->answers.wrong, &s->answers.wrong_mean, b);
}

void sweep_answers_free(sweep_summary *s)
{
    for (size_t i = 0; i < s->accuracy_count; i++)
        free(s->accuracy[i].group);
    free(s->accuracy);
}
