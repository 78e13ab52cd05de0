/* torch_file.c: reads a state dict that torch.save wrote (PyTorch 1.6 and later): pytorch_model.bin and its shards.
 *
 * A zip archive, all of whose records lie in one folder, here "archive":
 *
 *     archive/data.pkl      the dict: names, and for each tensor its storage, offset, shape and strides (pickle.h)
 *     archive/data/KEY      a storage's numbers; several tensors may be views of one
 *     archive/byteorder     "little" or "big"; missing before PyTorch 2.0, which means little
 *     archive/version       of the format: 3 for many years
 *
 * and others that say nothing about the tensors. The zip's records, the pickle, and every tensor's place in its storage
 * are checked; then the tensors are views of the mapped file. Reading takes less memory than the file twice over, also
 * where the file is made to make it take more. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "checkpoint/pickle.h"
#include "checkpoint/tensor_file.h"
#include "checkpoint/zip.h"

#define PICKLE_RECORD "data.pkl"

enum {
    SPARE_BYTES = 1 << 14, /* what reading may take beside twice the file: the smallest files are smaller than this */
    TABLE_BYTES = 32, /* what finding a tensor by its name will take, in checkpoint.c */
    OLDEST_VERSION = 1, NEWEST_VERSION = 10 /* of the archive's format, as in PyTorch's own reader */
};

typedef struct archive {
    zip_archive zip;
    const char *path;
    size_t file_size;
    buffer record; /* the name of the record that is looked for; its first folder_size bytes are the folder's */
    size_t folder_size;
    bool swapped;
    size_t memory; /* bytes that may still be taken */
} archive;

/* ---- the archive ---- */

static bool begins_with(const file_map *map, const char *bytes, size_t n)
{
    return map->size >= n && memcmp(map->data, bytes, n) == 0;
}

/* It looks like a zip archive; what it often is instead is named. */
static pb_status check_begin(const file_map *map, const char *path, pb_error *err)
{
    static const char before_1_6[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."; /* a pickled number */
    if (begins_with(map, "PK", 2))
        return PB_OK;
    if (begins_with(map, before_1_6, sizeof before_1_6 - 1)) {
        pb_status status = fail(err, PB_EUNSUPPORTED, "%s: is in the format of PyTorch before 1.6, expected its zip "
                                "format", path);
        fail_hint(err, "with a newer PyTorch: torch.save(torch.load(FILE, weights_only=True), FILE)");
        return status;
    }
    pb_status status = fail(err, PB_EFORMAT, "%s: is no file of torch.save: does not begin as a zip archive does",
                            path);
    if (begins_with(map, "version https://git-lfs", 23))
        fail_hint(err, "it is a pointer of Git LFS: fetch the file itself with git lfs pull");
    return status;
}

/* The record FOLDER/NAME, or FOLDER/data/KEY with "data/" as `place`; NULL where there is none. */
static const zip_entry *find_record(archive *a, const char *place, const char *name, size_t size)
{
    if (size > UINT16_MAX) /* longer than any record's */
        return NULL;
    a->record.size = a->folder_size;
    buffer_text(&a->record, place);
    buffer_add(&a->record, name, size);
    return zip_find(&a->zip, a->record.data, a->record.size);
}

/* The record of that name, its checksum right; NULL where there is none. */
static pb_status read_record(archive *a, const char *name, const zip_entry **out, pb_error *err)
{
    *out = find_record(a, "", name, strlen(name));
    return *out ? zip_check_sum(*out, a->path, err) : PB_OK;
}

/* The folder is what stands before the first slash of a record's name; it must be the same for all. */
static pb_status find_folder(archive *a, pb_error *err)
{
    const zip_entry *first = a->zip.entries;
    const char *slash = a->zip.count ? memchr(first->name, '/', first->name_size) : NULL;
    if (!slash)
        return fail(err, PB_EFORMAT, "%s: is a zip archive, but not torch.save's: its records lie in no folder",
                    a->path);
    a->folder_size = (size_t)(slash + 1 - first->name);
    buffer_add(&a->record, first->name, a->folder_size);
    for (size_t i = 1; i < a->zip.count; i++) {
        const zip_entry *e = &a->zip.entries[i];
        if (e->name_size < a->folder_size || memcmp(e->name, first->name, a->folder_size) != 0)
            return fail(err, PB_EFORMAT, "%s: is a zip archive, but not torch.save's: the record %s lies outside the "
                        "folder %s", a->path, shown_bytes(e->name, e->name_size).text,
                        shown_bytes(first->name, a->folder_size).text);
    }
    return PB_OK;
}

static bool record_is(const zip_entry *e, const char *text)
{
    return e->size == strlen(text) && memcmp(e->data, text, e->size) == 0;
}

static pb_status check_version(archive *a, pb_error *err)
{
    const zip_entry *e;
    unsigned version = 0;
    TRY(read_record(a, "version", &e, err));
    if (!e)
        return fail(err, PB_EFORMAT, "%s: is a zip archive, but not torch.save's: has no record \"version\"", a->path);
    for (size_t i = 0; i < e->size && i < 3 && e->data[i] >= '0' && e->data[i] <= '9'; i++)
        version = 10 * version + (unsigned)(e->data[i] - '0');
    if (version < OLDEST_VERSION || version > NEWEST_VERSION)
        return fail(err, PB_EUNSUPPORTED, "%s: the record \"version\" is \"%s\", expected %d to %d", a->path,
                    shown_bytes(e->data, e->size).text, OLDEST_VERSION, NEWEST_VERSION);
    return PB_OK;
}

static pb_status read_byte_order(archive *a, pb_error *err)
{
    const zip_entry *e;
    TRY(read_record(a, "byteorder", &e, err));
    a->swapped = e && record_is(e, "big");
    if (e && !a->swapped && !record_is(e, "little"))
        return fail(err, PB_EUNSUPPORTED, "%s: the record \"byteorder\" is \"%s\", expected \"little\" or \"big\"",
                    a->path, shown_bytes(e->data, e->size).text);
    return PB_OK;
}

/* Opens the archive and finds its pickle. */
static pb_status open_archive(archive *a, const file_map *map, const zip_entry **pickled, pb_error *err)
{
    TRY(check_begin(map, a->path, err));
    TRY(zip_open(&a->zip, map, a->path, err));
    TRY(find_folder(a, err));
    if (find_record(a, "", "constants.pkl", 13)) {
        pb_status status = fail(err, PB_EUNSUPPORTED, "%s: is a TorchScript program, expected a state dict", a->path);
        fail_hint(err, "torch.save(torch.jit.load(FILE).state_dict(), ...) makes one of it");
        return status;
    }
    TRY(check_version(a, err));
    TRY(read_byte_order(a, err));
    TRY(read_record(a, PICKLE_RECORD, pickled, err));
    if (!*pickled)
        return fail(err, PB_EFORMAT, "%s: has no record \"" PICKLE_RECORD "\"", a->path);
    return PB_OK;
}

/* ---- tensors ---- */

static pb_status wrong_tensor(const archive *a, const pickled_tensor *from, const char *words, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: tensor %s %s", a->path, shown_bytes(from->name, from->name_size).text, words);
}

/* Names become C strings, and are printed. */
static pb_status check_name(const archive *a, const pickled_tensor *from, pb_error *err)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)from->name;
    utf8proc_ssize_t left = (utf8proc_ssize_t)from->name_size, n;
    for (utf8proc_int32_t character; left > 0; at += n, left -= n) {
        n = utf8proc_iterate(at, left, &character);
        if (n <= 0 || character == 0)
            return wrong_tensor(a, from, "has a name that is no text in UTF-8", err);
    }
    return PB_OK;
}

