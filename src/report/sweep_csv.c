/* sweep_csv.c: the tables that stores of every method have, and those of a contrast (sweep_csv.h). */
#include <stdlib.h>
#include <string.h>

#include "report/csv_text.h"
#include "report/sweep_csv_parts.h"

void sweep_csv_open(buffer *out, const char *names, bool groups, size_t stores)
{
    if (groups)
        buffer_text(out, "by,group,");
    buffer_text(out, names);
    csv_fields(out, stores > 1 ? ",store" : "");
}

void sweep_csv_end(buffer *out, const sweep_summary *s, size_t stores)
{
    if (stores > 1)
        csv_text(out, s->label);
    csv_end(out);
}

/* ---- questions ---- */

typedef struct columns {
    const char **names;
    size_t count;
} columns;

/* The values' names of all stores, in order of first appearance; free(names). A trace's are its marks, which do not
 * belong to this table: they stand in the store and in the page. */
static columns value_columns(const sweep_summary *s, size_t count)
{
    columns c = {0};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; strcmp(s[i].about->method, "trace") != 0 && k < s[i].value_name_count; k++) {
            size_t at = 0;
            while (at < c.count && strcmp(c.names[at], s[i].value_names[k]) != 0)
                at++;
            if (at < c.count)
                continue;
            c.names = mem_resize(c.names, c.count + 1, sizeof *c.names);
            c.names[c.count++] = s[i].value_names[k];
        }
    return c;
}

static double value_named(const sweep_summary *s, const sweep_question *q, const char *name, bool *found)
{
    for (size_t i = 0; i < q->value_count; i++)
        if (strcmp(s->value_names[q->values[i].name], name) == 0) {
            *found = true;
            return q->values[i].value;
        }
    *found = false;
    return 0;
}

static void add_question(buffer *out, const sweep_summary *s, const sweep_question *q, const columns *c)
{
    csv_text(out, q->id);
    csv_text(out, q->status);
    csv_text(out, q->reason);
    csv_text(out, q->answer);
    csv_text(out, q->correct < 0 ? NULL : q->correct ? "1" : "0");
    csv_number(out, q->clean_prob);
    csv_number(out, q->corrupted_prob);
    for (size_t i = 0; i < c->count; i++) {
        bool found;
        double value = value_named(s, q, c->names[i], &found);
        if (found)
            csv_number(out, value);
        else
            csv_text(out, NULL);
    }
}

void sweep_questions_csv(const sweep_summary *s, size_t count, buffer *out)
{
    columns c = value_columns(s, count);
    buffer_text(out, "id,status,reason,answer,correct,clean_prob,corrupted_prob");
    for (size_t i = 0; i < c.count; i++)
        csv_text(out, c.names[i]);
    csv_fields(out, count > 1 ? ",store" : "");
    for (size_t i = 0; i < count; i++)
        for (size_t q = 0; q < s[i].questions; q++) {
            add_question(out, &s[i], &s[i].list[q], &c);
            sweep_csv_end(out, &s[i], count);
        }
    free(c.names);
}

/* ---- answers ---- */

void sweep_accuracy_csv(const sweep_summary *s, size_t count, buffer *out)
{
    sweep_csv_open(out, "group,questions,subjects,mean,low,high", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s[i].accuracy_count; k++) {
            const sweep_accuracy *a = &s[i].accuracy[k];
            if (a->rate.questions == 0)
                continue;
            csv_text(out, a->group ? a->group : "all");
            csv_interval(out, &a->rate);
            sweep_csv_end(out, &s[i], count);
        }
}

void sweep_answers_csv(const sweep_summary *s, size_t count, buffer *out)
{
    sweep_csv_open(out, "low,high,right,wrong", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < SWEEP_BINS; b++) {
            csv_number(out, (double)b / SWEEP_BINS);
            csv_number(out, (double)(b + 1) / SWEEP_BINS);
            csv_count(out, s[i].answers.right[b]);
            csv_count(out, s[i].answers.wrong[b]);
            sweep_csv_end(out, &s[i], count);
        }
}

/* ---- contrasts ---- */

/* Of edits: a metric stands at no layer. */
static void add_metric_contrasts(const sweep_contrast *c, buffer *out)
{
    for (size_t i = 0; i < c->metric_count; i++) {
        csv_text(out, NULL);
        csv_text(out, c->metrics[i].name);
        csv_text(out, NULL);
        csv_text(out, NULL);
        csv_text(out, NULL);
        csv_interval(out, &c->metrics[i].after);
        csv_end(out);
    }
}

void sweep_contrast_csv(const sweep_contrast *c, buffer *out)
{
    csv_fields(out, "name,metric,layer,class,group,questions,subjects,mean,low,high");
    for (size_t i = 0; i < c->series_count; i++) {
        const sweep_series *x = &c->series[i];
        for (size_t l = 0; l < x->layer_count; l++) {
            if (x->at[l].questions == 0)
                continue;
            csv_text(out, x->name);
            csv_text(out, x->metric);
            csv_count(out, x->layers[l]);
            csv_text(out, *x->class ? x->class : NULL);
            csv_text(out, x->group);
            csv_interval(out, &x->at[l]);
            csv_end(out);
        }
    }
    add_metric_contrasts(c, out);
}

static void add_ends(buffer *out, const interval *i)
{
    csv_number(out, i->mean);
    csv_number(out, i->low);
    csv_number(out, i->high);
}

void sweep_depths_csv(const sweep_contrast *c, buffer *out)
{
    csv_fields(out, "name,metric,class,group,a,a_low,a_high,b,b_low,b_high,subjects,difference,low,high");
    for (size_t i = 0; i < c->depth_count; i++) {
        const sweep_depth *d = &c->depths[i];
        csv_text(out, d->difference->name);
        csv_text(out, d->difference->metric);
        csv_text(out, *d->difference->class ? d->difference->class : NULL);
        csv_text(out, d->difference->group);
        add_ends(out, &d->a);
        add_ends(out, &d->b);
        csv_count(out, d->between.subjects);
        add_ends(out, &d->between);
        csv_end(out);
    }
}
