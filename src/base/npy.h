/* npy.h: NumPy's .npy files, on the disk or inside an archive. */
#ifndef BASE_NPY_H
#define BASE_NPY_H

#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

/* *values[shape[0] * ...] (free()): a little-endian float32 array of exactly `rank` dimensions in C order. The error
 * names the path, what was found and what was expected; NaN and infinity are errors too. */
pb_status npy_read_f32(float **values, size_t *shape, size_t rank, const char *path, pb_error *err);

/* The types of number that are read: little-endian where they have more than one byte. */
typedef enum npy_type {
    NPY_F32, /* float */
    NPY_I64, /* int64_t */
    NPY_U8,  /* unsigned char */
} npy_type;

/* The same from the bytes of such a file, of any of these types (*out: free()); `name` stands in errors. Floats are not
 * checked for NaN. */
pb_status npy_parse(void *out, npy_type type, size_t *shape, size_t rank, const void *bytes, size_t size,
                    const char *name, pb_error *err);

/* Appends the header of an array in C order of that type ("<f4"): its numbers follow. Returns how many they are. */
size_t npy_header(buffer *out, const char *type, size_t rank, const size_t *shape);

#endif
