/* safetensors.c: reads the header of a safetensors file.
 *
 *     8 bytes     n, the header's length, little-endian
 *     n bytes     JSON: {"NAME": {"dtype": "F16", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
 *                        "__metadata__": {"KEY": "TEXT", ...}}
 *     the rest    the data; offsets count from here
 *
 * As strict as the safetensors library: n is at most 100 MB and lies within the file, the header begins with '{', the
 * data of the tensors, in the order of their offsets, cover the rest of the file without holes or overlaps, and each
 * one's length is shape x dtype. Stricter in one point: a name that stands twice is refused, where the library takes
 * the last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors_write.h"
#include "checkpoint/tensor_file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor data are little-endian");

enum { LENGTH_BYTES = 8, LONGEST_HEADER = 100000000 };

/* Every dtype that the format knows. Those that patchbay cannot compute with are still checked and listed. */
static const struct dtype_row {
    const char *name;
    unsigned bits;
    dtype type;
} dtypes[] = {
    {"F32", 32, DTYPE_F32},         {"F16", 16, DTYPE_F16},          {"BF16", 16, DTYPE_BF16},
    {"BOOL", 8, DTYPE_OTHER},       {"U8", 8, DTYPE_OTHER},          {"I8", 8, DTYPE_OTHER},
    {"I16", 16, DTYPE_OTHER},       {"U16", 16, DTYPE_OTHER},        {"I32", 32, DTYPE_OTHER},
    {"U32", 32, DTYPE_OTHER},       {"I64", 64, DTYPE_OTHER},        {"U64", 64, DTYPE_OTHER},
    {"F64", 64, DTYPE_OTHER},       {"C64", 64, DTYPE_OTHER},        {"F8_E4M3", 8, DTYPE_OTHER},
    {"F8_E5M2", 8, DTYPE_OTHER},    {"F8_E8M0", 8, DTYPE_OTHER},     {"F8_E4M3FNUZ", 8, DTYPE_OTHER},
    {"F8_E5M2FNUZ", 8, DTYPE_OTHER}, {"F6_E2M3", 6, DTYPE_OTHER},    {"F6_E3M2", 6, DTYPE_OTHER},
    {"F4", 4, DTYPE_OTHER},
};

unsigned safetensors_bits(const char *type_name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, type_name) == 0)
            return dtypes[i].bits;
    return 0;
}

/* What an entry says, before its data's place is known to be sound. */
typedef struct entry {
    tensor t;
    size_t begin, end; /* bytes, from the start of the data */
} entry;

/* A JSON number that counts something; above 2^53 a double would no longer tell neighbours apart. */
static bool as_size(const json_t *value, size_t *out)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0 && number <= 9007199254740992.0) || (double)(size_t)number != number)
        return false;
    *out = (size_t)number;
    return true;
}

static pb_status read_dtype(const json_t *value, entry *e, unsigned *bits, const char *path, pb_error *err)
{
    if (!json_is_string(value))
        return fail(err, PB_EFORMAT, "%s: tensor %s: \"dtype\" is %s, expected a string", path, e->t.name,
                    json_kind(value));
    e->t.type_name = json_string_value(value);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, e->t.type_name) == 0) {
            e->t.type = dtypes[i].type;
            *bits = dtypes[i].bits;
            return PB_OK;
        }
    return fail(err, PB_EFORMAT, "%s: tensor %s: \"dtype\" is \"%s\", expected F32, F16, BF16 or another of the "
                "format's", path, e->t.name, e->t.type_name);
}

