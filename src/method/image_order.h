/* image_order.h: the picture's rows in another order: does a row matter for what it shows, or for where it stands?
 *
 *     image_order o;
 *     TRY(image_order_make(&o, "shuffle:3", rows, err));
 *     TRY(image_order_apply(&o, x, D, err));
 *     image_order_free(&o);
 *
 * The projector's rows are permuted before the decoder gets them; positions stay where they are. */
#ifndef METHOD_IMAGE_ORDER_H
#define METHOD_IMAGE_ORDER_H

#include <stddef.h>

#include "base/error.h"

typedef struct image_order {
    char *name;    /* as given; NULL: the projector's own order */
    size_t *from;  /* [count] image row i of the decoder is the projector's row from[i]; NULL: i itself */
    size_t count;
} image_order;

/* "reverse": the last row first. "shuffle:SEED": a permutation drawn as docs/random.md says ("Orders"). NULL: as it is.
 * Anything else is PB_EINVAL. */
pb_status image_order_make(image_order *o, const char *name, size_t count, pb_error *err);
void image_order_free(image_order *o);

/* rows[count][width], from the projector's order into this one. */
pb_status image_order_apply(const image_order *o, float *rows, size_t width, pb_error *err);

/* The projector's row that stands at image row i. */
size_t image_order_from(const image_order *o, size_t i);

#endif
