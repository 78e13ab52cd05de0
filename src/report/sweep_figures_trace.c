/* sweep_figures_trace.c: average effects of restoring a site, by layer and token class: heat maps and curves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_figures.h"
#include "report/sweep_words.h"

#define RULED                                                                                                          \
    " Left of the dotted line the window holds layer 0, where putting back all changed rows undoes the corruption "    \
    "by construction."
#define BANDS " Bands are 95 % intervals, bootstrapped over subjects."

static bool is_of(const sweep_series *s, const char *metric)
{
    return !s->group && strcmp(s->metric, metric) == 0;
}

static bool is_head(const sweep_series *s)
{
    return strncmp(s->name, "head_out:", 9) == 0;
}

/* The next site behind *at that has a series of this metric, all of whose questions are summed: *end is behind its last
 * one. Series of one site stand together. NULL: no more. */
static const char *next_site(const sweep_summary *s, const char *metric, size_t *at, size_t *end)
{
    while (*at < s->series_count && (!is_of(&s->series[*at], metric) || is_head(&s->series[*at])))
        ++*at;
    if (*at >= s->series_count)
        return NULL;
    for (*end = *at; *end < s->series_count && strcmp(s->series[*end].name, s->series[*at].name) == 0; ++*end)
        ;
    return s->series[*at].name;
}

static char *site_title(panel_figure *f, const char *name)
{
    buffer title = {0};
    sweep_site_title(name, &title);
    return panel_take(f, &title);
}

static void add_caption(panel_figure *f, const sweep_summary *s, const char *what, bool ruled, bool bands)
{
    buffer text = {0};
    buffer_printf(&text, "%s ", what);
    sweep_setting(s, &text);
    buffer_text(&text, ".");
    buffer_text(&text, bands ? BANDS : "");
    buffer_text(&text, ruled ? RULED : "");
    f->caption = panel_take(f, &text);
}

static const char *titled(panel_figure *f, const sweep_summary *s, const char *title)
{
    return s->label && *s->label ? panel_text(f, "%s: %s", title, s->label) : title;
}

/* ---- maps ---- */

static char *cell_note(panel_figure *f, const sweep_series *s, size_t l)
{
    buffer note = {0};
    buffer_printf(&note, "%s, layer %zu: ", sweep_class_title(s->class), s->layers[l]);
    sweep_interval_words(&s->at[l], &note);
    return panel_take(f, &note);
}

/* The classes' series of one site, lowest row first, so that they read top-down in their order. */
static size_t classes_of(const sweep_summary *s, const char *metric, size_t at, size_t end, const sweep_series **rows)
{
    size_t count = 0;
    for (size_t i = end; i-- > at;)
        if (is_of(&s->series[i], metric))
            rows[count++] = &s->series[i];
    return count;
}

static double largest(const sweep_series *const *rows, size_t count)
{
    double most = 0;
    for (size_t r = 0; r < count; r++)
        for (size_t l = 0; l < rows[r]->layer_count; l++)
            most = rows[r]->at[l].questions ? fmax(most, rows[r]->at[l].mean) : most;
    return most;
}

/* Adds a map of the rows; each row's name is its class, or its number. */
static void add_map(panel_figure *f, const sweep_series *const *rows, size_t count, bool named, const char *title)
{
    size_t L = rows[0]->layer_count;
    double *values = panel_new(f, L * count, sizeof *values);
    const char **names = panel_new(f, count, sizeof *names), **notes = panel_new(f, L * count, sizeof *notes);
    for (size_t r = 0; r < count; r++) {
        names[r] = sweep_class_title(rows[r]->class);
        for (size_t l = 0; l < L; l++) {
            bool there = l < rows[r]->layer_count && rows[r]->at[l].questions;
            values[l * count + r] = there ? rows[r]->at[l].mean : NAN;
            notes[l * count + r] = l < rows[r]->layer_count ? cell_note(f, rows[r], l) : "";
        }
    }
    panel *p = panel_add(f, PANEL_MAP);
    p->as.map = (grid_map){.title = title, .values = values, .columns = L, .rows = count,
                           .first_column = rows[0]->layers[0], .column_axis = "layer", .row_axis = "head",
                           .row_names = named ? names : NULL, .notes = notes, .ruled = sweep_first_restored(rows[0]),
                           .colours = sweep_site_palette(rows[0]->name),
                           .scale = {0, fmax(HEAT_LEAST, largest(rows, count)), "effect"}};
}

static bool any_ruled(const panel_figure *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const panel *p = &f->panels[i];
        if (p->kind == PANEL_MAP
                ? p->as.map.ruled && p->as.map.ruled < p->as.map.columns
                : p->kind == PANEL_CURVES && p->as.curves.ruled && p->as.curves.ruled < p->as.curves.points)
            return true;
    }
    return false;
}

