/* checkpoint.h: a folder or a file of weights as named tensors.
 *
 * Opening maps the files and reads their headers only: it is instant for any size. A file that another program cuts short
 * while it is open reads as zeros where it is missing; checkpoint_check says so. Each tensor's place is checked
 * against its file when it is opened (offsets in range, not overlapping, length = shape x dtype), so what `data`
 * points at can be trusted; its values are not looked at. */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_Q8_0, /* GGUF's quantised ones, in blocks (quant.h) */
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_OTHER /* integers, F64, FP8, ...: listed, but no weight that patchbay computes with */
} dtype;

/* How a dtype is stored: `elements` at a time take `bytes`; 1 for plain numbers. A tensor's rows are whole blocks. */
typedef struct dtype_block {
    const char *name; /* "Q4_K" */
    size_t elements, bytes;
} dtype_block;

/* out[blocks * elements] = the blocks' elements as f32; returns other than 0 when any of them is NaN or infinite. */
typedef uint32_t block_reader(const unsigned char *in, size_t blocks, float *out);

/* Of every dtype but DTYPE_OTHER, which gives NULL. */
const dtype_block *dtype_find(dtype type);

enum { TENSOR_MAX_RANK = 4 };

/* Where elements lie that do not stand one after the other: element [i][j]... at i * stride[0] + j * stride[1] + ...
 * elements from `data`. A view of a PyTorch storage, or rows that a file keeps in another order: its dimensions may
 * then be more than the tensor's own, with the same elements in the same row-major order. */
typedef struct tensor_layout {
    size_t rank, shape[TENSOR_MAX_RANK], stride[TENSOR_MAX_RANK];
} tensor_layout;

typedef struct tensor {
    const char *name;       /* as in the file */
    dtype type;
    bool swapped;           /* plain numbers stored with the highest byte first: read through tensor_read only */
    const char *type_name;  /* "BF16", "I64", ... as in the file */
    size_t rank, shape[TENSOR_MAX_RANK]; /* row-major; unused dimensions are 1. Rank above 4: type DTYPE_OTHER */
    size_t count;           /* elements */
    const void *data;       /* in the mapped file, aligned only to what the file happens to give: read with memcpy
                             * semantics, or through tensor_read */
    const tensor_layout *layout; /* NULL: row-major, one after the other; else read through tensor_read only */
    const char *file;       /* path of the file it lies in, for errors */
} tensor;

typedef struct checkpoint checkpoint;
typedef struct gguf_metadata gguf_metadata; /* gguf.h */

typedef struct checkpoint_file {
    const char *path;
    const char *format; /* "safetensors", "pytorch", "GGUF v3" */
    size_t bytes;
    const unsigned char *data; /* [bytes], mapped */
} checkpoint_file;

/* Opens the weights of a model folder: model.safetensors, or, where there is none, the shards that
 * model.safetensors.index.json names; without either, pytorch_model.bin or its shards likewise. Or one GGUF file, with
 * its other parts beside it when it is the first of some. Fails on what is missing, damaged, or named twice;
 * checkpoint.c, safetensors.c, torch_file.c and gguf.c say how strictly. */
pb_status checkpoint_open(checkpoint **out, const char *path, pb_error *err);
/* One file by itself, whatever its name: PyTorch's where it begins as a zip archive does, else safetensors. */
pb_status checkpoint_open_file(checkpoint **out, const char *path, pb_error *err);
void checkpoint_free(checkpoint *c);
/* Whether path is a file that begins as GGUF files do. */
bool checkpoint_is_gguf(const char *path);

/* PB_EIO naming the file, where one of them became shorter while it was open: what was read of it is worth nothing. */
pb_status checkpoint_check(const checkpoint *c, pb_error *err);
/* The same of the file in which t lies, as far as something that is missing was read: costs nothing. */
pb_status tensor_check(const tensor *t, pb_error *err);
/* From t's first byte in the file to its last, whatever lies between those of a layout. */
size_t tensor_bytes(const tensor *t);
/* Asks the system to have t's bytes in memory soon: it is the next to be used. */
void tensor_ahead(const tensor *t);
/* Or no longer: others are needed sooner. */
void tensor_leave(const tensor *t);

size_t checkpoint_files(const checkpoint *c, const checkpoint_file **files);
size_t checkpoint_tensors(const checkpoint *c, const tensor **tensors);

/* Lets t, or a part of it, be found under another name too, with a layout (copied; NULL: none) in which its elements
 * come in another order. checkpoint_tensors does not list it. PB_EFORMAT when the name is taken. */
pb_status checkpoint_add(checkpoint *c, const char *name, const tensor *t, const tensor_layout *layout, pb_error *err);

/* What a GGUF file says beside its tensors (gguf.h); NULL for weights in another format. */
const gguf_metadata *checkpoint_metadata(const checkpoint *c);

/* The tensor of that name, or NULL. O(1). */
const tensor *checkpoint_find(const checkpoint *c, const char *name);

/* The tensor of that name, which must have the given shape and a dtype other than DTYPE_OTHER; the error names the
 * file, the tensor, the found and the expected shape or dtype. */
pb_status checkpoint_get(const checkpoint *c, const char *name, size_t rank, const size_t *shape, const tensor **out,
                         pb_error *err);

/* out[count] = elements first .. first+count-1 of t, widened to f32 (exactly). Vectorised by the compiler. Returns
 * false when any of them is NaN or infinite (out is filled all the same). */
bool tensor_read(const tensor *t, size_t first, size_t count, float *out);

/* For whoever widens a matrix's rows himself, a few blocks at a time: what widens blocks of the dtype, and where row n of t
 * begins. */
block_reader *dtype_reader(dtype type);
const unsigned char *tensor_row(const tensor *t, size_t n);
/* Whether the rows of t, a matrix, stand so: each of whole blocks, one behind the other. */
bool tensor_has_rows(const tensor *t);

/* out[count] = in[count] as numbers of the type, F32, F16 or BF16, rounded to the nearest even; false when any of them
 * is, or becomes, infinite or NaN (out is filled all the same). */
bool tensor_narrow(dtype type, const float *in, size_t count, void *out);

/* out = the bytes of elements first .. first+count-1 of t, each of `width` bytes, in row-major order and the lowest
 * byte first, whatever they are; not for types in blocks. */
void tensor_copy(const tensor *t, size_t width, size_t first, size_t count, void *out);

/* Whether none of x[n] is NaN or infinite. Vectorised by the compiler. */
bool all_finite(const float *x, size_t n);

/* PB_EFORMAT "FILE: tensor NAME holds NaN ...": what a caller says when tensor_read returned false. */
pb_status tensor_not_finite(const tensor *t, pb_error *err);

#endif
