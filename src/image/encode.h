/* encode.h: pictures written: PNG and JPEG as bytes in memory, by their libraries. And a PNG read with its transparency.
 *
 *     buffer bytes = {0};
 *     TRY(image_to_png(&bytes, &picture, err));
 *     ... file_write_all(path, bytes.data, bytes.size, err) ...
 *     buffer_free(&bytes);
 */
#ifndef IMAGE_ENCODE_H
#define IMAGE_ENCODE_H

#include "base/memory.h"
#include "image/image.h"

pb_status image_to_png(buffer *out, const image *picture, pb_error *err);

/* Every pixel's colour is kept (4:4:4), by the slow integer transform, which gives the same bytes on all processors.
 * quality: 1 to 100. */
pb_status image_to_jpeg(buffer *out, const image *picture, int quality, pb_error *err);

/* A PNG's pixels with alpha, [height][width][4], the colour not multiplied by it; opaque where the file has none. */
typedef struct image_rgba {
    size_t width, height;
    unsigned char *pixels;
} image_rgba;

pb_status image_load_rgba(image_rgba *out, const char *path, pb_error *err);
void image_rgba_free(image_rgba *im);

#endif
