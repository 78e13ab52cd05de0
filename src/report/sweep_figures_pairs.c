/* sweep_figures_pairs.c: flows and knockouts over layers, pair by pair; and which of a flow's source rows give most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_figures.h"
#include "report/sweep_words.h"

typedef struct measure {
    const char *method, *metric, *title;
} measure;

static const measure measures[] = {
    {"flow", "sum_norm", "Sum of norms"},       {"flow", "norm_sum", "Norm of the sum"},
    {"flow", "share", "Share of attn_out"},     {"flow", "relative", "Norm of the sum / residual"},
    {"knockout", "prob", "P(answer)"},          {"knockout", "relative", "Relative change of P(answer)"},
};

static void add_measure(panel_figure *f, const sweep_summary *s, const measure *m)
{
    const sweep_series **found = mem_new(s->series_count + 1, sizeof *found);
    size_t count = 0, first, points;
    for (size_t i = 0; i < s->series_count; i++)
        if (!s->series[i].group && strcmp(s->series[i].metric, m->metric) == 0)
            found[count++] = &s->series[i];
    sweep_layer_range(found, count, &first, &points);
    curve *curves = panel_new(f, count + 1, sizeof *curves);
    for (size_t i = 0; i < count; i++) {
        buffer name = {0};
        sweep_pair_title(found[i]->name, &name);
        curves[i] = sweep_curve(f, found[i], panel_take(f, &name), i + 1, first, points);
    }
    free(found);
    if (points < 2)
        return;
    panel *p = panel_add(f, PANEL_CURVES);
    p->as.curves = (curve_panel){.title = m->title, .axis = "layer", .points = points, .first = first, .curves = curves,
                                 .count = count, .key = true};
    curve_fit_close(&p->as.curves);
}

static void add_curves(sweep_figures *out, const sweep_summary *s, size_t number)
{
    bool flow = strcmp(s->about->method, "flow") == 0;
    panel_figure *f = sweep_figure_add(out, flow ? "flows" : "knockouts", number);
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        if (strcmp(measures[i].method, s->about->method) == 0)
            add_measure(f, s, &measures[i]);
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    buffer caption = {0};
    f->columns = 2;
    f->title = panel_text(f,
                          flow ? "What rows give each other through attention%s%s"
                               : "What answers lose when edges are cut%s%s",
                          s->label && *s->label ? ": " : "", s->label ? s->label : "");
    buffer_text(&caption, flow ? "Mean contribution of one span's rows to another's: "
                               : "Mean P(answer) when the attention edges from one span to another are cut around a "
                                 "layer, and its mean relative change: ");
    sweep_setting(s, &caption);
    buffer_text(&caption, ". Bands are 95 % intervals, bootstrapped over subjects.");
    f->caption = panel_take(f, &caption);
}

/* ---- source rows ---- */

static void add_bars(panel_figure *f, const sweep_sources *s, const char *title, const double *values,
                     const char *const *notes)
{
    bar_series *series = panel_new(f, 1, sizeof *series);
    *series = (bar_series){.name = title, .values = values, .notes = notes, .colour = 0};
    panel *p = panel_add(f, PANEL_BARS);
    p->as.bars = (bar_panel){.title = title, .axis = "source row", .bins = s->rows, .from = 0,
                             .to = (double)s->rows, .series = series, .count = 1};
    bar_fit(&p->as.bars);
}

/* One bar a row: stretches of several would hide how few the late ones are. */
static void add_row_bars(panel_figure *f, const sweep_sources *s)
{
    double *strongest = panel_new(f, s->rows, sizeof *strongest);
    const char **means = panel_new(f, s->rows, sizeof *means), **counts = panel_new(f, s->rows, sizeof *counts);
    buffer pair = {0};
    sweep_pair_title(s->pair, &pair);
    for (size_t r = 0; r < s->rows; r++) {
        strongest[r] = (double)s->strongest[r];
        means[r] = panel_text(f, "row %zu: %.4g", r, s->mean[r]);
        counts[r] = panel_text(f, "row %zu: strongest in %zu of %zu questions", r, s->strongest[r], s->questions);
    }
    add_bars(f, s, panel_text(f, "%s, layer %zu: mean contribution", pair.data, s->layer), s->mean, means);
    add_bars(f, s, panel_text(f, "%s, layer %zu: times strongest", pair.data, s->layer), strongest, counts);
    buffer_free(&pair);
}

static void add_sources(sweep_figures *out, const sweep_summary *s, size_t number)
{
    panel_figure *f = sweep_figure_add(out, "source-rows", number);
    for (size_t i = 0; i < s->source_count; i++)
        if (s->sources[i].rows > 1)
            add_row_bars(f, &s->sources[i]);
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    f->columns = 2;
    f->title = panel_text(f, "Which rows give most%s%s", s->label && *s->label ? ": " : "", s->label ? s->label : "");
    f->caption = panel_text(f, "At the layer where the pair's sum of norms is highest; rows count from the pair's "
                               "first source. Left: the mean contribution of each source row over the %zu questions "
                               "that have so many rows; right: in how many questions it is the largest. A row's place "
                               "and its content are told apart by --image-order.", s->sources[0].questions);
}

void sweep_figures_pairs(sweep_figures *out, const sweep_summary *s, size_t number)
{
    add_curves(out, s, number);
    add_sources(out, s, number);
}
