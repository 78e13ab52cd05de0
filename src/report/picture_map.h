/* picture_map.h: values of image rows as a heat map over the picture that they show, layer by layer: on paper (SVG),
 * and in a page (HTML, with a slider over the layers and the values under the pointer).
 *
 *     picture_map m = {.about = &r->about, .title = "Image to constraint", .layers = layers, .layer_count = L,
 *                      .values = values, .scale = picture_scale_of(values, L * rows, "contribution"),
 *                      .colours = &palette_reds};
 *
 * In a figure: picture_map_defs once, then panels. In a page: picture_map_style inside <style>, picture_map_picture
 * once, picture_map_html for each map, picture_map_script at the end.
 *
 * A row is drawn where its pixels are in the picture as it lies in its file: what resizing, cropping and padding did
 * is undone (about->image_areas). The picture below is grey and pale, so that colour is the values' alone; what
 * stays uncoloured no row saw. Rows without pixels (padding alone, a class row) are told in words. A picture more
 * than 4 times as long as wide, or as wide as long, is drawn squeezed. All functions append; lengths are the
 * drawing's units. */
#ifndef REPORT_PICTURE_MAP_H
#define REPORT_PICTURE_MAP_H

#include "report/about.h"
#include "report/palette.h"

/* The values of the lightest and of the darkest colour, and what they are. to may be below from. */
typedef struct picture_scale {
    double from, to;
    const char *title; /* "p(Paris)" */
} picture_scale;

/* From 0 to the largest of values[count], whatever is not finite left aside. */
picture_scale picture_scale_of(const double *values, size_t count, const char *title);

/* Nothing is owned. */
typedef struct picture_map {
    const report_about *about;  /* with a picture */
    const char *title;
    const size_t *layers;       /* [layer_count] their numbers; NULL: values of no layer, layer_count 1 */
    size_t layer_count;
    const double *values;       /* [layer_count][image rows], rows as the decoder gets them; NaN: no value */
    picture_scale scale;
    const palette *colours;
    const image_area *areas;    /* [row_count] of other rows, the tower's say; NULL: those of the image rows */
    size_t row_count;
    const char *row_word;       /* what these are called: "tower row" */
} picture_map;

/* The rows that a map is of. */
size_t picture_map_rows(const picture_map *m);
const image_area *picture_map_areas(const picture_map *m);

/* The index of the layer with the value that is farthest towards scale.to. */
size_t picture_map_strongest(const picture_map *m);

/* ---- SVG ---- */

/* Once a file, before its panels: the picture, embedded, and how it is made pale. */
void picture_map_defs(buffer *out, const report_about *about);

/* One layer in a panel of this width (its picture may be narrower): below y the title, the map, and its colour bar.
 * Returns the height. */
double picture_panel_draw(buffer *out, const picture_map *m, size_t layer, double x, double y, double width);
/* All layers as small multiples, under one title and over one colour bar; the first tile is the picture itself. Rows
 * that have no place in it are told under them, over all layers. */
double picture_maps_draw(buffer *out, const picture_map *m, double x, double y, double width);

/* A whole file with the small multiples and a caption. */
void picture_map_svg(buffer *out, const picture_map *m, const char *caption);

/* ---- HTML ---- */

void picture_map_style(buffer *out, const palette *colours);
void picture_map_picture(buffer *out, const report_about *about);
/* `number` tells the maps of a page apart. */
void picture_map_html(buffer *out, const picture_map *m, size_t number);
void picture_map_script(buffer *out);

/* ---- parts ---- */

/* "class row: 0.031; 96 rows of padding alone: 0 to 0.02": the rows of one layer that have no place in the picture. */
void picture_map_elsewhere(buffer *out, const picture_map *m, size_t layer);

#endif
