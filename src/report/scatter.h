/* scatter.h: estimates against exact values, in SVG: a point for each cell that was run, as changes of log P(answer),
 * one colour a site. On the diagonal they are equal. */
#ifndef REPORT_SCATTER_H
#define REPORT_SCATTER_H

#include "report/heat.h"

typedef struct scatter_box {
    double x, y, size; /* upper left corner and side of the square; axis and key stand around it */
    double font;
    heat_paint paint;
} scatter_box;

/* Space around the square: left, above, below for the axes, right for the key. */
double scatter_left(double font);
double scatter_above(double font);
double scatter_below(double font);
double scatter_right(double font);

/* Appends one <g>. */
void scatter_draw(buffer *out, const trace *t, const scatter_box *b);

#endif
