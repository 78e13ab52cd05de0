/* gguf.c: reads the header of a GGUF file, version 2 or 3.
 *
 *     4 bytes     "GGUF"
 *     u32         version; u64 number of tensors; u64 number of metadata pairs
 *     pairs       gguf_metadata.c
 *     tensors     text name, u32 rank, u64 dimensions (the one that runs fastest first), u32 type, u64 offset
 *     the rest    the data, from the next multiple of the alignment on, which offsets count from. Metadata
 *                 "general.alignment" says how much, 32 otherwise; each tensor's data begin at a multiple of it
 *
 * As strict as llama.cpp: the tensors' data follow each other in the order of their entries with nothing between but
 * padding, a row is a whole number of blocks, an alignment is a power of two. Bytes after the last tensor are ignored,
 * and padding after it may be missing. Types that patchbay cannot compute with are listed, and refused when used. */
#include "checkpoint/gguf.h"

#include <stdlib.h>

#include "base/memory.h"
#include "checkpoint/gguf_read.h"
#include "checkpoint/tensor_file.h"

enum {
    HEADER_BYTES = 24,
    LEAST_ENTRY = 8 + 4 + 4 + 8, /* bytes of a tensor's entry without name and dimensions */
    MOST_TENSORS = 1 << 14,      /* far above any model: a file that says more is broken */
    DEFAULT_ALIGNMENT = 32
};

/* ggml's numbers of types; those without a name have never been in use, or are no longer. */
static const struct type_row {
    dtype type;          /* of which the table in dtype.c knows name, elements and bytes */
    dtype_block foreign; /* for DTYPE_OTHER */
} types[] = {
    [0] = {DTYPE_F32, {0}},
    [1] = {DTYPE_F16, {0}},
    [2] = {DTYPE_Q4_0, {0}},
    [3] = {DTYPE_Q4_1, {0}},
    [6] = {DTYPE_Q5_0, {0}},
    [7] = {DTYPE_Q5_1, {0}},
    [8] = {DTYPE_Q8_0, {0}},
    [9] = {DTYPE_OTHER, {"Q8_1", 32, 40}},
    [10] = {DTYPE_OTHER, {"Q2_K", 256, 84}},
    [11] = {DTYPE_OTHER, {"Q3_K", 256, 110}},
    [12] = {DTYPE_Q4_K, {0}},
    [13] = {DTYPE_Q5_K, {0}},
    [14] = {DTYPE_Q6_K, {0}},
    [15] = {DTYPE_OTHER, {"Q8_K", 256, 292}},
    [16] = {DTYPE_OTHER, {"IQ2_XXS", 256, 66}},
    [17] = {DTYPE_OTHER, {"IQ2_XS", 256, 74}},
    [18] = {DTYPE_OTHER, {"IQ3_XXS", 256, 98}},
    [19] = {DTYPE_OTHER, {"IQ1_S", 256, 50}},
    [20] = {DTYPE_OTHER, {"IQ4_NL", 32, 18}},
    [21] = {DTYPE_OTHER, {"IQ3_S", 256, 110}},
    [22] = {DTYPE_OTHER, {"IQ2_S", 256, 82}},
    [23] = {DTYPE_OTHER, {"IQ4_XS", 256, 136}},
    [24] = {DTYPE_OTHER, {"I8", 1, 1}},
    [25] = {DTYPE_OTHER, {"I16", 1, 2}},
    [26] = {DTYPE_OTHER, {"I32", 1, 4}},
    [27] = {DTYPE_OTHER, {"I64", 1, 8}},
    [28] = {DTYPE_OTHER, {"F64", 1, 8}},
    [29] = {DTYPE_OTHER, {"IQ1_M", 256, 56}},
    [30] = {DTYPE_BF16, {0}},
    [34] = {DTYPE_OTHER, {"TQ1_0", 256, 54}},
    [35] = {DTYPE_OTHER, {"TQ2_0", 256, 66}},
    [39] = {DTYPE_OTHER, {"MXFP4", 32, 17}},
    [40] = {DTYPE_OTHER, {"NVFP4", 64, 36}},
    [41] = {DTYPE_OTHER, {"Q1_0", 128, 18}},
};

/* How type number n is stored, or NULL. */
static const dtype_block *type_find(uint32_t number, dtype *type)
{
    if (number >= sizeof types / sizeof *types)
        return NULL;
    *type = types[number].type;
    if (number != 0 && *type == DTYPE_F32) /* a gap in the table */
        return NULL;
    return *type == DTYPE_OTHER ? &types[number].foreign : dtype_find(*type);
}

/* ---- one tensor's entry ---- */

