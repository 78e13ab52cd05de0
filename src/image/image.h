/* image.h: pictures as 8-bit RGB, exactly as Pillow gives them.
 *
 *     image photo, small;
 *     TRY(image_load(&photo, "cat.jpg", err));
 *     status = image_resize(&small, &photo, 336, 336, IMAGE_BICUBIC, err);
 *     image_free(&photo);
 *
 * JPEG, PNG and WebP are decoded by their libraries; then everything is Pillow's arithmetic to the bit: convert("RGB")
 * (alpha dropped, palettes and grey expanded, 16-bit and CMYK as Pillow does, EXIF orientation and colour profiles left
 * alone) and the antialiased two-pass resize on 8-bit pixels. Of an animation the first frame is the picture. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stddef.h>

#include "base/error.h"

typedef struct image {
    size_t width, height;
    unsigned char *pixels; /* [height][width][3] */
} image;

/* The most pixels a picture may have, read or resized: where Pillow refuses a decompression bomb. */
#define IMAGE_MAX_PIXELS ((size_t)178956970)

/* Reads a file by its content, not its name. Errors name the path and the reason: no picture (PB_EFORMAT), a kind of
 * picture that is not read (PB_EUNSUPPORTED, names the kind), truncated, damaged, too large. */
pb_status image_load(image *out, const char *path, pb_error *err);
/* The same from bytes in memory; `name` stands in errors. */
pb_status image_decode(image *out, const unsigned char *bytes, size_t size, const char *name, pb_error *err);
void image_free(image *im); /* leaves an empty picture; NULL allowed */

typedef enum image_filter { /* numbers as in Pillow and HF's "resample" */
    IMAGE_NEAREST = 0,
    IMAGE_LANCZOS = 1,
    IMAGE_BILINEAR = 2,
    IMAGE_BICUBIC = 3,
    IMAGE_BOX = 4,
    IMAGE_HAMMING = 5
} image_filter;

/* Pillow's Image.resize((width, height), filter) for RGB. Sizes of 0 or beyond IMAGE_MAX_PIXELS are PB_EINVAL. */
pb_status image_resize(image *out, const image *in, size_t width, size_t height, image_filter filter, pb_error *err);

#endif
