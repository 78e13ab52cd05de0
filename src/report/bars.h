/* bars.h: histograms in SVG: how often a number falls where, or a value for each of many numbered things.
 *
 *     bar_series two[] = {{.name = "right", .values = right, .colour = 1},
 *                         {.name = "wrong", .values = wrong, .colour = 3}};
 *     bar_panel p = {.title = "P(answer)", .axis = "p", .bins = 20, .from = 0, .to = 1, .series = two, .count = 2};
 *     bar_fit(&p);
 *     curve_box b = {.width = 300, .height = 110, .font = 7, .paint = HEAT_ATTRIBUTES};
 *     b.x = curve_left(&b), b.y = bar_above(&p, &b);
 *     bar_draw(out, &p, &b);                // takes b.y + b.height + curve_below(&b) in height
 */
#ifndef REPORT_BARS_H
#define REPORT_BARS_H

#include "report/curves.h"

typedef struct bar_series {
    const char *name;
    const double *values;     /* [bins], at least 0 */
    const char *const *notes; /* [bins] what a reader sees who points at one; NULL: nothing */
    size_t colour;            /* as a curve's; the second series and those after it are outlines with a pale inside, so
                               * that what stands behind them shows */
} bar_series;

typedef struct bar_panel {
    const char *title, *axis; /* axis: what the numbers below are */
    size_t bins;
    double from, to;          /* where the first bin begins and the last one ends */
    const bar_series *series; /* [count] */
    size_t count;
    double top;               /* of the values' axis */
} bar_panel;

double bar_above(const bar_panel *p, const curve_box *b);
/* Sets the top: a round number that holds all values. */
void bar_fit(bar_panel *p);
/* Appends one <g>. */
void bar_draw(buffer *out, const bar_panel *p, const curve_box *b);

#endif
