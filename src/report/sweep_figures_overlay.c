/* sweep_figures_overlay.c: the same curve of several stores (windows, models, corruptions), or of the groups of one
 * store (visual and textual constraints), upon each other; and the difference of two stores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_figures.h"
#include "report/sweep_words.h"

/* What is compared: all or one group of a summary's questions. */
typedef struct side {
    const sweep_summary *summary;
    const char *group, *name;
} side;

enum { DEPTH_POINTS = 101 }; /* of models of different depth: percents of it */

static bool same_group(const sweep_series *s, const char *group)
{
    return group ? s->group && strcmp(s->group, group) == 0 : !s->group;
}

static const sweep_series *find(const side *d, const sweep_series *like)
{
    for (size_t i = 0; i < d->summary->series_count; i++) {
        const sweep_series *s = &d->summary->series[i];
        if (same_group(s, d->group) && strcmp(s->name, like->name) == 0 && strcmp(s->metric, like->metric) == 0 &&
            strcmp(s->class, like->class) == 0)
            return s;
    }
    return NULL;
}

static bool one_depth(const side *sides, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (sides[i].summary->model_layers != sides[0].summary->model_layers)
            return false;
    return true;
}

/* ---- curves of models of different depth ---- */

/* The value at `share` of the model's depth, on the line between two layers. */
static double at_depth(const sweep_series *s, size_t L, double share, size_t end)
{
    double layer = share * (double)L;
    for (size_t l = 0; l + 1 < s->layer_count; l++) {
        double before = (double)s->layers[l], after = (double)s->layers[l + 1];
        if (layer < before || layer > after || !s->at[l].questions || !s->at[l + 1].questions)
            continue;
        const double a[] = {s->at[l].mean, s->at[l].low, s->at[l].high};
        const double b[] = {s->at[l + 1].mean, s->at[l + 1].low, s->at[l + 1].high};
        return a[end] + (b[end] - a[end]) * (layer - before) / (after - before);
    }
    return NAN;
}

static curve depth_curve(panel_figure *f, const sweep_series *s, size_t L, const char *name, size_t colour)
{
    double *parts[3];
    for (size_t end = 0; end < 3; end++) {
        parts[end] = panel_new(f, DEPTH_POINTS, sizeof **parts);
        for (size_t k = 0; k < DEPTH_POINTS; k++)
            parts[end][k] = at_depth(s, L, (double)k / (DEPTH_POINTS - 1), end);
    }
    return (curve){.name = name, .values = parts[0], .low = parts[1], .high = parts[2], .colour = colour};
}

/* ---- one panel ---- */

static void series_title(const sweep_series *s, bool pair, buffer *out)
{
    (pair ? sweep_pair_title : sweep_site_title)(s->name, out);
    if (*s->class) {
        buffer_text(out, ": ");
        buffer_text(out, sweep_class_title(s->class));
    }
}

/* How the sides' colours go: purple, blue, green, orange, ... */
static void add_panel(panel_figure *f, const side *sides, size_t count, const sweep_series *like, const char *title)
{
    const sweep_series **found = mem_new(count, sizeof *found);
    bool layers = one_depth(sides, count);
    size_t first = 0, points = DEPTH_POINTS, there = 0, ruled = 0;
    for (size_t i = 0; i < count; i++) {
        const sweep_series *s = find(&sides[i], like);
        if (s)
            found[there++] = s;
    }
    if (layers)
        sweep_layer_range(found, there, &first, &points);
    curve *curves = panel_new(f, count, sizeof *curves);
    size_t drawn = 0;
    for (size_t i = 0; i < count; i++) {
        const sweep_series *s = find(&sides[i], like);
        if (!s)
            continue;
        curves[drawn++] = layers ? sweep_curve(f, s, sides[i].name, i, first, points)
                                 : depth_curve(f, s, sides[i].summary->model_layers, sides[i].name, i);
        size_t held = layers ? sweep_first_restored(s) : 0;
        ruled = held > ruled ? held : ruled;
    }
    free(found);
    if (points < 2)
        return;
    panel *p = panel_add(f, PANEL_CURVES);
    p->as.curves = (curve_panel){.title = title, .axis = layers ? "layer" : "depth, % of the layers", .points = points,
                                 .first = first, .curves = curves, .count = drawn, .key = true, .ruled = ruled};
    curve_fit_close(&p->as.curves);
}

/* ---- which curves are compared ---- */

static const char *const compared[] = {"ie", "recovered", "sum_norm", "share", "prob", "relative"};

