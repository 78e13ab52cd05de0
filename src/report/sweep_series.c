/* sweep_series.c: see sweep_series.h. */
#define _GNU_SOURCE /* strverscmp */
#include "report/sweep_series.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/sweep_measure.h"

bool sweep_is_noise(const store_about *about)
{
    const char *direction = json_string_value(json_object_get(about->options, "direction"));
    return direction && strcmp(direction, "noise") == 0;
}

/* ---- lists of series ---- */

static void *copy_of(const void *from, size_t count, size_t size)
{
    if (!from)
        return NULL;
    void *to = mem_new(count, size);
    memcpy(to, from, count * size);
    return to;
}

sweep_series *sweep_series_append(sweep_series **list, size_t *count, const char *name, const char *metric,
                                  const char *class, const char *group, const sweep_series *like)
{
    sweep_series *all = mem_resize(*list, *count + 1, sizeof *all), *s = &all[(*count)++];
    *list = all;
    *s = (sweep_series){.name = mem_text(name), .metric = mem_text(metric), .class = mem_text(class),
                        .group = mem_text(group), .layer_count = like->layer_count,
                        .layers = copy_of(like->layers, like->layer_count, sizeof *like->layers),
                        .at = mem_new(like->layer_count, sizeof *s->at),
                        .restored = copy_of(like->restored, like->layer_count, sizeof *like->restored),
                        .first_restored = copy_of(like->first_restored, like->layer_count,
                                                  sizeof *like->first_restored)};
    return s;
}

void sweep_series_free(sweep_series *s)
{
    free(s->name);
    free(s->metric);
    free(s->class);
    free(s->group);
    free(s->layers);
    free(s->at);
    free(s->restored);
    free(s->first_restored);
    *s = (sweep_series){0};
}

/* ---- layers ---- */

static size_t count_of(const json_t *number)
{
    return json_is_number(number) && json_number_value(number) >= 0 ? (size_t)json_number_value(number) : 0;
}

/* A trace's entry of a site: of "head_out:3" that of head_out. NULL: it is no trace, or says nothing. */
static const json_t *site_entry(const json_t *detail, const char *name)
{
    char *site = mem_text_n(name, strcspn(name, ":"));
    const json_t *entry = json_object_get(json_object_get(detail, "sites"), site);
    free(site);
    return entry;
}

static void read_windows(sweep_series *s, const json_t *restored)
{
    if (json_array_size(restored) != s->layer_count)
        return;
    s->restored = mem_new(s->layer_count, sizeof *s->restored);
    s->first_restored = mem_new(s->layer_count, sizeof *s->first_restored);
    for (size_t l = 0; l < s->layer_count; l++) {
        const json_t *window = json_array_get(restored, l);
        s->restored[l][0] = count_of(json_array_get(window, 0));
        s->restored[l][1] = count_of(json_array_get(window, 1));
        s->first_restored[l] = s->restored[l][0] == 0;
    }
}

/* Layers and windows of a site or pair, with nothing else: sweep_series_free. */
static pb_status read_layers(sweep_series *out, const sweep_rows *r, const json_t *detail, const char *name,
                             size_t columns, pb_error *err)
{
    const json_t *entry = site_entry(detail, name), *own = json_object_get(entry, "layers");
    const json_t *layers = own ? own : json_object_get(detail, "layers");
    if (layers && json_array_size(layers) != columns)
        return fail(err, PB_EFORMAT, "%s: curves of %s have %zu layers, but the results have %zu", r->path, name,
                    columns, json_array_size(layers));
    *out = (sweep_series){.layer_count = columns, .layers = mem_new(columns, sizeof *out->layers)};
    for (size_t l = 0; l < columns; l++)
        out->layers[l] = layers ? count_of(json_array_get(layers, l)) : l;
    read_windows(out, json_object_get(entry, "restored"));
    return PB_OK;
}

/* ---- traces: sites and classes ---- */

typedef struct place {
    char *site, *class;
    size_t columns;
} place;

/* Token classes in the order of their table, others behind them. */
static size_t class_order(const char *class)
{
    static const char *const names[] = {"bos", "image", "before", "constraint_first", "constraint_middle",
                                        "constraint_last", "after", "last", "control"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(names[i], class) != 0)
        i++;
    return i;
}

/* Sites and other classes by name, their numbers as numbers: head 10 behind head 9. */
static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    size_t i = class_order(x->class), k = class_order(y->class);
    int order = strverscmp(x->site, y->site);
    if (order || i != k)
        return order ? order : i < k ? -1 : 1;
    return strverscmp(x->class, y->class);
}

