/* safetensors_write.h: a safetensors file written tensor after tensor, of which none need be whole in memory.
 *
 *     safetensors_writer w;
 *     const safetensors_entry entries[] = {{"a.weight", "F32", 2, {3, 4}}, {"b.weight", "BF16", 1, {7}}};
 *     TRY(safetensors_open_writer(&w, "model.safetensors", entries, 2, err));
 *     safetensors_write(&w, a, 48);              // the tensors' bytes, in that order, in pieces of any size
 *     safetensors_write(&w, b, 14);              // errors are kept until the commit
 *     return safetensors_commit(&w, err);        // all of it is there now, or nothing (file.h) */
#ifndef CHECKPOINT_SAFETENSORS_WRITE_H
#define CHECKPOINT_SAFETENSORS_WRITE_H

#include "base/file.h"
#include "checkpoint/checkpoint.h"

typedef struct safetensors_entry {
    const char *name, *type_name; /* "BF16": any that the format knows */
    size_t rank, shape[TENSOR_MAX_RANK];
} safetensors_entry;

typedef struct safetensors_writer {
    file_writer file;
    size_t left; /* bytes of tensors still to come */
} safetensors_writer;

/* Writes the header, with the metadata {"format": "pt"} that PyTorch's loaders ask for. The data begin at a multiple of
 * 8 bytes. Fails where a file would be beyond what the format holds. */
pb_status safetensors_open_writer(safetensors_writer *w, const char *path, const safetensors_entry *entries,
                                  size_t count, pb_error *err);
void safetensors_write(safetensors_writer *w, const void *bytes, size_t n);
pb_status safetensors_commit(safetensors_writer *w, pb_error *err); /* closes in any case */
void safetensors_abandon(safetensors_writer *w);                    /* closes and leaves nothing */

/* Bits of an element of that dtype ("I64": 64); 0 for a name that the format has not. */
unsigned safetensors_bits(const char *type_name);

#endif
