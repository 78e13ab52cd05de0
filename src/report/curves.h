/* curves.h: curves over layers, or over steps, in SVG: one panel with its axes, a key, and a level to compare with.
 *
 *     curve c = {.name = "image > constraint", .values = prob, .colour = 0};
 *     curve_panel p = {.title = "p(Lisbon)", .axis = "layer", .points = L, .curves = &c, .count = 1, .key = true,
 *                      .level = clean, .level_name = "clean"};
 *     curve_fit(&p);
 *     curve_box b = {.width = 300, .height = 110, .font = 7, .paint = HEAT_ATTRIBUTES};
 *     b.x = curve_left(&b);
 *     b.y = curve_above(&p, &b);
 *     curve_draw(out, &p, &b);              // takes b.y + b.height + curve_below(&b) in height
 */
#ifndef REPORT_CURVES_H
#define REPORT_CURVES_H

#include <stdbool.h>
#include <stddef.h>

#include "report/heat.h"

/* Colours that are distinct for the colour-blind too; curves beyond them are dashed. Bands are pale, so that
 * several may lie upon each other. */
enum { CURVE_COLOURS = 7 };

/* "#0072b2": a colour on paper. */
const char *curve_colour(size_t colour);

typedef struct curve {
    const char *name;         /* in the key */
    const double *values;     /* [points]; NaN: there is none, and the curve is broken */
    const double *low, *high; /* [points] the ends of the interval around each value, drawn as a band; NULL: no band */
    const double *mark;       /* a dotted line down from the curve at this point,
                               * which may lie between two; NULL: none */
    const bool *dots;         /* [points] where a dot stands on the line: of a curve through few points; NULL: none */
    const char *const *notes; /* [points] what a reader sees who points at them; NULL, or one of them NULL: nothing */
    size_t colour;
    bool faint;               /* one of many, behind what matters */
} curve;

typedef struct curve_panel {
    const char *title, *axis;  /* axis: what the points are */
    size_t points, first;      /* first: the number of the first point */
    const curve *curves;       /* [count], the last one drawn on top */
    size_t count;
    size_t ruled;              /* a dotted line behind so many points; 0: none */
    bool key;                  /* name them, above the panel */
    double from, to;           /* of the values' axis */
    bool logarithmic;
    double level;              /* a dashed line across, named in the key, or at its end; level_name NULL: none */
    const char *level_name;
} curve_panel;

/* Where a panel stands: its axes' box; labels lie left of it, below, and above. */
typedef struct curve_box {
    double x, y, width, height;
    double font;        /* size of the labels; the title has 1.1 times as much */
    heat_paint paint;
} curve_box;

/* Space that labels take beside the box, whose width is known; above it the title and the key,
 * which may take several lines. */
double curve_left(const curve_box *b);
double curve_below(const curve_box *b);
double curve_above(const curve_panel *p, const curve_box *b);

/* Sets the values' axis: round numbers that hold 0, all values and the level. */
void curve_fit(curve_panel *p);
/* The same, but below 0 the axis ends where the values do: intervals that reach a little below 0 take little room. */
void curve_fit_close(curve_panel *p);
/* As curve_fit, but in decades where all values are above 0 and span more than one. */
void curve_fit_decades(curve_panel *p);

/* A colour on paper; in pages it is that of the class "curve kN". */
const char *curve_colour(size_t colour);

/* Appends one <g>. */
void curve_draw(buffer *out, const curve_panel *p, const curve_box *b);

#endif
