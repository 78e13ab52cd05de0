/* sweep_csv_methods.c: the tables of each method: curves of traces, flows and knockouts,
 * and what edits did (sweep_csv.h). */
#include <string.h>

#include "report/csv_text.h"
#include "report/sweep_csv_parts.h"

/* ---- options ---- */

/* "swap:Paris"; of several "swap:Paris + image-rowmean" */
static void add_corruption(buffer *out, const sweep_summary *s)
{
    const json_t *list = json_object_get(s->about->options, "corruption"), *one;
    buffer text = {0};
    size_t i;
    if (json_is_string(list))
        buffer_text(&text, json_string_value(list));
    json_array_foreach(list, i, one)
        buffer_printf(&text, "%s%s", i ? " + " : "", json_string_value(one));
    csv_text(out, text.data);
    buffer_free(&text);
}

static void add_option(buffer *out, const sweep_summary *s, const char *key)
{
    csv_text(out, json_string_value(json_object_get(s->about->options, key)));
}

/* "3"; "radius 3" */
static void add_window(buffer *out, const sweep_summary *s)
{
    const json_t *window = json_object_get(s->about->options, "window");
    const char *kind = json_string_value(json_object_get(window, "kind"));
    const json_t *size = json_is_number(window) ? window : json_object_get(window, "size");
    buffer text = {0};
    if (json_is_number(size))
        buffer_printf(&text, "%s%.0f", kind && strcmp(kind, "radius") == 0 ? "radius " : "", json_number_value(size));
    csv_text(out, text.data);
    buffer_free(&text);
}

/* "2"; of a range "2:5" */
static void add_layer(buffer *out, const sweep_summary *s)
{
    const json_t *layer = json_object_get(s->about->options, "layer");
    buffer text = {0};
    if (json_is_number(layer))
        buffer_printf(&text, "%.0f", json_number_value(layer));
    else if (json_array_size(layer) == 2)
        buffer_printf(&text, "%.0f:%.0f", json_number_value(json_array_get(layer, 0)),
                      json_number_value(json_array_get(layer, 1)));
    csv_text(out, text.data);
    buffer_free(&text);
}

/* ---- curves ---- */

/* What a line says of a series before its layer, and between that and its numbers. */
typedef void describe_fn(buffer *out, const sweep_summary *s, const sweep_series *x);

static void add_series(buffer *out, const sweep_summary *s, const sweep_series *x, size_t stores, describe_fn *before,
                       describe_fn *behind)
{
    for (size_t l = 0; l < x->layer_count; l++) {
        if (x->at[l].questions == 0)
            continue;
        if (x->group) {
            csv_text(out, s->grouped_by);
            csv_text(out, x->group);
        }
        before(out, s, x);
        csv_count(out, x->layers[l]);
        behind(out, s, x);
        csv_interval(out, &x->at[l]);
        sweep_csv_end(out, s, stores);
    }
}

static void add_all(buffer *out, const sweep_summary *s, size_t count, bool groups, describe_fn *before,
                    describe_fn *behind)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s[i].series_count; k++)
            if ((s[i].series[k].group != NULL) == groups)
                add_series(out, &s[i], &s[i].series[k], count, before, behind);
}

static void before_aie(buffer *out, const sweep_summary *s, const sweep_series *x)
{
    csv_text(out, x->name);
    add_corruption(out, s);
    add_option(out, s, "direction");
    add_window(out, s);
    csv_text(out, x->metric);
}

static void behind_aie(buffer *out, const sweep_summary *s, const sweep_series *x)
{
    (void)s;
    csv_text(out, x->class);
}

void sweep_aie_csv(const sweep_summary *s, size_t count, bool groups, buffer *out)
{
    sweep_csv_open(out, "site,corruption,direction,window,metric,layer,class,questions,subjects,mean,low,high", groups,
                   count);
    add_all(out, s, count, groups, before_aie, behind_aie);
}

/* "image", "constraint" of "image>constraint"; "image,constraint", "last,last" of pairs that are cut together,
 * "image>last+constraint>last", as knockout.json has them. */
