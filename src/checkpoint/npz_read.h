/* npz_read.h: NumPy's archives of named arrays, as numpy.savez and numpy.savez_compressed write them.
 *
 *     npz_archive z;
 *     TRY(npz_archive_open(&z, "edit.npz", err));
 *     pb_status status = npz_archive_array(&z, "key", NPY_F32, shape, 2, &key, err);    // free(key)
 *     npz_archive_close(&z); */
#ifndef CHECKPOINT_NPZ_READ_H
#define CHECKPOINT_NPZ_READ_H

#include "base/file.h"
#include "base/npy.h"
#include "checkpoint/zip.h"

typedef struct npz_archive {
    char *path;
    file_map map;
    zip_archive zip;
} npz_archive;

/* Reads the file and reads its directory (zip.h says what is refused). On failure *z is empty. */
pb_status npz_archive_open(npz_archive *z, const char *path, pb_error *err);
void npz_archive_close(npz_archive *z);

/* *values[shape[0] * ...] (free()) = the array of that name, which must be of the type and of `rank` dimensions, in C
 * order. Errors name the file and the array. Floats are not checked for NaN. */
pb_status npz_archive_array(const npz_archive *z, const char *name, npy_type type, size_t *shape, size_t rank,
                            void *values, pb_error *err);

#endif