/* Of a trace effects and recovered shares, of the others what their figures show; heads are left to the tables. */
static bool is_compared(const sweep_series *s, const char *method)
{
    bool of_trace = strcmp(method, "trace") == 0, of_flow = strcmp(method, "flow") == 0;
    if (strncmp(s->name, "head_out:", 9) == 0)
        return false;
    if (of_trace)
        return strcmp(s->metric, "ie") == 0;
    if (of_flow)
        return strcmp(s->metric, "sum_norm") == 0 || strcmp(s->metric, "share") == 0;
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
        if (strcmp(compared[i], s->metric) == 0)
            return true;
    return false;
}

/* Whether any side's curve of this kind is away from 0, and at least two sides have one. */
static bool worth_it(const side *sides, size_t count, const sweep_series *like)
{
    size_t there = 0;
    bool moves = false;
    for (size_t i = 0; i < count; i++) {
        const sweep_series *s = find(&sides[i], like);
        there += s != NULL;
        moves = moves || (s && sweep_series_moves(s));
    }
    return there > 1 && moves;
}

static const char *metric_word(const char *metric)
{
    static const char *const words[][2] = {{"sum_norm", "sum of norms"}, {"share", "share"}, {"prob", "P(answer)"},
                                           {"relative", "relative change"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], metric) == 0)
            return words[i][1];
    return metric;
}

static void overlay(panel_figure *f, const side *sides, size_t count)
{
    const sweep_summary *s = sides[0].summary;
    bool of_trace = strcmp(s->about->method, "trace") == 0;
    for (size_t i = 0; i < s->series_count; i++) {
        const sweep_series *like = &s->series[i];
        if (!same_group(like, sides[0].group) || !is_compared(like, s->about->method) || !worth_it(sides, count, like))
            continue;
        buffer title = {0};
        series_title(like, !of_trace, &title);
        if (!of_trace)
            buffer_printf(&title, ": %s", metric_word(like->metric));
        add_panel(f, sides, count, like, panel_take(f, &title));
    }
    f->width = 300;
    f->height = 140;
}

static void finish(sweep_figures *out, panel_figure *f, const char *title, const char *caption)
{
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    f->title = title;
    f->caption = caption;
}

static void add_stores(sweep_figures *out, const sweep_summary *s, size_t count)
{
    side *sides = mem_new(count, sizeof *sides);
    buffer caption = {0};
    panel_figure *f = sweep_figure_add(out, "compare", 0);
    buffer_text(&caption, "The same curve of each store: ");
    for (size_t i = 0; i < count; i++) {
        sides[i] = (side){&s[i], NULL, s[i].label};
        buffer_printf(&caption, "%s%s: ", i ? " \u2014 " : "", s[i].label);
        sweep_setting(&s[i], &caption);
    }
    buffer_text(&caption, ". Bands are 95 % intervals, bootstrapped over subjects.");
    overlay(f, sides, count);
    finish(out, f, "The stores compared", panel_take(f, &caption));
    free(sides);
}

static void add_groups(sweep_figures *out, const sweep_summary *s, size_t number)
{
    side *sides = mem_new(s->group_count, sizeof *sides);
    panel_figure *f = sweep_figure_add(out, "groups", number);
    for (size_t i = 0; i < s->group_count; i++)
        sides[i] = (side){s, s->groups[i], s->groups[i]};
    overlay(f, sides, s->group_count);
    buffer caption = {0};
    buffer_printf(&caption, "Questions apart by their %s: ", s->grouped_by ? s->grouped_by : "group");
    sweep_setting(s, &caption);
    buffer_text(&caption, ". Bands are 95 % intervals, bootstrapped over subjects.");
    const char *title = panel_text(f, "By %s%s%s", s->grouped_by ? s->grouped_by : "group",
                                   s->label && *s->label ? ": " : "", s->label ? s->label : "");
    finish(out, f, title, panel_take(f, &caption));
    free(sides);
}

void sweep_figures_overlay(sweep_figures *out, const sweep_summary *s, size_t count)
{
    if (count > 1)
        add_stores(out, s, count);
    for (size_t i = 0; i < count; i++)
        if (s[i].group_count > 1)
            add_groups(out, &s[i], i);
}

/* ---- contrasts ---- */

static const sweep_depth *depth_of(const sweep_contrast *c, const sweep_series *difference)
{
    for (size_t i = 0; i < c->depth_count; i++)
        if (c->depths[i].difference == difference)
            return &c->depths[i];
    return NULL;
}

