/* npy.c: see npy.h. Format: numpy/lib/format.py, versions 1 to 3. */
#include "base/npy.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static pb_status find_header(const file_map *map, const char *path, size_t *start, size_t *length, pb_error *err)
{
    const unsigned char *d = map->data;
    if (map->size < 12 || memcmp(d, "\x93NUMPY", 6) != 0)
        return fail(err, PB_EFORMAT, "%s: is not a .npy file", path);
    if (d[6] < 1 || d[6] > 3)
        return fail(err, PB_EFORMAT, "%s: .npy version %d.%d, expected 1 to 3", path, d[6], d[7]);
    *start = d[6] == 1 ? 10 : 12;
    *length = d[6] == 1 ? (size_t)(d[8] | d[9] << 8)
                        : (size_t)d[8] | (size_t)d[9] << 8 | (size_t)d[10] << 16 | (size_t)d[11] << 24;
    if (*length > map->size - *start)
        return fail(err, PB_EFORMAT, "%s: header of %zu bytes in a file of %zu", path, *length, map->size);
    return PB_OK;
}

/* The numbers of "'shape': (10, 2, 576), }"; the rank found is counted even beyond `rank`. */
static size_t read_shape(const char *header, size_t *shape, size_t rank)
{
    const char *at = strstr(header, "'shape'");
    at = at ? strchr(at, '(') : NULL;
    size_t found = 0;
    while (at && *at && *at != ')') {
        char *end;
        unsigned long long n = strtoull(at + 1, &end, 10);
        if (end == at + 1)
            break;
        if (found < rank)
            shape[found] = (size_t)n;
        found++;
        at = end + strspn(end, " ");
    }
    return found;
}

static pb_status read_values(const file_map *map, float **values, size_t *shape, size_t rank, const char *path,
                             pb_error *err)
{
    size_t start, length, count = 1;
    TRY(find_header(map, path, &start, &length, err));
    char *header = mem_text_n((const char *)map->data + start, length);
    bool floats = strstr(header, "'descr': '<f4'") && !strstr(header, "'fortran_order': True");
    size_t found = read_shape(header, shape, rank);
    free(header);
    if (!floats)
        return fail(err, PB_EFORMAT, "%s: expected little-endian float32 ('<f4') in C order", path);
    if (found != rank)
        return fail(err, PB_EFORMAT, "%s: an array of %zu dimensions, expected %zu", path, found, rank);
    for (size_t i = 0; i < rank; i++)
        if (!size_mul(count, shape[i], &count) || count > map->size)
            return fail(err, PB_EFORMAT, "%s: its shape is larger than the file", path);
    if ((map->size - start - length) / sizeof(float) < count)
        return fail(err, PB_EFORMAT, "%s: %zu bytes of values, its shape asks for %zu", path,
                    map->size - start - length, count * sizeof(float));
    TRY(mem_try(values, count, sizeof(float), path, err));
    memcpy(*values, map->data + start + length, count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        if (!isfinite((*values)[i]))
            return fail(err, PB_EFORMAT, "%s: value %zu is not finite", path, i);
    return PB_OK;
}

pb_status npy_read_f32(float **values, size_t *shape, size_t rank, const char *path, pb_error *err)
{
    file_map map;
    *values = NULL;
    TRY(file_map_open(&map, path, err));
    pb_status status = read_values(&map, values, shape, rank, path, err);
    file_map_close(&map);
    if (status) {
        free(*values);
        *values = NULL;
    }
    return status;
}
