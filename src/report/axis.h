/* axis.h: what the axes of all charts have in common: round steps, ticks, and the strokes behind the values. */
#ifndef REPORT_AXIS_H
#define REPORT_AXIS_H

#include "report/heat.h"

/* 1, 2 or 5 times a power of ten: about `1 / parts` of the range. */
double axis_step(double range, double parts);
/* Widens from ... to so that both are whole steps; a range without length becomes 0 ... 1 (or from ... from + 1). */
void axis_round(double *from, double *to);

/* "0.2": the tick's number, its minus sign U+2212, never "-0". out[32] */
void axis_number(char out[32], double value);

/* Attributes of a thin line behind the values, and of a frame. */
const char *axis_thin(heat_paint paint);
const char *axis_line(heat_paint paint);

#endif
