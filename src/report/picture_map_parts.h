/* picture_map_parts.h: what picture_map.c (SVG) and picture_map_html.c share. */
#ifndef REPORT_PICTURE_MAP_PARTS_H
#define REPORT_PICTURE_MAP_PARTS_H

#include "report/picture_map.h"

#define PICTURE_MAP_OPACITY 0.75 /* of cells */
#define PICTURE_MAP_PALE 0.6     /* of the grey picture under them */
#define PICTURE_MAP_FACES "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

/* Where between scale.from and scale.to; NaN without a value. */
double picture_map_share(const picture_map *m, size_t layer, size_t row);
/* Width over height as drawn: 1/4 to 4. */
double picture_map_aspect(const report_about *a);
/* Appends the outline of a row's pixels, an SVG path in thousandths of the picture. */
void picture_map_cell(buffer *out, const picture_map *m, size_t row);
/* A value as a reader wants it. */
void picture_map_number(buffer *out, double value);

#endif
