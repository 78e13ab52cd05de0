/* photo.h: a flag as a photograph might show it: scaled, turned, shifted, sheared and waving before a random
 * background, in random light, contrast and tint, with grain. The models' training pictures are made by the same
 * formulas (tools/demo_model/pictures.py).
 *
 * Only sums, products and quotients of doubles are used, no library's sine, exponential or logarithm, so the same seed
 * gives the same pixels on every machine. */
#ifndef DATA_FLAGQA_PHOTO_H
#define DATA_FLAGQA_PHOTO_H

#include "base/random.h"
#include "image/encode.h"

enum { PHOTO_WIDTH = 320, PHOTO_HEIGHT = 240 };

/* A photograph of the flag, PHOTO_WIDTH x PHOTO_HEIGHT; everything random is drawn from r. */
pb_status photo_take(image *out, const image_rgba *flag, random_state *r, pb_error *err);

/* The flag as it is, on white where it is transparent. */
pb_status photo_clean(image *out, const image_rgba *flag, pb_error *err);

/* sin(x), within 1e-12, for |x| up to 1000; the same bits everywhere. */
double photo_sine(double x);

#endif
