/* pickle.h: the pickle of a PyTorch state dict, read without running it.
 *
 *     pickle *p;
 *     pickled_tensor t;
 *     TRY(pickle_read(&p, bytes, size, "pytorch_model.bin: data.pkl", limit, err));
 *     size_t entry = PICKLE_FIRST;
 *     while (pickle_next(p, &entry, &t))
 *         ...
 *     pickle_free(p);
 *
 * A pickle is a program for a stack machine whose operations may import and call anything. This machine knows the
 * operations that torch.save writes for a dict of tensors, and the names torch.save imports for one; they are tables,
 * and what is not in them ends the reading with an error that names it. Nothing is imported and nothing called: a
 * tensor is the record of its arguments. A dict may be a dict or an OrderedDict with its "_metadata"; its values are
 * tensors and parameters of any dtype, each a view of a storage, which the pickle names and the archive holds. */
#ifndef CHECKPOINT_PICKLE_H
#define CHECKPOINT_PICKLE_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"

enum { PICKLE_MAX_RANK = 64 }; /* PyTorch's own limit */

typedef struct pickle pickle;

typedef struct pickled_dtype {
    const char *name;    /* as safetensors calls it: "F32", "BF16", "I64", ... */
    dtype type;
    unsigned bytes;      /* of an element */
    const char *storage; /* "torch.FloatStorage"; NULL where PyTorch has none of its own */
    const char *dtype;   /* "torch.float32" */
} pickled_dtype;

typedef struct pickled_tensor {
    const char *name;    /* [name_size], bytes in the pickle with no NUL after them */
    size_t name_size;
    const char *storage; /* [storage_size], likewise: the key of its storage, "17" */
    size_t storage_size;
    size_t storage_bytes; /* how many the pickle says that the storage has */
    const pickled_dtype *type;
    size_t offset;       /* of its first element in the storage, in elements */
    size_t rank, shape[PICKLE_MAX_RANK], stride[PICKLE_MAX_RANK]; /* strides in elements */
} pickled_tensor;

/* Reads the whole pickle, which must outlive *out. `name` stands in errors and must outlive *out too. Reading may take
 * `limit` bytes of memory and a little more; a pickle that wants more, which only a hostile one does, is refused. */
pb_status pickle_read(pickle **out, const void *bytes, size_t size, const char *name, size_t limit, pb_error *err);
void pickle_free(pickle *p);

size_t pickle_memory(const pickle *p); /* bytes that it takes of the limit */

/* *t = the dict's first entry where *entry is PICKLE_FIRST, else the one after *entry, which becomes its number; false
 * after the last. Entries come in the dict's order; a name that stands twice comes twice. */
enum { PICKLE_FIRST = 0 };
bool pickle_next(const pickle *p, size_t *entry, pickled_tensor *t);

#endif