static pb_status count_elements(const archive *a, const pickled_tensor *from, size_t *count, pb_error *err)
{
    size_t bytes;
    *count = 1;
    for (size_t d = 0; d < from->rank; d++)
        if (from->shape[d] == 0) {
            *count = 0;
            return PB_OK;
        }
    for (size_t d = 0; d < from->rank; d++)
        if (!size_mul(*count, from->shape[d], count))
            return wrong_tensor(a, from, "has a shape whose product is beyond 64 bits", err);
    if (!size_mul(*count, from->type->bytes, &bytes) || bytes > a->file_size)
        return wrong_tensor(a, from, "has more elements than the file can hold", err);
    return PB_OK;
}

/* The last element of a tensor that has any lies in its storage. */
static pb_status check_reach(const archive *a, const pickled_tensor *from, pb_error *err)
{
    size_t last = from->offset, step, bytes;
    bool sound = true;
    for (size_t d = 0; d < from->rank; d++)
        sound = sound && size_mul(from->shape[d] - 1, from->stride[d], &step) &&
                !__builtin_add_overflow(last, step, &last);
    if (sound && size_mul(last, from->type->bytes, &bytes) && bytes < from->storage_bytes &&
        from->storage_bytes - bytes >= from->type->bytes)
        return PB_OK;
    return fail(err, PB_EFORMAT, "%s: tensor %s reaches beyond its storage %s of %zu bytes", a->path,
                shown_bytes(from->name, from->name_size).text, shown_bytes(from->storage, from->storage_size).text,
                from->storage_bytes);
}

/* Its elements stand one after the other, in the order of its dimensions. */
static bool is_contiguous(const pickled_tensor *from)
{
    size_t run = 1;
    for (size_t d = from->rank; d-- > 0; run *= from->shape[d])
        if (from->shape[d] != 1 && from->stride[d] != run)
            return false;
    return true;
}

static bool needs_layout(const pickled_tensor *from, size_t count)
{
    return count > 0 && from->rank <= TENSOR_MAX_RANK && !is_contiguous(from);
}

/* What the tensors take. */
typedef struct totals {
    size_t tensors, layouts, name_bytes;
} totals;

