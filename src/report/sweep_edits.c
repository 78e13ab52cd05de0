/* sweep_edits.c: what edits did, over all questions that were edited (docs/edit.md, "Metrics").
 *
 * A result has means over the questions that were asked for it, and how many those were; over results they are weighted
 * by these counts, so that each question that was asked counts once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/sweep_measure.h"
#include "report/sweep_parts.h"

static const struct edit_metric {
    const char *name;
    const char *before;    /* values of a result; NULL: the metric has no before */
    const char *after;
    const char *minus;     /* what is taken from it; NULL: nothing */
    const char *count;     /* questions that were asked; NULL: one */
} metrics[] = {
    {"efficacy_prob", "before_prob", "after_prob", NULL, NULL},
    {"efficacy_exact", "before_exact", "after_exact", NULL, NULL},
    {"rephrasings_prob", "rephrasings_before_prob", "rephrasings_prob", NULL, "rephrasings"},
    {"rephrasings_exact", "rephrasings_before_exact", "rephrasings_exact", NULL, "rephrasings"},
    {"pictures_prob", "pictures_before_prob", "pictures_prob", NULL, "pictures"},
    {"pictures_exact", "pictures_before_exact", "pictures_exact", NULL, "pictures"},
    {"neighbours_kept", NULL, "neighbours_kept", NULL, "neighbours"},
    {"neighbours_change", NULL, "neighbours_change", NULL, "neighbours"},
    {"key_cosine", NULL, "key_cosine", NULL, "neighbours"},
    {"specificity", "specificity_before", "specificity_after", NULL, "specificity"},
    {"specificity_change", NULL, "specificity_after", "specificity_before", "specificity"},
    {"specificity_kl", NULL, "specificity_kl", NULL, "specificity"},
};

static double value_of(const sweep_summary *s, size_t row, const char *name)
{
    const sweep_question *q = &s->list[row];
    for (size_t i = 0; i < q->value_count; i++)
        if (strcmp(s->value_names[q->values[i].name], name) == 0)
            return q->values[i].value;
    return NAN;
}

/* The sample of one value, of the results that have it: sweep_sample_free. */
static bootstrap_sample value_sample(const sweep_summary *s, const char *name, const char *minus, const char *count)
{
    const sweep_rows *r = s->rows;
    double *top = mem_new(r->count, sizeof *top), *bottom = mem_new(r->count, sizeof *bottom);
    size_t *subject = mem_new(r->count, sizeof *subject), taken = 0;
    for (size_t i = 0; i < r->count; i++) {
        double value = r->items[i].done ? value_of(s, i, name) : NAN, weight = count ? value_of(s, i, count) : 1;
        if (minus)
            value -= value_of(s, i, minus);
        if (isnan(value) || isnan(weight) || weight <= 0)
            continue;
        top[taken] = value * weight;
        bottom[taken] = weight;
        subject[taken++] = r->items[i].subject;
    }
    return (bootstrap_sample){top, bottom, subject, taken, 1};
}

bool sweep_edit_sample(const sweep_summary *s, const char *metric, bootstrap_sample *out)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (strcmp(metrics[i].name, metric) == 0) {
            *out = value_sample(s, metrics[i].after, metrics[i].minus, metrics[i].count);
            return true;
        }
    return false;
}

/* Hands over the mean of a value; false where no result has it. */
static bool add_mean(const sweep_summary *s, const char *name, const char *minus, const char *count, bootstrap *b,
                     interval *out)
{
    bootstrap_sample of = value_sample(s, name, minus, count);
    bool any = of.count > 0;
    bootstrap_add(b, &of, NULL, out);
    sweep_sample_free(&of);
    return any;
}

void sweep_edits_make(sweep_summary *s, bootstrap *b)
{
    enum { COUNT = sizeof metrics / sizeof *metrics };
    if (strcmp(s->about->method, "edit") != 0)
        return;
    s->metrics = mem_new(COUNT, sizeof *s->metrics); /* all of them: the bootstrap keeps where they stand */
    for (size_t i = 0; i < COUNT; i++) {
        const struct edit_metric *m = &metrics[i];
        sweep_metric *to = &s->metrics[s->metric_count];
        if (!add_mean(s, m->after, m->minus, m->count, b, &to->after))
            continue;
        if (m->before)
            add_mean(s, m->before, NULL, m->count, b, &to->before);
        to->name = mem_text(m->name);
        s->metric_count++;
    }
}

void sweep_edits_free(sweep_summary *s)
{
    for (size_t i = 0; i < s->metric_count; i++)
        free(s->metrics[i].name);
    free(s->metrics);
}