/* The sites, each with its classes. places_free */
static place *find_places(const sweep_rows *r, size_t *count)
{
    place *places = mem_new(r->curve_count, sizeof *places);
    *count = 0;
    for (size_t i = 0; i < r->curve_count; i++) {
        const sweep_curve *c = &r->curves[i];
        const char *slash = strrchr(c->name, '/');
        if (slash && strcmp(slash, "/prob") == 0)
            places[(*count)++] = (place){mem_text_n(c->name, (size_t)(slash - c->name)), mem_text(c->class),
                                         c->columns};
    }
    qsort(places, *count, sizeof *places, by_place);
    return places;
}

static void places_free(place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(places[i].site);
        free(places[i].class);
    }
    free(places);
}

static const char *group_name(const sweep_rows *r, size_t group)
{
    return group == SWEEP_NONE ? NULL : r->group_names[group];
}

static void add_measure(sweep_summary *s, const place *p, const sweep_measure *m, size_t group,
                        const sweep_series *like, bootstrap *b)
{
    const sweep_rows *r = s->rows;
    bool noise = sweep_is_noise(s->about);
    const sweep_curve *c = sweep_measured(r, p->site, p->class, m);
    const sweep_curve *control = m->over_control ? sweep_measured(r, p->site, "control", m) : NULL;
    if (!c || (m->over_control && (!control || control == c)))
        return;
    bootstrap_sample of = sweep_sample_of(r, c, m->taking, group, noise), minus = {0};
    if (control)
        minus = sweep_sample_of(r, control, m->taking, group, noise);
    if (of.count && (!control || minus.count)) {
        sweep_series *added = sweep_series_append(&s->series, &s->series_count, p->site, m->name, p->class,
                                                  group_name(r, group), like);
        bootstrap_add(b, &of, control ? &minus : NULL, added->at);
    }
    sweep_sample_free(&of);
    sweep_sample_free(&minus);
}

static pb_status add_traces(sweep_summary *s, size_t group, const json_t *detail, bootstrap *b, pb_error *err)
{
    size_t count;
    place *places = find_places(s->rows, &count);
    pb_status status = PB_OK;
    for (size_t i = 0; i < count && !status; i++) {
        sweep_series like = {0};
        status = read_layers(&like, s->rows, detail, places[i].site, places[i].columns, err);
        for (const sweep_measure *m = sweep_trace_measures; m->name && !status; m++)
            add_measure(s, &places[i], m, group, &like, b);
        sweep_series_free(&like);
    }
    places_free(places, count);
    return status;
}

/* ---- flows and knockouts: a curve is a series ---- */

static pb_status add_plain(sweep_summary *s, size_t group, const json_t *detail, bootstrap *b, pb_error *err)
{
    const sweep_rows *r = s->rows;
    for (size_t i = 0; i < r->curve_count; i++) {
        const sweep_curve *c = &r->curves[i];
        sweep_series like;
        TRY(read_layers(&like, s->rows, detail, c->name, c->columns, err));
        bootstrap_sample of = sweep_sample_of(r, c, SWEEP_VALUE, group, false);
        if (of.count) {
            sweep_series *added = sweep_series_append(&s->series, &s->series_count, c->name, c->class, "",
                                                      group_name(r, group), &like);
            bootstrap_add(b, &of, NULL, added->at);
        }
        sweep_sample_free(&of);
        sweep_series_free(&like);
    }
    return PB_OK;
}

pb_status sweep_series_make(sweep_summary *s, const json_t *detail, bootstrap *b, pb_error *err)
{
    bool trace = strcmp(s->about->method, "trace") == 0;
    TRY((trace ? add_traces : add_plain)(s, SWEEP_NONE, detail, b, err));
    for (size_t g = 0; g < s->rows->group_count; g++)
        TRY((trace ? add_traces : add_plain)(s, g, detail, b, err));
    return PB_OK;
}

const sweep_series *sweep_series_find(const sweep_summary *s, const char *name, const char *metric, const char *class,
                                      const char *group)
{
    for (size_t i = 0; i < s->series_count; i++) {
        const sweep_series *x = &s->series[i];
        if (strcmp(x->name, name) == 0 && strcmp(x->metric, metric) == 0 && strcmp(x->class, class) == 0 &&
            (group ? x->group && strcmp(x->group, group) == 0 : !x->group))
            return x;
    }
    return NULL;
}
