/* edit_curves.h: how the search for an edit went, step by step, or what edits did, layer by layer, in SVG. */
#ifndef REPORT_EDIT_CURVES_H
#define REPORT_EDIT_CURVES_H

#include "report/edit_report.h"
#include "report/heat.h"

/* Where one panel stands: its axes' box; labels lie left of it and below. */
typedef struct curve_box {
    double x, y, width, height;
    double font;        /* size of the labels; the title has 1.1 times as much */
    heat_paint paint;
} curve_box;

/* Space that labels take beside the box. */
double curve_left(const curve_box *b);
double curve_below(const curve_box *b);
double curve_above(const curve_box *b);

/* Two panels: of a search the loss of each step, on a logarithmic axis where it spans more than a decade, and
 * P(target), with a line for each request and, of several, their mean as a stronger one; of a sweep over layers what was
 * measured at each, and P(target) after. Each appends one <g>. */
void curve_left_panel(buffer *out, const edit_report *r, const curve_box *b);
void curve_right_panel(buffer *out, const edit_report *r, const curve_box *b);

#endif
