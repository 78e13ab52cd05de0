/* zip.h: the entries of a zip archive, where they lie in the mapped file.
 *
 *     zip_archive z;
 *     TRY(zip_open(&z, &map, "pytorch_model.bin", err));
 *     const zip_entry *e = zip_find(&z, "archive/data.pkl", 16);
 *
 * Weights must lie in the file as they are, so an entry that is compressed (NumPy's archives may be deflated) or
 * encrypted is refused. So is an archive that two readers could read differently: a name that stands twice, entries that
 * overlap each other or the directory, records that disagree. zip64, which PyTorch always writes, is read. */
#ifndef CHECKPOINT_ZIP_H
#define CHECKPOINT_ZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"

typedef struct zip_entry {
    const char *name;          /* [name_size], in the file: any bytes, no NUL after them */
    const unsigned char *data; /* [packed], in the file */
    size_t packed;             /* equal to size where the entry is stored */
    size_t size;
    uint32_t crc;              /* of what is packed; 0 where the writer left it out */
    uint32_t header_size;      /* bytes of the entry's own header, which stands before data */
    uint16_t name_size;
    bool deflated;
} zip_entry;

typedef struct zip_archive {
    zip_entry *entries; /* [count], sorted by name */
    size_t count;
} zip_archive;

/* Reads the directory and checks every entry's place; the data themselves are not looked at. `map` must outlive *z;
 * `path` stands in errors. On failure *z is empty. */
pb_status zip_open(zip_archive *z, const file_map *map, const char *path, pb_error *err);
/* The same for an archive that numpy.savez or numpy.savez_compressed wrote: entries may be deflated. */
pb_status zip_open_numpy(zip_archive *z, const file_map *map, const char *path, pb_error *err);
void zip_close(zip_archive *z);

/* The entry of that name, or NULL. */
const zip_entry *zip_find(const zip_archive *z, const char *name, size_t name_size);

/* PB_EFORMAT when e's data, which are stored, do not have the checksum that the directory gives (torch.save can be told
 * to give none). */
pb_status zip_check_sum(const zip_entry *e, const char *path, pb_error *err);

/* *bytes = e's content [e->size], its checksum right: in the file, or, of a deflated entry, in *owned (free(); else
 * NULL). */
pb_status zip_read(const zip_entry *e, const unsigned char **bytes, unsigned char **owned, const char *path,
                   pb_error *err);

#endif
