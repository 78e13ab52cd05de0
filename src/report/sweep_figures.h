/* sweep_figures.h: all figures of a report over the questions of one or several stores (docs/report.md, "Figures"). */
#ifndef REPORT_SWEEP_FIGURES_H
#define REPORT_SWEEP_FIGURES_H

#include "report/panels.h"
#include "report/sweep_summary.h"

typedef struct sweep_figures {
    panel_figure *items; /* [count] in the page's order, each with a file name of its own */
    size_t count;
} sweep_figures;

/* s[count]: labelled summaries of one method. c: a contrast of two of them, or NULL. Nothing of them is kept but their
 * texts and names, so they must outlive the figures. */
void sweep_figures_make(sweep_figures *out, const sweep_summary *s, size_t count, const sweep_contrast *c);
void sweep_figures_free(sweep_figures *f);

/* ---- parts: each adds the figures that its summaries have something for ---- */

/* Heat maps and curves by token class. */
void sweep_figures_trace(sweep_figures *out, const sweep_summary *s, size_t number);
/* The same curves of several stores, or of the groups of one, upon each other. */
void sweep_figures_overlay(sweep_figures *out, const sweep_summary *s, size_t count);
void sweep_figures_contrast(sweep_figures *out, const sweep_contrast *c);
/* Flows and knockouts, pair by pair; which source rows give most. */
void sweep_figures_pairs(sweep_figures *out, const sweep_summary *s, size_t number);
void sweep_figures_edits(sweep_figures *out, const sweep_summary *s, size_t count);
void sweep_figures_answers(sweep_figures *out, const sweep_summary *s, size_t count);

/* ---- what these share ---- */

/* An empty figure, "aie-maps" of the first store, "aie-maps-2" of the second. */
panel_figure *sweep_figure_add(sweep_figures *out, const char *file, size_t number);
/* A series as a curve with its band, over layers first ... first + points - 1; notes begin with `name`. */
curve sweep_curve(panel_figure *f, const sweep_series *s, const char *name, size_t colour, size_t first, size_t points);
/* How many layers from the first on have windows that hold layer 0. */
size_t sweep_first_restored(const sweep_series *s);
/* Which layers the series have, at least: from the first to the last of any. */
void sweep_layer_range(const sweep_series *const *series, size_t count, size_t *first, size_t *points);

#endif
