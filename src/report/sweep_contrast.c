/* sweep_contrast.c: two stores against each other, over the subjects that both have. See sweep_summary.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/sweep_measure.h"
#include "report/sweep_parts.h"
#include "report/sweep_series.h"

/* ---- subjects of both ---- */

/* In samples of b, subjects get a's numbers; those that a does not have, numbers of their own behind them. */
typedef struct common {
    size_t *of_b;          /* [b's subjects] */
    size_t total, shared;
} common;

typedef struct named {
    const char *name;
    size_t number;
} named;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static common find_common(const sweep_rows *a, const sweep_rows *b)
{
    common c = {mem_new(b->subjects, sizeof *c.of_b), a->subjects, 0};
    named *names = mem_new(a->subjects, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < a->subjects; i++)
        if (a->subject_names[i])
            names[count++] = (named){a->subject_names[i], i};
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < b->subjects; i++) {
        named wanted = {b->subject_names[i], 0}, *found = NULL;
        if (wanted.name)
            found = bsearch(&wanted, names, count, sizeof *names, by_name);
        c.of_b[i] = found ? found->number : c.total++;
        c.shared += found != NULL;
    }
    free(names);
    return c;
}

static void renumber(bootstrap_sample *s, const common *c)
{
    for (size_t i = 0; i < s->count; i++)
        ((size_t *)s->subject)[i] = c->of_b[s->subject[i]];
}

/* ---- depths ---- */

/* Where the columns of a curve stand. */
typedef struct depth_of {
    const size_t *layers;
    size_t L;
} depth_of;

static double half_depth(const depth_of *d, const double *curve, size_t count)
{
    size_t peak = 0, l;
    for (l = 0; l < count; l++) {
        if (!isfinite(curve[l]))
            return NAN;
        if (curve[l] > curve[peak])
            peak = l;
    }
    double half = curve[peak] / 2;
    if (!(half > 0) || d->L == 0)
        return NAN;
    for (l = peak; l < count && curve[l] >= half; l++)
        ;
    if (l == count)
        return 1;
    double before = (double)d->layers[l - 1], step = (double)d->layers[l] - before;
    return (before + step * (curve[l - 1] - half) / (curve[l - 1] - curve[l])) / (double)d->L;
}

static void half_depths(const void *context, const double *a, const double *minus, size_t columns, double *out)
{
    *out = half_depth(context, a, columns) - (minus ? half_depth(context, minus, columns) : 0);
}

/* ---- series ---- */

typedef struct contrasting {
    sweep_contrast *out;
    common common;
    bootstrap *bootstrap;
    struct pair *pairs;    /* [out->series_count] the samples, until the depths are made of them */
    depth_of *places;      /* [out->series_count] */
} contrasting;

typedef struct pair {
    bootstrap_sample a, b;
    bool halves;
} pair;

static size_t group_number(const sweep_rows *r, const char *name)
{
    for (size_t g = 0; g < r->group_count; g++)
        if (name && strcmp(r->group_names[g], name) == 0)
            return g;
    return SWEEP_NONE;
}

static bool same_layers(const sweep_series *x, const sweep_series *y)
{
    return x->layer_count == y->layer_count && memcmp(x->layers, y->layers, x->layer_count * sizeof *x->layers) == 0;
}

static bootstrap_sample sample_of(const sweep_summary *s, const sweep_series *x, const sweep_measure *m)
{
    const sweep_rows *r = s->rows;
    const sweep_curve *c = m ? sweep_measured(r, x->name, x->class, m) : sweep_rows_curve(r, x->name, x->metric);
    return sweep_sample_of(r, c, m ? m->taking : SWEEP_VALUE, group_number(r, x->group), sweep_is_noise(s->about));
}

static const sweep_measure *measure_of(const sweep_summary *s, const char *metric)
{
    const sweep_measure *m = sweep_trace_measures;
    if (strcmp(s->about->method, "trace") != 0)
        return NULL;
    while (m->name && strcmp(m->name, metric) != 0)
        m++;
    return m->name ? m : NULL;
}

static void add_pair(contrasting *c, const sweep_series *x, const sweep_series *y)
{
    sweep_contrast *out = c->out;
    const sweep_measure *m = measure_of(out->a, x->metric);
    pair p = {sample_of(out->a, x, m), sample_of(out->b, y, m),
              m ? m->halves : strcmp(out->a->about->method, "flow") == 0};
    renumber(&p.b, &c->common);
    c->pairs = mem_resize(c->pairs, out->series_count + 1, sizeof *c->pairs);
    c->pairs[out->series_count] = p;
    sweep_series *added = sweep_series_append(&out->series, &out->series_count, x->name, x->metric, x->class, x->group,
                                              x);
    bootstrap_add(c->bootstrap, &p.a, &p.b, added->at);
}