static void add_maps(sweep_figures *out, const sweep_summary *s, size_t number)
{
    size_t at = 0, end = 0;
    const sweep_series **rows = mem_new(s->series_count + 1, sizeof *rows);
    panel_figure *f = NULL;
    for (const char *name; (name = next_site(s, "ie", &at, &end)); at = end) {
        size_t count = classes_of(s, "ie", at, end, rows);
        f = f ? f : sweep_figure_add(out, "aie-maps", number);
        add_map(f, rows, count, true, site_title(f, name));
    }
    free(rows);
    if (!f)
        return;
    f->title = titled(f, s, "Average indirect effect, by layer and token class");
    f->hint = "By how much P(answer) rises when this site is restored there. Point at a cell for its value and "
              "interval, or focus a map and use the arrow keys. Each map has its own scale; effects below 0 have the "
              "colour of 0.";
    add_caption(f, s, "Mean change of P(answer) when one site is restored at a class of tokens, a class's value in a "
                      "question being the mean over its tokens:", any_ruled(f), false);
}

/* ---- heads ---- */

/* All heads' series of one class, head 0 first. */
static size_t heads_of(const sweep_summary *s, const char *class, const sweep_series **rows)
{
    size_t count = 0;
    for (size_t i = 0; i < s->series_count; i++)
        if (is_of(&s->series[i], "ie") && is_head(&s->series[i]) && strcmp(s->series[i].class, class) == 0)
            rows[count++] = &s->series[i];
    return count;
}

static void add_heads(sweep_figures *out, const sweep_summary *s, size_t number)
{
    const sweep_series **rows = mem_new(s->series_count + 1, sizeof *rows);
    panel_figure *f = NULL;
    for (size_t i = 0; i < s->series_count; i++) {
        const sweep_series *first = &s->series[i];
        if (!is_of(first, "ie") || strcmp(first->name, "head_out:0") != 0)
            continue; /* of each class the first head stands for all */
        size_t count = heads_of(s, first->class, rows);
        if (largest(rows, count) < 1e-6)
            continue;
        f = f ? f : sweep_figure_add(out, "aie-heads", number);
        add_map(f, rows, count, false, sweep_class_title(first->class));
    }
    free(rows);
    if (!f)
        return;
    f->title = titled(f, s, "Average indirect effect of single heads");
    add_caption(f, s, "Mean change of P(answer) when one head's output is restored:", any_ruled(f), false);
}

/* ---- curves ---- */

static void add_site_curves(panel_figure *f, const sweep_series *const *rows, size_t count, const char *title)
{
    size_t first, points, drawn = 0;
    sweep_layer_range(rows, count, &first, &points);
    curve *curves = panel_new(f, count, sizeof *curves);
    for (size_t r = count; r-- > 0;) /* classes in their own order */
        if (sweep_series_moves(rows[r]))
            curves[drawn++] = sweep_curve(f, rows[r], sweep_class_title(rows[r]->class),
                                          sweep_class_colour(rows[r]->class, r), first, points);
    if (drawn == 0 || points < 2)
        return;
    panel *p = panel_add(f, PANEL_CURVES);
    p->as.curves = (curve_panel){.title = title, .axis = "layer", .points = points, .first = first, .curves = curves,
                                 .count = drawn, .key = true, .ruled = sweep_first_restored(rows[0])};
    curve_fit_close(&p->as.curves);
}

static void add_curves(sweep_figures *out, const sweep_summary *s, size_t number, const char *file, const char *metric,
                       const char *title, const char *caption)
{
    size_t at = 0, end = 0;
    const sweep_series **rows = mem_new(s->series_count + 1, sizeof *rows);
    panel_figure *f = sweep_figure_add(out, file, number);
    for (const char *name; (name = next_site(s, metric, &at, &end)); at = end)
        add_site_curves(f, rows, classes_of(s, metric, at, end, rows), site_title(f, name));
    free(rows);
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    f->title = titled(f, s, title);
    add_caption(f, s, caption, any_ruled(f), true);
}

void sweep_figures_trace(sweep_figures *out, const sweep_summary *s, size_t number)
{
    add_maps(out, s, number);
    add_heads(out, s, number);
    add_curves(out, s, number, "aie-curves", "ie", "Average indirect effect, layer by layer",
               "Mean change of P(answer) when one site is restored at a class of tokens; classes that change it "
               "nowhere by 0.001 are left out:");
    add_curves(out, s, number, "aie-control", "ie_control", "Effect above the control tokens\u2019",
               "Mean effect of a class less that of the control tokens (as many as the constraint has, right after "
               "it), over the subjects that have both:");
    add_curves(out, s, number, "aie-recovered", "recovered", "Recovered share of what the corruption took",
               "Sum of effects over sum of (clean \u2212 corrupted), over the questions where the corruption takes at "
               "least 0.1:");
}
