/* heat.h: one site's cells as a heat map in SVG: rows are tokens top-down, columns are layers, with labels, frame,
 * layer axis and colour bar.
 *
 * Colour shows the recovered share of what the corruption took (docs/trace.md): from nothing, in the lightest colour,
 * to the map's largest value in the darkest; 1 (the clean score) at most, HEAT_LEAST at least, so that rounding does
 * not look like an effect. The colour bar translates it into p(answer). With direction `noise` the same share is the
 * damage done: lightest at the clean score, darkest at the lowest. The bar ends in a point where values lie beyond it.
 * A map of estimates shows the same of log P(answer), and rings the cells that were run (unless all were). */
#ifndef REPORT_HEAT_H
#define REPORT_HEAT_H

#include "report/report.h"

#define HEAT_LEAST 0.05

/* ---- the rows: one per cell, shared by all sites of a trace ---- */

/* Lengths in the drawing's units: points in a paper, pixels on a screen. */
typedef struct heat_sizes {
    double font, small, title; /* labels; ticks; the map's title */
    double row;                /* height of a row with a label */
    double image;              /* wished height of all image rows together */
    double label;              /* the widest label, in ems of `font` */
} heat_sizes;

typedef struct heat_row {
    char *label;        /* as drawn: shortened, with ROME's asterisk where all positions are a constraint's
                         * (about_constraint_mark); NULL for image rows, which a bracket names together */
    double top, height; /* from the map's upper edge */
    bool gap;           /* rows of the prompt before this one were not traced: the map is broken here */
    char *gap_label;    /* what is missing, where that is the picture; else NULL */
    double gap_top;
} heat_row;

typedef struct heat_rows {
    heat_row *row; /* [count] */
    size_t count;  /* trace.cell_count */
    double height, label_width;
    heat_sizes sizes;
} heat_rows;

void heat_rows_make(heat_rows *rows, const trace_report *r, const heat_sizes *sizes);
void heat_rows_free(heat_rows *rows);

/* ---- the colours ---- */

/* p(answer), or its logarithm, of the lightest and of the darkest colour; whether cells lie beyond them. */
typedef struct heat_scale {
    double from, to;
    bool below, above;
} heat_scale;

heat_scale heat_scale_of(const trace *t, const trace_grid *g);
/* 0..1, or NaN where there is no value. */
double heat_share(const heat_scale *s, double value);

/* ---- drawing ---- */

/* Colours as attributes, for a file that stands alone; or as classes (q0..q63, qn for no value, ink, soft), which a
 * page's style sheet fills for light and dark screens. */
typedef enum heat_paint { HEAT_ATTRIBUTES, HEAT_CLASSES } heat_paint;
typedef enum heat_labels { HEAT_LABELS, HEAT_NO_LABELS } heat_labels;

typedef struct heat_map {
    const trace_report *report;
    const trace_grid *grid;
    const heat_rows *rows;
    const char *answer; /* for the colour bar's title */
    double x, y, width; /* upper left corner and width of the cells; labels lie left of x */
    double title_gap;   /* from the title down to the cells: heat_title_gap */
    heat_labels labels;
    heat_paint paint;
} heat_map;

/* Space around the cells that a map takes: above for the title, below for the axis, right for the colour bar. The
 * titles of a trace's maps stand in one line with those of the colour bars if all have room there, else above it. */
double heat_title_gap(const trace *t, const heat_sizes *s, double width);
double heat_above(const heat_sizes *s, double title_gap);
double heat_below(const heat_sizes *s);
double heat_right(const heat_sizes *s);

/* Appends one <g>. */
void heat_draw(buffer *out, const heat_map *map);

/* Appends <text>: anchor "start", "middle" or "end"; face "normal", "bold" or "soft" (grey). The text is escaped. */
void heat_text(buffer *out, heat_paint paint, double x, double y, double size, const char *anchor, const char *face,
               const char *text);

#endif