static pb_status read_shape(const json_t *value, entry *e, const char *path, pb_error *err)
{
    if (!json_is_array(value))
        return fail(err, PB_EFORMAT, "%s: tensor %s: \"shape\" is %s, expected an array", path, e->t.name,
                    json_kind(value));
    e->t.rank = json_array_size(value);
    e->t.count = 1;
    for (size_t i = 0; i < TENSOR_MAX_RANK; i++)
        e->t.shape[i] = 1;
    for (size_t i = 0; i < e->t.rank; i++) {
        size_t n;
        if (!as_size(json_array_get(value, i), &n))
            return fail(err, PB_EFORMAT, "%s: tensor %s: \"shape\"[%zu] is no whole number of at least 0", path,
                        e->t.name, i);
        if (!size_mul(e->t.count, n, &e->t.count))
            return fail(err, PB_EFORMAT, "%s: tensor %s: the product of its shape is beyond 64 bits", path, e->t.name);
        if (i < TENSOR_MAX_RANK)
            e->t.shape[i] = n;
    }
    if (e->t.rank > TENSOR_MAX_RANK)
        e->t.type = DTYPE_OTHER;
    return PB_OK;
}

static pb_status read_offsets(const json_t *value, entry *e, const char *path, pb_error *err)
{
    if (!json_is_array(value) || json_array_size(value) != 2 || !as_size(json_array_get(value, 0), &e->begin) ||
        !as_size(json_array_get(value, 1), &e->end))
        return fail(err, PB_EFORMAT, "%s: tensor %s: \"data_offsets\" is not two whole numbers [begin, end]", path,
                    e->t.name);
    if (e->begin > e->end)
        return fail(err, PB_EFORMAT, "%s: tensor %s: data_offsets [%zu, %zu] end before they begin", path, e->t.name,
                    e->begin, e->end);
    return PB_OK;
}

static pb_status check_length(const entry *e, unsigned bits, const char *path, pb_error *err)
{
    size_t all_bits;
    if (!size_mul(e->t.count, bits, &all_bits) || all_bits % 8 != 0)
        return fail(err, PB_EFORMAT, "%s: tensor %s: %zu elements of %s make no whole number of bytes below 2^61", path,
                    e->t.name, e->t.count, e->t.type_name);
    if (e->end - e->begin != all_bits / 8)
        return fail(err, PB_EFORMAT,
                    "%s: tensor %s: data_offsets [%zu, %zu] hold %zu bytes, its shape and dtype %s need "
                    "%zu",
                    path, e->t.name, e->begin, e->end, e->end - e->begin, e->t.type_name, all_bits / 8);
    return PB_OK;
}

static pb_status read_entry(const char *name, const json_t *value, entry *e, const char *path, pb_error *err)
{
    unsigned bits = 0;
    *e = (entry){.t = {.name = name, .file = path}};
    if (!json_is_object(value))
        return fail(err, PB_EFORMAT, "%s: tensor %s is described by %s, expected an object", path, name,
                    json_kind(value));
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    for (size_t i = 0; i < 3; i++)
        if (!json_object_get(value, keys[i]))
            return fail(err, PB_EFORMAT, "%s: tensor %s: \"%s\" is missing", path, name, keys[i]);
    TRY(read_dtype(json_object_get(value, "dtype"), e, &bits, path, err));
    TRY(read_shape(json_object_get(value, "shape"), e, path, err));
    TRY(read_offsets(json_object_get(value, "data_offsets"), e, path, err));
    return check_length(e, bits, path, err);
}

static int by_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static pb_status cut_off(const entry *e, size_t size, const char *path, pb_error *err)
{
    pb_status status = fail(err, PB_EFORMAT, "%s: tensor %s ends at byte %zu of the data, but the file holds only %zu "
                            "bytes of data", path, e->t.name, e->end, size);
    fail_hint(err, "the file is cut off: download or copy it again");
    return status;
}

/* The entries, in the order of their data, cover the data's `size` bytes exactly. */
static pb_status check_cover(const entry *entries, size_t count, size_t size, const char *path, pb_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < count; at = entries[i++].end) {
        const char *name = entries[i].t.name;
        if (entries[i].begin < at)
            return fail(err, PB_EFORMAT,
                        "%s: tensor %s begins at byte %zu of the data, inside tensor %s, which ends at "
                        "%zu",
                        path, name, entries[i].begin, entries[i - 1].t.name, at);
        if (entries[i].begin > at)
            return fail(err, PB_EFORMAT,
                        "%s: tensor %s begins at byte %zu of the data, expected %zu: no tensor holds the "
                        "bytes between",
                        path, name, entries[i].begin, at);
        if (entries[i].end > size)
            return cut_off(&entries[i], size, path, err);
    }
    if (at != size)
        return fail(err, PB_EFORMAT, "%s: the tensors end at byte %zu of the data, but the file holds %zu bytes of "
                    "data", path, at, size);
    return PB_OK;
}