/* Checks all that the pickle says about the tensors by itself, and counts what they take. */
static pb_status measure(const archive *a, const pickle *p, totals *all, pb_error *err)
{
    pickled_tensor from;
    size_t entry = PICKLE_FIRST, count;
    while (pickle_next(p, &entry, &from)) {
        TRY(check_name(a, &from, err));
        TRY(count_elements(a, &from, &count, err));
        if (count > 0)
            TRY(check_reach(a, &from, err));
        all->tensors++;
        all->layouts += needs_layout(&from, count);
        all->name_bytes += from.name_size + 1;
        size_t bytes = all->tensors * (sizeof(tensor) + TABLE_BYTES) + all->layouts * sizeof(tensor_layout) +
                       all->name_bytes;
        if (bytes > a->memory - pickle_memory(p))
            return wrong_tensor(a, &from, "is one of more than a file of this size holds", err);
    }
    return PB_OK;
}

static pb_status find_storage(archive *a, const pickled_tensor *from, const zip_entry **storage, pb_error *err)
{
    *storage = find_record(a, "data/", from->storage, from->storage_size);
    if (!*storage)
        return fail(err, PB_EFORMAT, "%s: tensor %s lies in the storage %s, but there is no such record", a->path,
                    shown_bytes(from->name, from->name_size).text, shown_bytes(from->storage, from->storage_size).text);
    if ((*storage)->size != from->storage_bytes)
        return fail(err, PB_EFORMAT, "%s: tensor %s lies in the storage %s of %zu bytes, but its record has %zu",
                    a->path, shown_bytes(from->name, from->name_size).text,
                    shown_bytes(from->storage, from->storage_size).text, from->storage_bytes, (*storage)->size);
    return PB_OK;
}

static void set_layout(const pickled_tensor *from, tensor_layout *layout)
{
    *layout = (tensor_layout){.rank = from->rank};
    memcpy(layout->shape, from->shape, from->rank * sizeof *layout->shape);
    memcpy(layout->stride, from->stride, from->rank * sizeof *layout->stride);
}

/* *t = the tensor; *name and *layout are the next free ones. */
static pb_status set_tensor(archive *a, const pickled_tensor *from, tensor *t, char **name, tensor_layout **layout,
                            pb_error *err)
{
    const zip_entry *storage;
    TRY(find_storage(a, from, &storage, err));
    *t = (tensor){.name = *name, .type = from->type->type, .swapped = a->swapped, .type_name = from->type->name,
                  .rank = from->rank, .data = storage->data, .file = a->path};
    memcpy(*name, from->name, from->name_size); /* the NUL is there */
    *name += from->name_size + 1;
    TRY(count_elements(a, from, &t->count, err));
    for (size_t d = 0; d < TENSOR_MAX_RANK; d++)
        t->shape[d] = d < from->rank ? from->shape[d] : 1;
    if (t->count > 0)
        t->data = storage->data + from->offset * from->type->bytes;
    if (from->rank > TENSOR_MAX_RANK)
        t->type = DTYPE_OTHER;
    if (needs_layout(from, t->count)) {
        set_layout(from, *layout);
        t->layout = (*layout)++;
    }
    return PB_OK;
}

static int by_place(const void *a, const void *b)
{
    const tensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return strcmp(x->name, y->name);
}

static pb_status set_tensors(tensor_file *out, archive *a, const pickle *p, pb_error *err)
{
    totals all = {0};
    TRY(measure(a, p, &all, err));
    out->tensors = mem_new(all.tensors, sizeof *out->tensors);
    out->names = mem_new(all.name_bytes, 1);
    if (all.layouts)
        out->layouts = mem_new(all.layouts, sizeof *out->layouts);
    char *name = out->names;
    tensor_layout *layout = out->layouts;
    pickled_tensor from;
    for (size_t entry = PICKLE_FIRST; pickle_next(p, &entry, &from); out->count++)
        TRY(set_tensor(a, &from, &out->tensors[out->count], &name, &layout, err));
    if (out->count)
        qsort(out->tensors, out->count, sizeof *out->tensors, by_place);
    return PB_OK;
}

static pb_status read_state(tensor_file *out, archive *a, pb_error *err)
{
    const zip_entry *pickled;
    pickle *p = NULL;
    buffer name = {0};
    TRY(open_archive(a, &out->map, &pickled, err));
    buffer_printf(&name, "%s: " PICKLE_RECORD, a->path);
    a->memory = 2 * a->file_size + SPARE_BYTES - a->zip.count * sizeof *a->zip.entries;
    pb_status status = pickle_read(&p, pickled->data, pickled->size, name.data, a->memory, err);
    if (!status)
        status = set_tensors(out, a, p, err);
    pickle_free(p);
    buffer_free(&name);
    return status;
}

pb_status torch_file_open(tensor_file *out, const char *path, pb_error *err)
{
    *out = (tensor_file){.path = mem_text(path), .format = "pytorch"};
    pb_status status = file_map_open(&out->map, path, err);
    if (!status) {
        archive a = {.path = out->path, .file_size = out->map.size};
        status = read_state(out, &a, err);
        zip_close(&a.zip);
        buffer_free(&a.record);
    }
    if (status)
        tensor_file_close(out);
    return status;
}
