/* npz_read.c: see npz_read.h. */
#include "checkpoint/npz_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

pb_status npz_archive_open(npz_archive *z, const char *path, pb_error *err)
{
    *z = (npz_archive){.path = mem_text(path)};
    pb_status status = file_map_copy(&z->map, path, err);
    if (!status && (z->map.size < 2 || memcmp(z->map.data, "PK", 2) != 0))
        status = fail(err, PB_EFORMAT, "%s: is no .npz file: does not begin as a zip archive does", path);
    if (!status)
        status = zip_open_numpy(&z->zip, &z->map, z->path, err);
    if (status)
        npz_archive_close(z);
    return status;
}

void npz_archive_close(npz_archive *z)
{
    zip_close(&z->zip);
    file_map_close(&z->map);
    free(z->path);
    *z = (npz_archive){0};
}

static pb_status read_entry(const npz_archive *z, const zip_entry *e, npy_type type, size_t *shape, size_t rank,
                            void *values, pb_error *err)
{
    const unsigned char *bytes;
    unsigned char *owned;
    buffer name = {0};
    TRY(zip_read(e, &bytes, &owned, z->path, err));
    buffer_printf(&name, "%s: %.*s", z->path, (int)e->name_size, e->name);
    pb_status status = npy_parse(values, type, shape, rank, bytes, e->size, name.data, err);
    buffer_free(&name);
    free(owned);
    return status;
}

pb_status npz_archive_array(const npz_archive *z, const char *name, npy_type type, size_t *shape, size_t rank,
                            void *values, pb_error *err)
{
    buffer file = {0};
    void *none = NULL;
    memcpy(values, &none, sizeof none);
    buffer_printf(&file, "%s.npy", name);
    const zip_entry *e = zip_find(&z->zip, file.data, file.size);
    pb_status status = e ? read_entry(z, e, type, shape, rank, values, err)
                         : fail(err, PB_EFORMAT, "%s: has no array \"%s\"", z->path, name);
    buffer_free(&file);
    return status;
}
