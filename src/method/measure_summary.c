/* measure_summary.c: means and intervals over what was measured. See measure.h. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "method/measure_parts.h"

/* The questions of one kind, of all requests that are summed up. */
typedef struct gathered {
    const measured **items;  /* [count] */
    const char **subjects;   /* [count] */
    size_t *requests;        /* [count] */
    size_t count;
    uint64_t seed;
} gathered;

/* The subject of what was asked: of edited questions and their like the request's; a picture's path names what has no
 * name. */
static const char *subject_of(const measure_question *q, const measure_question *edited, measure_kind kind)
{
    if (q->subject)
        return q->subject;
    if (kind < MEASURE_NEIGHBOURS && edited->subject)
        return edited->subject;
    return kind < MEASURE_NEIGHBOURS ? edited->asked.image : q->asked.image;
}

static void gather_request(const measure *x, size_t r, measure_kind kind, gathered *g)
{
    measured_list list = measure_list(&x->results[r], kind);
    if (!x->results[r].done || list.count == 0)
        return;
    g->items = mem_resize(g->items, g->count + list.count, sizeof *g->items);
    g->subjects = mem_resize(g->subjects, g->count + list.count, sizeof *g->subjects);
    g->requests = mem_resize(g->requests, g->count + list.count, sizeof *g->requests);
    for (size_t i = 0; i < list.count; i++) {
        g->items[g->count] = &list.items[i];
        g->subjects[g->count] = subject_of(list.items[i].question, &x->plan.requests[r].question, kind);
        g->requests[g->count++] = r;
    }
}

static gathered gather(const measure *x, const size_t *requests, size_t count, measure_kind kind)
{
    gathered g = {.seed = x->plan.seed};
    for (size_t i = 0; i < (requests ? count : x->plan.request_count); i++)
        gather_request(x, requests ? requests[i] : i, kind, &g);
    return g;
}

static void gathered_free(gathered *g)
{
    free(g->items);
    free(g->subjects);
    free(g->requests);
}

/* The interval of a value, over the questions that have one. */
static interval over(const gathered *g, double (*value)(const measured *m))
{
    double *values = mem_new(g->count, sizeof *values);
    const char **subjects = mem_new(g->count, sizeof *subjects);
    sample s = {.top = values, .subject = subjects};
    for (size_t i = 0; i < g->count; i++) {
        double v = value(g->items[i]);
        if (isnan(v))
            continue;
        values[s.count] = v;
        subjects[s.count++] = g->subjects[i];
    }
    interval out = interval_of(&s, g->seed);
    free(values);
    free(subjects);
    return out;
}

/* ---- values ---- */

static double before_prob(const measured *m)
{
    return m->before.prob;
}

static double after_prob(const measured *m)
{
    return m->after.prob;
}

static double before_right(const measured *m)
{
    return m->before.right;
}

static double after_right(const measured *m)
{
    return m->after.right;
}

static double right_change(const measured *m)
{
    return (double)m->after.right - (double)m->before.right;
}

static double target_change(const measured *m)
{
    return m->after.prob - m->before.prob;
}

static double is_kept(const measured *m)
{
    return m->kept;
}

static double divergence(const measured *m)
{
    return m->kl;
}

static double key_cosine(const measured *m)
{
    return m->key_cosine;
}

/* ---- the summary ---- */

static measure_success success(const measure *x, const size_t *requests, size_t count, measure_kind kind)
{
    gathered g = gather(x, requests, count, kind);
    measure_success s = {over(&g, before_prob), over(&g, after_prob), over(&g, before_right), over(&g, after_right)};
    gathered_free(&g);
    return s;
}

/* The questions whose answers were right or not before, and the other way after. */
static measure_flip *flips(const gathered *g, bool before, size_t *count)
{
    measure_flip *found = mem_new(g->count, sizeof *found);
    *count = 0;
    for (size_t i = 0; i < g->count; i++)
        if (g->items[i]->before.right == before && g->items[i]->after.right != before)
            found[(*count)++] = (measure_flip){g->requests[i], g->items[i]->question};
    return found;
}

void measure_summarise(const measure *x, const size_t *requests, size_t count, measure_summary *out)
{
    gathered near = gather(x, requests, count, MEASURE_NEIGHBOURS);
    gathered far = gather(x, requests, count, MEASURE_EVALUATION);
    *out = (measure_summary){
        .edited = success(x, requests, count, MEASURE_EDITED),
        .rephrasings = success(x, requests, count, MEASURE_REPHRASINGS),
        .pictures = success(x, requests, count, MEASURE_PICTURES),
        .neighbourhood = {over(&near, is_kept), over(&near, target_change), over(&near, key_cosine)},
        .specificity = {.before = over(&far, before_right), .after = over(&far, after_right),
                        .change = over(&far, right_change), .kl = over(&far, divergence)},
    };
    out->specificity.gained = flips(&far, false, &out->specificity.gained_count);
    out->specificity.lost = flips(&far, true, &out->specificity.lost_count);
    gathered_free(&near);
    gathered_free(&far);
}

void measure_summary_free(measure_summary *s)
{
    free(s->specificity.gained);
    free(s->specificity.lost);
    *s = (measure_summary){0};
}
