/* sweep_csv.c: see sweep_csv.h. */
#include "report/sweep_csv.h"

#include <stdlib.h>
#include <string.h>

#include "report/csv_text.h"

/* The header, with what the number of stores and groups add to it. */
static void add_header(buffer *out, const char *names, bool groups, size_t stores)
{
    if (groups)
        buffer_text(out, "by,group,");
    buffer_text(out, names);
    csv_fields(out, stores > 1 ? ",store" : "");
}

static void end_line(buffer *out, const sweep_summary *s, size_t stores)
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

/* The values' names of all stores, in order of first appearance; free(names). A trace's are its marks, which do not belong
 * to this table: they stand in the store and in the page. */
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
            end_line(out, &s[i], count);
        }
    free(c.names);
}

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
        end_line(out, s, stores);
    }
}

static void add_all(buffer *out, const sweep_summary *s, size_t count, bool groups, describe_fn *before, describe_fn *behind)
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
    add_header(out, "site,corruption,direction,window,metric,layer,class,questions,subjects,mean,low,high", groups, count);
    add_all(out, s, count, groups, before_aie, behind_aie);
}

static void add_pair(buffer *out, const char *pair)
{
    size_t from = strcspn(pair, ">");
    char *text = mem_text_n(pair, from);
    csv_text(out, text);
    csv_text(out, pair[from] ? pair + from + 1 : NULL);
    free(text);
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
    add_header(out, cut ? "from,to,window,measure,layer,questions,subjects,mean,low,high"
                        : "from,to,measure,layer,questions,subjects,mean,low,high", groups, count);
    add_all(out, s, count, groups, cut ? before_knockout : before_flow, behind_flow);
}

void sweep_windows_csv(const sweep_summary *s, size_t count, buffer *out)
{
    add_header(out, "site,layer,first,last", false, count);
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
                end_line(out, &s[i], count);
            }
        }
    }
}

void sweep_sources_csv(const sweep_summary *s, size_t count, buffer *out)
{
    add_header(out, "from,to,layer,row,mean,strongest,questions", false, count);
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
                end_line(out, &s[i], count);
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
    end_line(out, s, stores);
    buffer_free(&metric);
}

void sweep_edit_csv(const sweep_summary *s, size_t count, buffer *out)
{
    add_header(out, "method,layer,metric,questions,subjects,mean,low,high", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s[i].metric_count; k++) {
            const sweep_metric *m = &s[i].metrics[k];
            if (m->before.questions)
                add_metric(out, &s[i], m->name, "_before", &m->before, count);
            add_metric(out, &s[i], m->name, "", &m->after, count);
        }
}

/* ---- answers ---- */

void sweep_accuracy_csv(const sweep_summary *s, size_t count, buffer *out)
{
    add_header(out, "group,questions,subjects,mean,low,high", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s[i].accuracy_count; k++) {
            const sweep_accuracy *a = &s[i].accuracy[k];
            if (a->rate.questions == 0)
                continue;
            csv_text(out, a->group ? a->group : "all");
            csv_interval(out, &a->rate);
            end_line(out, &s[i], count);
        }
}

void sweep_answers_csv(const sweep_summary *s, size_t count, buffer *out)
{
    add_header(out, "low,high,right,wrong", false, count);
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < SWEEP_BINS; b++) {
            csv_number(out, (double)b / SWEEP_BINS);
            csv_number(out, (double)(b + 1) / SWEEP_BINS);
            csv_count(out, s[i].answers.right[b]);
            csv_count(out, s[i].answers.wrong[b]);
            end_line(out, &s[i], count);
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

/* ---- files ---- */

/* Writes and empties. */
static pb_status put(const file_set *set, const char *name, buffer *table, pb_error *err)
{
    pb_status status = file_set_text(set, name, table, err);
    buffer_free(table);
    return status;
}

static bool any_groups(const sweep_summary *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (s[i].group_count)
            return true;
    return false;
}

static pb_status put_curves(const sweep_summary *s, size_t count, const char *name, const char *by_group,
                            void (*table)(const sweep_summary *, size_t, bool, buffer *), const file_set *set, pb_error *err)
{
    buffer out = {0};
    table(s, count, false, &out);
    TRY(put(set, name, &out, err));
    if (!any_groups(s, count))
        return PB_OK;
    table(s, count, true, &out);
    return put(set, by_group, &out, err);
}

static pb_status put_traces(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    buffer out = {0};
    TRY(put_curves(s, count, "aie.csv", "aie_groups.csv", sweep_aie_csv, set, err));
    sweep_windows_csv(s, count, &out);
    return put(set, "windows.csv", &out, err);
}

static pb_status put_flows(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    buffer out = {0};
    size_t sources = 0;
    for (size_t i = 0; i < count; i++)
        sources += s[i].source_count;
    TRY(put_curves(s, count, "flow.csv", "flow_groups.csv", sweep_flow_csv, set, err));
    if (sources == 0)
        return PB_OK;
    sweep_sources_csv(s, count, &out);
    return put(set, "sources.csv", &out, err);
}

static pb_status put_knockouts(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    return put_curves(s, count, "knockout.csv", "knockout_groups.csv", sweep_flow_csv, set, err);
}

static pb_status put_edits(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    buffer out = {0};
    sweep_edit_csv(s, count, &out);
    return put(set, "edit.csv", &out, err);
}

static pb_status put_own(const sweep_summary *s, size_t count, const file_set *set, pb_error *err)
{
    static const struct {
        const char *method;
        pb_status (*put)(const sweep_summary *, size_t, const file_set *, pb_error *);
    } own[] = {{"trace", put_traces}, {"flow", put_flows}, {"knockout", put_knockouts}, {"edit", put_edits}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(s->about->method, own[i].method) == 0)
            return own[i].put(s, count, set, err);
    return PB_OK;
}

pb_status sweep_tables_write(const sweep_summary *s, size_t count, const sweep_contrast *contrast, const file_set *set,
                             pb_error *err)
{
    buffer out = {0};
    sweep_questions_csv(s, count, &out);
    TRY(put(set, "questions.csv", &out, err));
    sweep_accuracy_csv(s, count, &out);
    TRY(put(set, "accuracy.csv", &out, err));
    sweep_answers_csv(s, count, &out);
    TRY(put(set, "answers.csv", &out, err));
    TRY(put_own(s, count, set, err));
    if (!contrast)
        return PB_OK;
    sweep_contrast_csv(contrast, &out);
    TRY(put(set, "contrast.csv", &out, err));
    sweep_depths_csv(contrast, &out);
    return put(set, "depth.csv", &out, err);
}
