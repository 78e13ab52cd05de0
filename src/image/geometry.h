/* geometry.h: which of a picture's own pixels a processed picture shows, and where: the steps of image_process undone.
 *
 *     image_layout l = image_layout_of(&processor, photo.width, photo.height);
 *     image_area a = image_layout_area(&l, 14 * column, 14 * row, 14, 14);     // one patch of 14 x 14 pixels
 *
 * A coordinate x of the processed picture and one s of the source belong together by
 *
 *     x = (s + left) * full_width / canvas_width - across.from + across.to
 *
 * (resize keeps the edges of pixels, 0 and the width, in place), and so down the other axis. Filters reach a few pixels
 * beyond these edges; areas leave that out. */
#ifndef IMAGE_GEOMETRY_H
#define IMAGE_GEOMETRY_H

#include "image/processor.h"

/* One axis of a centre crop: `length` pixels of the resized canvas from `from` on lie at `to` in the result. */
typedef struct image_cut {
    size_t from, to, length;
} image_cut;

typedef struct image_layout {
    size_t width, height;                     /* the source's */
    size_t left, top;                         /* of the source on the canvas it is pasted onto */
    size_t canvas_width, canvas_height;
    size_t full_width, full_height;           /* what the canvas is resized to */
    image_cut across, down;                   /* what of that is kept */
    size_t out_width, out_height;             /* the processed picture */
} image_layout;

image_layout image_layout_of(const image_processor *p, size_t width, size_t height);

typedef enum image_area_kind {
    AREA_PIXELS,  /* some of the picture's own */
    AREA_PADDING, /* nothing but the colour around it, or the border of a crop that is larger than the picture */
    AREA_CLASS    /* none: a row that stands for the whole picture (CLIP's class row) */
} image_area_kind;

/* In pixels of the source, from its upper left corner: left < right <= width, top < bottom <= height; fractions, as a
 * patch seldom ends where a pixel does. All 0 where it is not AREA_PIXELS. */
typedef struct image_area {
    image_area_kind kind;
    double left, top, right, bottom;
} image_area;

/* The source's pixels under width x height pixels of the processed picture from (x, y) on. */
image_area image_layout_area(const image_layout *l, size_t x, size_t y, size_t width, size_t height);

#endif
