/* resize.h: the resize behind image_resize, for the room itself: of a picture with a border around it, and of a part
 * of the result. HF's processors paste onto a square first and cut the middle out last; a panorama of 40,000 pixels
 * becomes a square of 1.6 gigapixels in between. Here neither that square nor the pixels beyond the cut come to be:
 * each output pixel depends on nothing but its own taps, so the bits are the same. */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include "image/image.h"

/* A picture on a canvas of one colour. */
typedef struct canvas {
    const image *picture;
    size_t width, height;
    size_t left, top; /* of the picture, which lies inside */
    unsigned char colour[3];
} canvas;

canvas canvas_of(const image *picture); /* without a border */

typedef struct region {
    size_t left, top, width, height;
} region;

/* out = the part of the canvas resized to width x height. Equal sizes copy, as in Pillow. */
pb_status canvas_resize(image *out, const canvas *in, size_t width, size_t height, region part, image_filter filter,
                        pb_error *err);

#endif