/* Both curves, each with a mark where it falls below half of its peak. */
static void add_both(panel_figure *f, const sweep_contrast *c, const sweep_series *difference, const char *title)
{
    const sweep_summary *of[] = {c->a, c->b};
    const sweep_depth *d = depth_of(c, difference);
    curve *curves = panel_new(f, 2, sizeof *curves);
    size_t first, points, drawn = 0;
    sweep_layer_range(&difference, 1, &first, &points);
    for (size_t i = 0; i < 2; i++) {
        side one = {of[i], difference->group, of[i]->label};
        const sweep_series *s = find(&one, difference);
        if (!s)
            continue;
        curves[drawn] = sweep_curve(f, s, of[i]->label, i, first, points);
        const interval *half = d ? i ? &d->b : &d->a : NULL;
        if (half && half->questions && isfinite(half->mean) && half->mean < 1) {
            double *mark = panel_new(f, 1, sizeof *mark);
            *mark = half->mean * (double)of[i]->model_layers - (double)first;
            curves[drawn].mark = mark;
        }
        drawn++;
    }
    panel *p = panel_add(f, PANEL_CURVES);
    p->as.curves = (curve_panel){.title = title, .axis = "layer", .points = points, .first = first, .curves = curves,
                                 .count = drawn, .key = true};
    curve_fit_close(&p->as.curves);
}

static void add_difference(panel_figure *f, const sweep_contrast *c, const sweep_series *difference)
{
    size_t first, points;
    sweep_layer_range(&difference, 1, &first, &points);
    curve *curves = panel_new(f, 1, sizeof *curves);
    curves[0] = sweep_curve(f, difference, panel_text(f, "%s \u2212 %s", c->a->label, c->b->label), 3, first, points);
    panel *p = panel_add(f, PANEL_CURVES);
    p->as.curves = (curve_panel){.title = "difference", .axis = "layer", .points = points, .first = first,
                                 .curves = curves, .count = 1};
    curve_fit_close(&p->as.curves);
}

/* Of edits: how much higher each metric is in a. */
static void add_metrics(sweep_figures *out, const sweep_contrast *c)
{
    panel_figure *f = sweep_figure_add(out, "contrast-metrics", 0);
    dot *dots = panel_new(f, c->metric_count + 1, sizeof *dots);
    const char **names = panel_new(f, c->metric_count + 1, sizeof *names);
    for (size_t i = 0; i < c->metric_count; i++) {
        const interval *d = &c->metrics[i].after;
        buffer note = {0};
        bool sure = d->subjects > 1;
        names[i] = sweep_metric_title(c->metrics[i].name);
        buffer_printf(&note, "%s: ", names[i]);
        sweep_interval_words(d, &note);
        dots[i] = (dot){.row = i, .value = d->questions ? d->mean : NAN, .low = sure ? d->low : NAN,
                        .high = sure ? d->high : NAN, .colour = 1, .note = panel_take(f, &note)};
    }
    if (c->metric_count) {
        panel *p = panel_add(f, PANEL_DOTS);
        p->as.dots = (dot_panel){.title = panel_text(f, "%s \u2212 %s", c->a->label, c->b->label), .names = names,
                                 .rows = c->metric_count, .dots = dots, .count = c->metric_count};
        dot_fit(&p->as.dots);
    }
    f->columns = 1;
    f->width = 420;
    finish(out, f, panel_text(f, "%s against %s", c->a->label, c->b->label),
           "Paired differences after the edits, over the subjects that both have. Strokes are 95 % intervals, "
           "bootstrapped over subjects: where one crosses 0, the question is undecided.");
}

void sweep_figures_contrast(sweep_figures *out, const sweep_contrast *c)
{
    add_metrics(out, c);
    panel_figure *f = sweep_figure_add(out, "contrast", 0);
    bool of_trace = strcmp(c->a->about->method, "trace") == 0;
    for (size_t i = 0; i < c->series_count; i++) {
        const sweep_series *s = &c->series[i];
        const side both[] = {{c->a, s->group, ""}, {c->b, s->group, ""}};
        bool wanted = of_trace ? strcmp(s->metric, "recovered") == 0 && strncmp(s->name, "head_out:", 9) != 0
                              : is_compared(s, c->a->about->method);
        if (s->group || !wanted || s->layer_count < 2 || !worth_it(both, 2, s))
            continue;
        buffer title = {0};
        series_title(s, !of_trace, &title);
        if (!of_trace)
            buffer_printf(&title, ": %s", metric_word(s->metric));
        add_both(f, c, s, panel_take(f, &title));
        add_difference(f, c, s);
    }
    f->columns = 4;
    f->width = 300;
    f->height = 140;
    finish(out, f, panel_text(f, "%s against %s", c->a->label, c->b->label),
           panel_text(f,
                      "%s of both stores, and beside it their paired difference (%s \u2212 %s) over the subjects "
                      "that both have. Dotted lines in a curve's colour: where it has fallen to half of its peak. "
                      "Bands are 95 %% intervals, bootstrapped over subjects.",
                      of_trace ? "The recovered share of what the corruption took" : "Each curve", c->a->label,
                      c->b->label));
}