static pb_status add_pairs(contrasting *c, pb_error *err)
{
    const sweep_summary *a = c->out->a, *b = c->out->b;
    for (size_t i = 0; i < a->series_count; i++) {
        const sweep_series *x = &a->series[i], *y = sweep_series_find(b, x->name, x->metric, x->class, x->group);
        if (!y || strcmp(x->metric, "ie_control") == 0)
            continue;
        if (!same_layers(x, y))
            return fail(err, PB_EINVAL, "%s and %s have other layers of %s: they cannot be paired", a->path, b->path,
                        x->name);
        add_pair(c, x, y);
    }
    return PB_OK;
}

/* ---- edits ---- */

static const sweep_metric *metric_named(const sweep_summary *s, const char *name)
{
    for (size_t i = 0; i < s->metric_count; i++)
        if (strcmp(s->metrics[i].name, name) == 0)
            return &s->metrics[i];
    return NULL;
}

static void add_metrics(contrasting *c)
{
    sweep_contrast *out = c->out;
    out->metrics = mem_new(out->a->metric_count, sizeof *out->metrics);
    for (size_t i = 0; i < out->a->metric_count; i++) {
        const char *name = out->a->metrics[i].name;
        bootstrap_sample a, b;
        if (!metric_named(out->b, name) || !sweep_edit_sample(out->a, name, &a))
            continue;
        sweep_edit_sample(out->b, name, &b);
        renumber(&b, &c->common);
        out->metrics[out->metric_count].name = mem_text(name);
        bootstrap_add(c->bootstrap, &a, &b, &out->metrics[out->metric_count++].after);
        sweep_sample_free(&a);
        sweep_sample_free(&b);
    }
}

/* ---- both ---- */

/* a and b over all their questions, the difference over the subjects of both. */
static void add_depths(contrasting *c)
{
    sweep_contrast *out = c->out;
    out->depths = mem_new(out->series_count, sizeof *out->depths);
    c->places = mem_new(out->series_count, sizeof *c->places);
    for (size_t i = 0; i < out->series_count; i++) {
        const pair *p = &c->pairs[i];
        if (!p->halves)
            continue;
        sweep_depth *to = &out->depths[out->depth_count];
        depth_of *own = &c->places[i];
        *own = (depth_of){out->series[i].layers, out->a->model_layers};
        to->difference = &out->series[i];
        bootstrap_add_reduced(c->bootstrap, &p->a, NULL, half_depths, own, 1, &to->a);
        bootstrap_add_reduced(c->bootstrap, &p->b, NULL, half_depths, own, 1, &to->b);
        bootstrap_add_reduced(c->bootstrap, &p->a, &p->b, half_depths, own, 1, &to->between);
        out->depth_count++;
    }
}

static pb_status check_stores(const sweep_summary *a, const sweep_summary *b, pb_error *err)
{
    if (strcmp(a->about->method, b->about->method) != 0)
        return fail(err, PB_EINVAL, "%s is of %s and %s of %s: they cannot be paired", a->path, a->about->method,
                    b->path, b->about->method);
    if (a->model_layers != b->model_layers)
        return fail(err, PB_EINVAL, "%s is of a model of %zu layers and %s of one of %zu: they cannot be paired",
                    a->path, a->model_layers, b->path, b->model_layers);
    return PB_OK;
}

static pb_status contrast(contrasting *c, pb_error *err)
{
    const sweep_summary *a = c->out->a, *b = c->out->b;
    if (c->common.shared == 0)
        return fail(err, PB_EINVAL, "%s and %s have no subject in common", a->path, b->path);
    TRY(add_pairs(c, err));
    add_metrics(c);
    if (c->out->series_count + c->out->metric_count == 0)
        return fail(err, PB_EINVAL, "%s and %s have no curve in common", a->path, b->path);
    add_depths(c);
    bootstrap_run(c->bootstrap);
    return PB_OK;
}

pb_status sweep_contrast_of(sweep_contrast *out, const sweep_summary *a, const sweep_summary *b, pb_error *err)
{
    *out = (sweep_contrast){.a = a, .b = b};
    TRY(check_stores(a, b, err));
    contrasting c = {.out = out, .common = find_common(a->rows, b->rows)};
    c.bootstrap = bootstrap_new(a->rows->seed, c.common.total);
    pb_status status = contrast(&c, err);
    for (size_t i = 0; i < out->series_count; i++) {
        sweep_sample_free(&c.pairs[i].a);
        sweep_sample_free(&c.pairs[i].b);
    }
    free(c.pairs);
    free(c.places);
    free(c.common.of_b);
    bootstrap_free(c.bootstrap);
    if (status)
        sweep_contrast_free(out);
    return status;
}

void sweep_contrast_free(sweep_contrast *c)
{
    for (size_t i = 0; i < c->series_count; i++)
        sweep_series_free(&c->series[i]);
    for (size_t i = 0; i < c->metric_count; i++)
        free(c->metrics[i].name);
    free(c->series);
    free(c->metrics);
    free(c->depths);
    *c = (sweep_contrast){0};
}
