/* npy.c: see npy.h. Format: numpy/lib/format.py, versions 1 to 3. */
#include "base/npy.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static const struct npy_kind {
    const char *descr, *words;
    size_t bytes;
} kinds[] = {
    [NPY_F32] = {"<f4", "little-endian float32 ('<f4')", 4},
    [NPY_I64] = {"<i8", "little-endian int64 ('<i8')", 8},
    [NPY_U8] = {"|u1", "uint8 ('|u1')", 1},
};

enum { LONGEST_HEADER = 1 << 16 }; /* NumPy's own limit is 10,000: what it reads is a line */

static pb_status find_header(const unsigned char *d, size_t size, const char *name, size_t *start, size_t *length,
                             pb_error *err)
{
    if (size < 12 || memcmp(d, "\x93NUMPY", 6) != 0)
        return fail(err, PB_EFORMAT, "%s: is not a .npy file", name);
    if (d[6] < 1 || d[6] > 3)
        return fail(err, PB_EFORMAT, "%s: .npy version %d.%d, expected 1 to 3", name, d[6], d[7]);
    *start = d[6] == 1 ? 10 : 12;
    *length = d[6] == 1 ? (size_t)(d[8] | d[9] << 8)
                        : (size_t)d[8] | (size_t)d[9] << 8 | (size_t)d[10] << 16 | (size_t)d[11] << 24;
    if (*length > size - *start)
        return fail(err, PB_EFORMAT, "%s: header of %zu bytes in a file of %zu", name, *length, size);
    if (*length > LONGEST_HEADER)
        return fail(err, PB_EFORMAT, "%s: header of %zu bytes, expected %d at most", name, *length, LONGEST_HEADER);
    return PB_OK;
}

/* What stands behind 'key': in a Python literal; NULL when it is not there. */
static const char *header_value(const char *header, const char *key)
{
    for (const char *at = strstr(header, key); at; at = strstr(at + 1, key)) {
        const char *end = at + strlen(key);
        if (at == header || (at[-1] != '\'' && at[-1] != '"') || *end != at[-1])
            continue;
        end += 1 + strspn(end + 1, " ");
        if (*end == ':')
            return end + 1 + strspn(end + 1, " ");
    }
    return NULL;
}

/* The numbers of "(10, 2, 576)"; how many are found is counted even beyond `rank`. False where it is something else. */
static bool read_shape(const char *at, size_t *shape, size_t rank, size_t *found)
{
    *found = 0;
    if (!at || *at != '(')
        return false;
    at += 1 + strspn(at + 1, " ");
    while (*at != ')') {
        char *end;
        if (!isdigit((unsigned char)*at))
            return false;
        unsigned long long n = strtoull(at, &end, 10);
        if (*found < rank)
            shape[*found] = (size_t)n;
        ++*found;
        at = end + (*end == 'L'); /* as Python 2 wrote them */
        at += strspn(at, " ");
        if (*at != ',' && *at != ')')
            return false;
        at += *at == ',';
        at += strspn(at, " ");
    }
    return true;
}

/* Whether the header is of an array of that kind, and its shape. */
static pb_status read_header(const char *header, const struct npy_kind *kind, size_t *shape, size_t rank,
                             const char *name, pb_error *err)
{
    const char *descr = header_value(header, "descr"), *order = header_value(header, "fortran_order");
    size_t found, length = strlen(kind->descr);
    bool quoted = descr && (*descr == '\'' || *descr == '"');
    bool in_c_order = order && strncmp(order, "False", 5) == 0;
    if (!quoted || strncmp(descr + 1, kind->descr, length) != 0 || descr[1 + length] != *descr || !in_c_order) {
        int width = quoted ? (int)strcspn(descr + 1, "'\"") : 0;
        return fail(err, PB_EFORMAT, "%s: holds %s%.*s%s in %s order, expected %s in C order", name, quoted ? "'" : "",
                    quoted ? (width < 20 ? width : 20) : 25, quoted ? descr + 1 : descr ? "several fields" : "no type",
                    quoted ? "'" : "", in_c_order ? "C" : order ? "Fortran" : "no", kind->words);
    }
    if (!read_shape(header_value(header, "shape"), shape, rank, &found))
        return fail(err, PB_EFORMAT, "%s: its shape is no tuple of whole numbers", name);
    if (found != rank)
        return fail(err, PB_EFORMAT, "%s: an array of %zu dimensions, expected %zu", name, found, rank);
    return PB_OK;
}

pb_status npy_parse(void *out, npy_type type, size_t *shape, size_t rank, const void *bytes, size_t size,
                    const char *name, pb_error *err)
{
    const struct npy_kind *kind = &kinds[type];
    size_t start, length, count = 1;
    void *values = NULL;
    memcpy(out, &values, sizeof values);
    TRY(find_header(bytes, size, name, &start, &length, err));
    char *header = mem_text_n((const char *)bytes + start, length);
    pb_status status = read_header(header, kind, shape, rank, name, err);
    free(header);
    TRY(status);
    for (size_t i = 0; i < rank; i++)
        if (!size_mul(count, shape[i], &count) || count > size)
            return fail(err, PB_EFORMAT, "%s: its shape is larger than the file", name);
    if ((size - start - length) / kind->bytes < count)
        return fail(err, PB_EFORMAT, "%s: %zu bytes of values, its shape asks for %zu", name, size - start - length,
                    count * kind->bytes);
    TRY(mem_try(&values, count, kind->bytes, name, err));
    memcpy(values, (const unsigned char *)bytes + start + length, count * kind->bytes);
    memcpy(out, &values, sizeof values);
    return PB_OK;
}

static pb_status check_finite(const float *values, const size_t *shape, size_t rank, const char *path, pb_error *err)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= shape[i];
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return fail(err, PB_EFORMAT, "%s: value %zu is not finite", path, i);
    return PB_OK;
}

pb_status npy_read_f32(float **values, size_t *shape, size_t rank, const char *path, pb_error *err)
{
    file_map map;
    *values = NULL;
    TRY(file_map_copy(&map, path, err));
    pb_status status = npy_parse(values, NPY_F32, shape, rank, map.data, map.size, path, err);
    file_map_close(&map);
    if (!status)
        status = check_finite(*values, shape, rank, path, err);
    if (status) {
        free(*values);
        *values = NULL;
    }
    return status;
}

/* Magic, version and a Python literal, padded so that the numbers start at a multiple of 64. */
size_t npy_header(buffer *out, const char *type, size_t rank, const size_t *shape)
{
    enum { ALIGNMENT = 64, PREFIX = 10 };
    size_t values = 1;
    buffer text = {0};
    buffer_printf(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (size_t i = 0; i < rank; i++) {
        values *= shape[i];
        buffer_printf(&text, i + 1 < rank ? "%zu, " : rank == 1 ? "%zu," : "%zu", shape[i]);
    }
    buffer_text(&text, "), }");
    while ((PREFIX + text.size + 1) % ALIGNMENT)
        buffer_text(&text, " ");
    buffer_text(&text, "\n");
    buffer_add(out, "\x93NUMPY\x01\x00", 8);
    buffer_add(out, (unsigned char[]){text.size & 255, (text.size >> 8) & 255}, 2);
    buffer_add(out, text.data, text.size);
    buffer_free(&text);
    return values;
}