typedef struct entry {
    gguf_text name;
    uint32_t rank, type;
    uint64_t dims[TENSOR_MAX_RANK], offset; /* fastest first, as in the file */
} entry;

/* "PATH: tensor NAME", with a name of any length cut where a message would be. */
#define NAME_FORMAT "%s: tensor %.*s"
#define NAME_ARGUMENTS(path, name) path, (int)((name).size < 200 ? (name).size : 200), (name).data

static pb_status read_entry(entry *e, gguf_cursor *c, uint64_t number, const char *path, pb_error *err)
{
    if (!gguf_take_text(c, &e->name))
        return fail(err, PB_EFORMAT, "%s: tensor %llu: its name has the length %zu, but only %zu bytes follow", path,
                    (unsigned long long)number, e->name.size, c->left);
    if (e->name.size == 0 || memchr(e->name.data, '\0', e->name.size))
        return fail(err, PB_EFORMAT, "%s: tensor %llu: its name is empty or holds a NUL", path,
                    (unsigned long long)number);
    bool whole = gguf_take_u32(c, &e->rank);
    if (whole && e->rank > TENSOR_MAX_RANK)
        return fail(err, PB_EFORMAT, NAME_FORMAT " has %u dimensions, expected at most %d",
                    NAME_ARGUMENTS(path, e->name), e->rank, TENSOR_MAX_RANK);
    for (uint32_t d = 0; whole && d < e->rank; d++)
        whole = gguf_take_u64(c, &e->dims[d]);
    if (!whole || !gguf_take_u32(c, &e->type) || !gguf_take_u64(c, &e->offset))
        return fail(err, PB_EFORMAT, NAME_FORMAT ": the file ends inside its entry", NAME_ARGUMENTS(path, e->name));
    return PB_OK;
}

/* Shape and number of elements, row-major: the file's dimensions turned round. */
static pb_status read_shape(tensor *t, const entry *e, pb_error *err)
{
    t->rank = e->rank;
    t->count = 1;
    for (size_t d = 0; d < TENSOR_MAX_RANK; d++)
        t->shape[d] = d < e->rank ? (size_t)e->dims[e->rank - 1 - d] : 1;
    for (size_t d = 0; d < e->rank; d++)
        if (!size_mul(t->count, t->shape[d], &t->count) || t->shape[d] > INT64_MAX)
            return fail(err, PB_EFORMAT, "%s: tensor %s: the product of its dimensions is beyond 64 bits", t->file,
                        t->name);
    return PB_OK;
}

/* *bytes = what t's data take. */
static pb_status read_type(tensor *t, const entry *e, size_t *bytes, pb_error *err)
{
    const dtype_block *block = type_find(e->type, &t->type);
    if (!block)
        return fail(err, PB_EUNSUPPORTED, "%s: tensor %s is of type %u, which patchbay does not know", t->file, t->name,
                    e->type);
    t->type_name = block->name;
    size_t row = e->rank ? (size_t)e->dims[0] : 1;
    if (row % block->elements)
        return fail(err, PB_EFORMAT, "%s: tensor %s has rows of %zu elements, expected whole blocks of %zu, as %s has "
                    "them", t->file, t->name, row, block->elements, block->name);
    if (!size_mul(t->count / block->elements, block->bytes, bytes))
        return fail(err, PB_EFORMAT, "%s: tensor %s: %zu elements of %s are more bytes than 64 bits count", t->file,
                    t->name, t->count, block->name);
    return PB_OK;
}

/* ---- where the data lie ---- */

/* The data: from where on in the file, how many bytes, and where the next tensor's must begin. */
typedef struct data_place {
    const unsigned char *data;
    size_t size, next, alignment;
} data_place;

static size_t round_up(size_t n, size_t alignment)
{
    return n > SIZE_MAX - alignment ? SIZE_MAX : (n + alignment - 1) / alignment * alignment;
}

static pb_status place(tensor *t, const entry *e, size_t bytes, data_place *p, pb_error *err)
{
    if (e->offset != p->next)
        return fail(err, PB_EFORMAT,
                    "%s: tensor %s begins at byte %llu of the data, expected %zu, where the one before "
                    "ends", t->file, t->name, (unsigned long long)e->offset, p->next);
    if (p->next > p->size || bytes > p->size - p->next) {
        pb_status status = fail(err, PB_EFORMAT, "%s: tensor %s takes %zu bytes from byte %zu of the data on, but the "
                                "file holds only %zu bytes of data", t->file, t->name, bytes, p->next, p->size);
        fail_hint(err, "the file is cut off: download or copy it again");
        return status;
    }
    t->data = bytes ? p->data + p->next : p->data;
    p->next = round_up(p->next + bytes, p->alignment);
    return PB_OK;
}

