/* npy.h: reading NumPy's .npy files of float32. */
#ifndef BASE_NPY_H
#define BASE_NPY_H

#include <stddef.h>

#include "base/error.h"

/* *values[shape[0] * ...] (free()): a little-endian float32 array of exactly `rank` dimensions in C order. The error
 * names the path, what was found and what was expected; NaN and infinity are errors too. */
pb_status npy_read_f32(float **values, size_t *shape, size_t rank, const char *path, pb_error *err);

#endif
