/* decode.h: what the decoders share, inside the room. image.c finds out which one a file needs.
 *
 * A decoder gets the whole file, checks the size it claims with image_new before it reads pixels, and on failure leaves
 * nothing behind. Libraries that fail by longjmp keep all their state in one struct, so nothing that the jump could
 * clobber lives in registers. */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include "image/image.h"

typedef struct encoded {
    const unsigned char *bytes; /* [size] */
    size_t size;
    const char *name; /* for errors */
} encoded;

pb_status decode_jpeg(image *out, const encoded *in, pb_error *err);
pb_status decode_png(image *out, const encoded *in, pb_error *err);
pb_status decode_webp(image *out, const encoded *in, pb_error *err);

/* Memory for a picture, not cleared; refuses no pixels and more than IMAGE_MAX_PIXELS. */
pb_status image_new(image *out, size_t width, size_t height, const char *name, pb_error *err);

/* The error for a file that ends too early. */
pb_status fail_truncated(const encoded *in, const char *kind, pb_error *err);

#endif
