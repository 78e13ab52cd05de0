/* edit_curves.h: how the search for an edit went: the loss and P(target) over its steps, in SVG. */
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

/* The loss of each step, on a logarithmic axis where it spans more than a decade; P(target), from 0 to 1. A line for each
 * request, and, of several, their mean as a stronger one. Each appends one <g>. */
void curve_loss(buffer *out, const edit_report *r, const curve_box *b);
void curve_prob(buffer *out, const edit_report *r, const curve_box *b);

#endif