/* Safetensors' metadata are texts; PyTorch's saves {"format": "pt"}. They are checked, not used. */
static pb_status check_metadata(json_t *metadata, const char *path, pb_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return fail(err, PB_EFORMAT, "%s: \"__metadata__\" is %s, expected an object", path, json_kind(metadata));
    json_object_foreach(metadata, key, value)
        if (!json_is_string(value))
            return fail(err, PB_EFORMAT, "%s: \"__metadata__\": \"%s\" is %s, expected a string", path, key,
                        json_kind(value));
    return PB_OK;
}

static pb_status read_entries(json_t *header, entry *entries, size_t *count, const char *path, pb_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0)
            TRY(check_metadata(value, path, err));
        else
            TRY(read_entry(name, value, &entries[(*count)++], path, err));
    }
    return PB_OK;
}

/* Parses the header and leaves out->header and where the data begin. */
static pb_status parse_header(tensor_file *out, size_t *data_begin, pb_error *err)
{
    const file_map *map = &out->map;
    uint64_t length;
    if (map->size < LENGTH_BYTES)
        return fail(err, PB_EFORMAT, "%s: has %zu bytes, a safetensors file has at least %d", out->path, map->size,
                    LENGTH_BYTES);
    memcpy(&length, map->data, sizeof length);
    if (length > LONGEST_HEADER)
        return fail(err, PB_EFORMAT, "%s: gives %llu as its header's length, expected at most %d", out->path,
                    (unsigned long long)length, LONGEST_HEADER);
    if (length > map->size - LENGTH_BYTES)
        return fail(err, PB_EFORMAT, "%s: gives %llu as its header's length, but only %zu bytes follow", out->path,
                    (unsigned long long)length, map->size - LENGTH_BYTES);
    const char *text = (const char *)map->data + LENGTH_BYTES;
    if (length == 0 || text[0] != '{')
        return fail(err, PB_EFORMAT, "%s: the header does not begin with '{': not a safetensors file", out->path);

    buffer name = {0};
    buffer_printf(&name, "%s: header", out->path);
    pb_status status = json_parse_strict(&out->header, text, (size_t)length, name.data, err);
    buffer_free(&name);
    *data_begin = LENGTH_BYTES + (size_t)length;
    return status;
}

static pb_status read_tensors(tensor_file *out, size_t data_begin, pb_error *err)
{
    size_t count = 0;
    entry *entries = mem_new(json_object_size(out->header), sizeof *entries);
    pb_status status = read_entries(out->header, entries, &count, out->path, err);
    if (!status && count)
        qsort(entries, count, sizeof *entries, by_place);
    if (!status)
        status = check_cover(entries, count, out->map.size - data_begin, out->path, err);
    if (!status) {
        out->tensors = mem_new(count, sizeof *out->tensors);
        out->count = count;
        for (size_t i = 0; i < count; i++) {
            out->tensors[i] = entries[i].t;
            out->tensors[i].data = out->map.data + data_begin + entries[i].begin;
        }
    }
    free(entries);
    return status;
}

pb_status safetensors_open(tensor_file *out, const char *path, pb_error *err)
{
    size_t data_begin = 0;
    *out = (tensor_file){.path = mem_text(path), .format = "safetensors"};
    pb_status status = file_map_open(&out->map, path, err);
    if (!status)
        status = parse_header(out, &data_begin, err);
    if (!status)
        status = read_tensors(out, data_begin, err);
    if (status)
        tensor_file_close(out);
    return status;
}
