/* grid_map.h: a heat map of layers and heads (or of anything else that is numbered): rows from the bottom up, columns
 * from left to right, both with numbers, frame and colour bar, in SVG.
 *
 *     grid_map m = {.title = "image to constraint", .values = v, .columns = L, .rows = H, .first_column = 0,
 *                   .column_axis = "layer", .row_axis = "head", .scale = {0, most, "norm"}, .colours = &palette_reds,
 *                   .x = x, .y = y, .width = w, .height = h, .font = 7, .paint = HEAT_ATTRIBUTES};
 *     grid_map_draw(out, &m);
 */
#ifndef REPORT_GRID_MAP_H
#define REPORT_GRID_MAP_H

#include "report/heat.h"
#include "report/picture_map.h"

/* Nothing is owned. */
typedef struct grid_map {
    const char *title;
    const double *values;             /* [columns][rows]; NaN: no value, grey */
    size_t columns, rows;
    size_t first_column;              /* the number of the first one; rows count from 0 */
    const char *column_axis, *row_axis;
    const char *const *row_names;     /* [rows], the lowest first, in place of numbers and of row_axis; NULL: numbers */
    const char *const *notes;         /* [columns][rows] what a reader sees who points at a cell of a page;
                                       * NULL: its value */
    size_t ruled;                     /* a dotted line behind so many columns; 0: none */
    picture_scale scale;              /* of the colours; its title stands over the bar */
    const palette *colours;
    double x, y, width, height, font; /* of the cells; labels lie left and below, title and the bar's title above, the
                                       * bar on the right */
    heat_paint paint;
} grid_map;

/* Space that is taken around the cells. The widest of row_names counts. */
double grid_map_left(const grid_map *m);
double grid_map_above(const grid_map *m);
double grid_map_below(const grid_map *m);
double grid_map_right(const grid_map *m);

/* Appends one <g>. */
void grid_map_draw(buffer *out, const grid_map *m);

#endif
