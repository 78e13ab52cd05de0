/* npz.h: NumPy's archive of named arrays: a zip of .npy files, stored, as numpy.savez writes it.
 *
 *     npz z;
 *     TRY(npz_open(&z, "trace.npz", err));
 *     npz_add_f32(&z, "scores", scores, 2, (size_t[]){tokens, layers});
 *     npz_add_text(&z, "answer", "Paris", 5);
 *     return npz_commit(&z, err);           // all of it is there now, or nothing
 *
 * Errors of the adding functions are kept until the commit. Arrays are little-endian, in C order; rank 0 is a scalar.
 * The same content gives the same bytes: the entries' date is 1980-01-01, as numpy's. */
#ifndef REPORT_NPZ_H
#define REPORT_NPZ_H

#include <stdint.h>

#include "base/file.h"
#include "base/memory.h"

typedef struct npz {
    file_writer file;
    buffer directory; /* the zip's central directory so far */
    uint64_t offset;  /* bytes written */
    size_t count;     /* entries */
    bool too_large;   /* beyond what a plain zip can hold (4 GB, 65,535 entries) */
} npz;

pb_status npz_open(npz *z, const char *path, pb_error *err);
pb_status npz_commit(npz *z, pb_error *err); /* closes in any case */
void npz_abandon(npz *z);                     /* closes and leaves nothing */

void npz_add_f32(npz *z, const char *name, const float *values, size_t rank, const size_t *shape);
void npz_add_f64(npz *z, const char *name, const double *values, size_t rank, const size_t *shape);
void npz_add_i64(npz *z, const char *name, const int64_t *values, size_t rank, const size_t *shape);
void npz_add_u8(npz *z, const char *name, const unsigned char *values, size_t rank, const size_t *shape);
/* A scalar of unicode text: UTF-8 of n bytes. */
void npz_add_text(npz *z, const char *name, const char *text, size_t n);
/* texts[count] as a vector of unicode texts, all as wide as the longest. */
void npz_add_texts(npz *z, const char *name, const buffer *texts, size_t count);

#endif
