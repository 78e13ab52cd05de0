/* dots.h: numbers with their intervals, one below the other, in SVG: a row for each thing that is compared, a dot for
 * each of its numbers, a stroke for the interval.
 *
 *     dot all[] = {{.row = 0, .value = 0.1, .low = 0.05, .high = 0.2, .hollow = true}, {.row = 0, .value = 0.9, ...}};
 *     dot_panel p = {.title = "efficacy", .names = names, .rows = 4, .dots = all, .count = 8};
 *     dot_fit(&p);
 *     b.x = dot_left(&p, &b);
 *     dot_draw(out, &p, &b);
 */
#ifndef REPORT_DOTS_H
#define REPORT_DOTS_H

#include "report/curves.h"

typedef struct dot {
    size_t row;
    double value, low, high; /* low or high NaN: no interval; value NaN: nothing is drawn */
    size_t colour;
    bool hollow;             /* before, beside the filled one after */
    const char *note;        /* NULL: none */
} dot;

typedef struct dot_panel {
    const char *title, *axis;
    const char *const *names; /* [rows] top-down */
    size_t rows;
    const dot *dots;          /* [count] */
    size_t count;
    double from, to;
} dot_panel;

double dot_left(const dot_panel *p, const curve_box *b);
double dot_above(const curve_box *b);
/* What `rows` need to be told apart. */
double dot_height(const dot_panel *p, const curve_box *b);
/* Sets the axis: round numbers that hold 0 and all intervals. */
void dot_fit(dot_panel *p);
/* Appends one <g>. */
void dot_draw(buffer *out, const dot_panel *p, const curve_box *b);

#endif