/* ---- the file ---- */

static pb_status read_alignment(const tensor_file *f, size_t *alignment, pb_error *err)
{
    *alignment = DEFAULT_ALIGNMENT;
    TRY(gguf_get_size(f->metadata, "general.alignment", alignment, err));
    if (*alignment == 0 || (*alignment & (*alignment - 1)) != 0 || *alignment > INT32_MAX)
        return fail(err, PB_EFORMAT, "%s: metadata \"general.alignment\" is %zu, expected a power of two", f->path,
                    *alignment);
    return PB_OK;
}

/* Walks over the entries, from c on, and fills the tensors' names, each with a NUL after it.
 * Leaves c where they end. */
static pb_status read_names(tensor_file *out, size_t count, gguf_cursor *c, pb_error *err)
{
    gguf_cursor begin = *c;
    entry e;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++, bytes += e.name.size + 1)
        TRY(read_entry(&e, c, i, out->path, err));
    char *name = out->names = mem_new(bytes, 1);
    out->tensors = mem_new(count, sizeof *out->tensors);
    for (size_t i = 0; i < count; i++, out->count++) {
        TRY(read_entry(&e, &begin, i, out->path, err));
        memcpy(name, e.name.data, e.name.size);
        out->tensors[i] = (tensor){.name = name, .file = out->path};
        name += e.name.size + 1;
    }
    return PB_OK;
}

static pb_status read_tensors(tensor_file *out, uint64_t count, gguf_cursor *c, pb_error *err)
{
    gguf_cursor entries = *c;
    size_t bytes, alignment;
    TRY(read_alignment(out, &alignment, err));
    if (count > MOST_TENSORS || count > c->left / LEAST_ENTRY)
        return fail(err, PB_EFORMAT,
                    "%s: claims %llu tensors, but only %zu bytes follow (and patchbay takes at most %d)", out->path,
                    (unsigned long long)count, c->left, MOST_TENSORS);
    TRY(read_names(out, (size_t)count, c, err));
    size_t begin = round_up((size_t)(c->at - out->map.data), alignment);
    begin = begin < out->map.size ? begin : out->map.size;
    data_place p = {out->map.data + begin, out->map.size - begin, 0, alignment};
    for (size_t i = 0; i < count; i++) {
        entry e;
        TRY(read_entry(&e, &entries, i, out->path, err));
        TRY(read_shape(&out->tensors[i], &e, err));
        TRY(read_type(&out->tensors[i], &e, &bytes, err));
        TRY(place(&out->tensors[i], &e, bytes, &p, err));
    }
    return PB_OK;
}

/* A file of a big-endian machine has its version's bytes the other way round. */
static pb_status check_version(tensor_file *out, uint32_t version, pb_error *err)
{
    if (version != 0 && (version & 0xffff) == 0)
        return fail(err, PB_EUNSUPPORTED, "%s: is a big-endian GGUF file, patchbay reads little-endian ones",
                    out->path);
    if (version != 2 && version != 3)
        return fail(err, PB_EUNSUPPORTED, "%s: is version %u of GGUF, patchbay reads 2 and 3", out->path, version);
    out->format = version == 2 ? "GGUF v2" : "GGUF v3";
    return PB_OK;
}

static pb_status read_header(tensor_file *out, pb_error *err)
{
    gguf_cursor c = {out->map.data, out->map.size};
    uint32_t version;
    uint64_t tensors, pairs;
    if (c.left < HEADER_BYTES)
        return fail(err, PB_EFORMAT, "%s: has %zu bytes, a GGUF file has at least %d", out->path, c.left, HEADER_BYTES);
    if (memcmp(gguf_take(&c, 4), "GGUF", 4) != 0)
        return fail(err, PB_EFORMAT, "%s: does not begin with \"GGUF\": not a GGUF file", out->path);
    gguf_take_u32(&c, &version);
    gguf_take_u64(&c, &tensors);
    gguf_take_u64(&c, &pairs);
    TRY(check_version(out, version, err));
    TRY(gguf_metadata_read(&out->metadata, &c, pairs, out->path, err));
    return read_tensors(out, tensors, &c, err);
}

pb_status gguf_open(tensor_file *out, const char *path, pb_error *err)
{
    *out = (tensor_file){.path = mem_text(path), .format = "GGUF"};
    pb_status status = file_map_open(&out->map, path, err);
    if (!status)
        status = read_header(out, err);
    if (status)
        tensor_file_close(out);
    return status;
}
