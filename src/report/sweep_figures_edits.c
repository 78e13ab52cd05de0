/* sweep_figures_edits.c: what edits did: each metric before and after, store by store (methods, baselines), and against
 * the layer where several stores differ in it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_figures.h"
#include "report/sweep_words.h"

static const char *const metrics[] = {
    "efficacy_exact", "efficacy_prob", "rephrasings_exact", "rephrasings_prob",
    "pictures_exact", "pictures_prob", "neighbours_kept", "neighbours_change",
    "key_cosine", "specificity", "specificity_change", "specificity_kl",
};

#define METRICS \
    "Exact: the share whose answer contains the target. Rephrased, other pictures: the same asked in other words, " \
    "and about other pictures of the subject. Neighbours: the question about other subjects. Unrelated: questions " \
    "that are to stay as they were. "

static const sweep_metric *metric_of(const sweep_summary *s, const char *name)
{
    for (size_t i = 0; i < s->metric_count; i++)
        if (strcmp(s->metrics[i].name, name) == 0)
            return &s->metrics[i];
    return NULL;
}

static char *note_of(panel_figure *f, const char *name, const interval *i)
{
    buffer note = {0};
    buffer_printf(&note, "%s: ", name);
    sweep_interval_words(i, &note);
    return panel_take(f, &note);
}

/* ---- store by store ---- */

static dot dot_of(panel_figure *f, const char *name, size_t row, const interval *i, bool before)
{
    bool sure = i->subjects > 1;
    return (dot){.row = row, .value = i->mean, .low = sure ? i->low : NAN, .high = sure ? i->high : NAN,
                 .colour = before ? 3 : 1, .hollow = before,
                 .note = note_of(f, panel_text(f, "%s, %s", name, before ? "before" : "after"), i)};
}

static void add_metric(panel_figure *f, const sweep_summary *s, size_t count, const char *const *names, size_t which)
{
    dot *dots = panel_new(f, 2 * count, sizeof *dots);
    size_t drawn = 0;
    for (size_t i = 0; i < count; i++) {
        const sweep_metric *m = metric_of(&s[i], metrics[which]);
        if (m && m->before.questions)
            dots[drawn++] = dot_of(f, names[i], i, &m->before, true);
        if (m && m->after.questions)
            dots[drawn++] = dot_of(f, names[i], i, &m->after, false);
    }
    if (drawn == 0)
        return;
    panel *p = panel_add(f, PANEL_DOTS);
    p->as.dots = (dot_panel){.title = sweep_metric_title(metrics[which]), .names = names, .rows = count, .dots = dots,
                             .count = drawn};
    dot_fit(&p->as.dots);
}

static void add_stores(sweep_figures *out, const sweep_summary *s, size_t count)
{
    panel_figure *f = sweep_figure_add(out, "edits", 0);
    const char **names = panel_new(f, count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = count > 1 ? s[i].label : "";
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++)
        add_metric(f, s, count, names, m);
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    buffer caption = {0};
    buffer_text(&caption, METRICS
                "Filled: after the edit; hollow: before it. Strokes are 95 % intervals, bootstrapped over subjects. ");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&caption, "%s%s: ", i ? "; " : "", s[i].label ? s[i].label : "");
        sweep_setting(&s[i], &caption);
    }
    buffer_text(&caption, ".");
    f->title = "What the edits did";
    f->caption = panel_take(f, &caption);
    f->width = 220;
}

/* ---- against the layer ---- */

/* The layer at which a store's edits are made, of a range the last one; -1: it does not say. */
static long layer_of(const sweep_summary *s)
{
    const json_t *layer = json_object_get(s->about->options, "layer");
    if (json_is_array(layer) && json_array_size(layer) == 2)
        return (long)json_number_value(json_array_get(layer, 1)) - 1;
    return json_is_number(layer) ? (long)json_number_value(layer) : -1;
}

static const char *kind_of(const sweep_summary *s)
{
    const char *kind = json_string_value(json_object_get(s->about->options, "method"));
    return kind ? kind : "multedit";
}

/* Fills the gaps between values with the line through both. */
static void join(double *values, size_t points)
{
    for (size_t k = 0, before = points; k < points; k++) {
        if (!isfinite(values[k]))
            continue;
        for (size_t i = before + 1; before < points && i < k; i++)
            values[i] = values[before] + (values[k] - values[before]) * (double)(i - before) / (double)(k - before);
        before = k;
    }
}

/* The metric of all stores of one kind of edit, each at its layer. Returns how many. */
static size_t fill_curve(panel_figure *f, const sweep_summary *s, size_t count, const char *kind, const char *metric,
                         curve *c, size_t points)
{
    double *parts[3];
    const char **notes = panel_new(f, points, sizeof *notes);
    bool *dots = panel_new(f, points, sizeof *dots);
    size_t there = 0;
    for (size_t i = 0; i < 3; i++)
        parts[i] = panel_new(f, points, sizeof **parts);
    for (size_t k = 0; k < points; k++) {
        parts[0][k] = parts[1][k] = parts[2][k] = NAN;
        notes[k] = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const sweep_metric *m = metric_of(&s[i], metric);
        long layer = layer_of(&s[i]);
        if (!m || !m->after.questions || layer < 0 || (size_t)layer >= points || strcmp(kind_of(&s[i]), kind) != 0)
            continue;
        parts[0][layer] = m->after.mean;
        parts[1][layer] = m->after.subjects > 1 ? m->after.low : NAN;
        parts[2][layer] = m->after.subjects > 1 ? m->after.high : NAN;
        dots[layer] = true;
        notes[layer] = note_of(f, panel_text(f, "%s, layer %ld", kind, layer), &m->after);
        there++;
    }
    for (size_t i = 0; i < 3; i++)
        join(parts[i], points);
    *c = (curve){.name = kind, .values = parts[0], .low = parts[1], .high = parts[2], .dots = dots, .notes = notes};
    return there;
}

static void add_layers(sweep_figures *out, const sweep_summary *s, size_t count)
{
    static const char *const kinds[] = {"multedit", "ft", "ft-constrained"};
    panel_figure *f = sweep_figure_add(out, "edits-layers", 0);
    size_t points = s[0].model_layers;
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics && points > 1; m++) {
        curve *curves = panel_new(f, 3, sizeof *curves);
        size_t drawn = 0;
        for (size_t k = 0; k < 3; k++)
            if (fill_curve(f, s, count, kinds[k], metrics[m], &curves[drawn], points) > 1)
                curves[drawn++].colour = k + 1;
        if (drawn == 0)
            continue;
        panel *p = panel_add(f, PANEL_CURVES);
        p->as.curves = (curve_panel){.title = sweep_metric_title(metrics[m]), .axis = "edited layer", .points = points,
                                     .curves = curves, .count = drawn, .key = true};
        curve_fit_close(&p->as.curves);
    }
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    f->title = "Edits, layer by layer";
    f->caption = "Each metric after the edit, against the layer that was edited: a dot for each store. " METRICS
                 "Bands are 95 % intervals, "
                 "bootstrapped over subjects.";
    f->width = 300;
    f->height = 140;
}

void sweep_figures_edits(sweep_figures *out, const sweep_summary *s, size_t count)
{
    if (strcmp(s[0].about->method, "edit") != 0)
        return;
    add_stores(out, s, count);
    add_layers(out, s, count);
}