static void add_pair(buffer *out, const char *pairs)
{
    buffer from = {0}, to = {0};
    for (const char *at = pairs; *at;) {
        const char *comma = from.size ? "," : "";
        size_t gives = strcspn(at, ">+"), takes = at[gives] == '>' ? strcspn(at + gives + 1, "+") : 0;
        buffer_printf(&from, "%s%.*s", comma, (int)gives, at);
        buffer_printf(&to, "%s%.*s", comma, (int)takes, at[gives] == '>' ? at + gives + 1 : "");
        at += gives + (at[gives] == '>') + takes;
        at += *at == '+';
    }
    csv_text(out, from.data);
    csv_text(out, to.data);
    buffer_free(&from);
    buffer_free(&to);
}

static void before_flow(buffer *out, const sweep_summary *s, const sweep_series *x)
{
    (void)s;
    add_pair(out, x->name);
    csv_text(out, x->metric);
}

static void before_knockout(buffer *out, const sweep_summary *s, const sweep_series *x)
{
    add_pair(out, x->name);
    add_window(out, s);
    csv_text(out, x->metric);
}

static void behind_flow(buffer *out, const sweep_summary *s, const sweep_series *x)
{
    (void)out, (void)s, (void)x;
}

void sweep_flow_csv(const sweep_summary *s, size_t count, bool groups, buffer *out)
{
    bool cut = strcmp(s->about->method, "knockout") == 0;
    sweep_csv_open(out, cut ? "from,to,window,measure,layer,questions,subjects,mean,low,high"
                        : "from,to,measure,layer,questions,subjects,mean,low,high", groups, count);
    add_all(out, s, count, groups, cut ? before_knockout : before_flow, behind_flow);
}

void sweep_windows_csv(const sweep_summary *s, size_t count, buffer *out)
{
    sweep_csv_open(out, "site,layer,first,last", false, count);
    for (size_t i = 0; i < count; i++) {
        const char *before = "";
        for (size_t k = 0; k < s[i].series_count; k++) {
            const sweep_series *x = &s[i].series[k];
            if (!x->restored || x->group || strcmp(x->name, before) == 0)
                continue;
            before = x->name;
            for (size_t l = 0; l < x->layer_count; l++) {
                csv_text(out, x->name);
                csv_count(out, x->layers[l]);
                csv_count(out, x->restored[l][0]);
                csv_count(out, x->restored[l][1]);
                sweep_csv_end(out, &s[i], count);
            }
        }
    }
}

void sweep_sources_csv(const sweep_summary *s, size_t count, buffer *out)
{
    sweep_csv_open(out, "from,to,layer,row,mean,strongest,questions", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s[i].source_count; k++) {
            const sweep_sources *x = &s[i].sources[k];
            for (size_t r = 0; r < x->rows; r++) {
                add_pair(out, x->pair);
                csv_count(out, x->layer);
                csv_count(out, r);
                csv_number(out, x->mean[r]);
                csv_count(out, x->strongest[r]);
                csv_count(out, x->questions);
                sweep_csv_end(out, &s[i], count);
            }
        }
}

/* ---- edits ---- */

static void add_metric(buffer *out, const sweep_summary *s, const char *name, const char *ending, const interval *i,
                       size_t stores)
{
    buffer metric = {0};
    buffer_printf(&metric, "%s%s", name, ending);
    add_option(out, s, "method");
    add_layer(out, s);
    csv_text(out, metric.data);
    csv_interval(out, i);
    sweep_csv_end(out, s, stores);
    buffer_free(&metric);
}

void sweep_edit_csv(const sweep_summary *s, size_t count, buffer *out)
{
    sweep_csv_open(out, "method,layer,metric,questions,subjects,mean,low,high", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s[i].metric_count; k++) {
            const sweep_metric *m = &s[i].metrics[k];
            if (m->before.questions)
                add_metric(out, &s[i], m->name, "_before", &m->before, count);
            add_metric(out, &s[i], m->name, "", &m->after, count);
        }
}
