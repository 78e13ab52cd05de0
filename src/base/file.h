/* file.h: files read through memory maps, and written whole or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* ---- reading ---- */
typedef struct file_watch file_watch; /* file_map.c */
typedef struct file_map {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
    file_watch *watch;         /* of one that is mapped */
} file_map;

/* Maps a regular file read-only. Names the path in every error.
 *
 * A file that another program cuts short while it is mapped reads as zeros where it is missing, and is marked: file_map_check
 * says so, and whoever made something of the bytes asks it before he hands that on. This takes SIGBUS for the whole process
 * from the first mapping on; one that is no such file's goes to the handler that was there before. */
pb_status file_map_open(file_map *map, const char *path, pb_error *err);
/* The same bytes, copied: of files that are read at once, and then closed. Cut short meanwhile they are an error. */
pb_status file_map_copy(file_map *map, const char *path, pb_error *err);
void file_map_close(file_map *map);

/* PB_EIO "PATH: became shorter than its N bytes while it was in use", where it did. */
pb_status file_map_check(const file_map *map, pb_error *err);
/* The same of the mapping in which `at` lies (of none: PB_OK), as far as something that is missing was read: costs nothing
 * while no file is. */
pb_status file_map_check_at(const void *at, pb_error *err);

/* Asks the system to have these bytes of a mapping in memory soon. Costs next to nothing where they are; of memory that is
 * no mapping's it does nothing. */
void file_map_ahead(const void *data, size_t size);
/* Asks the system to have them in memory no longer, so that others stay that are needed sooner. */
void file_map_leave(const void *data, size_t size);

bool file_exists(const char *path); /* a regular file, or a link to one */
bool dir_exists(const char *path);

/* directory + "/" + name (one slash, none after an empty directory), allocated: free with free(). */
char *path_join(const char *directory, const char *name);
/* The part after the last '/', inside path. */
const char *path_base(const char *path);

/* ---- writing ----
 *     file_writer w;
 *     TRY(file_writer_open(&w, "out/trace.json", err));
 *     file_write(&w, bytes, n);             // errors are kept until the commit
 *     return file_writer_commit(&w, err);   // all of it is there now, or nothing
 *
 * The bytes go to a temporary file in the same folder, which the commit renames over the path: a full disk, a crash or
 * a signal leaves the old file, if any, as it was. (A process that is killed leaves its PATH.NUMBER.part behind.) */
typedef struct file_writer {
    char *path, *temporary;
    void *stream; /* FILE * */
    int error;    /* the first errno, 0 while all is well */
} file_writer;

pb_status file_writer_open(file_writer *w, const char *path, pb_error *err);
void file_write(file_writer *w, const void *bytes, size_t n);
pb_status file_writer_commit(file_writer *w, pb_error *err); /* closes in any case */
void file_writer_abandon(file_writer *w);                    /* closes and leaves nothing */

/* From the opening to the commit: `write` fills w, in a folder that is made where it is missing. What it fails with, or the commit,
 * leaves nothing, no folder either. */
pb_status file_writer_run(file_writer *w, const char *path, pb_status (*write)(void *context, pb_error *err), void *context,
                          pb_error *err);

/* The same in one call. */
pb_status file_write_all(const char *path, const void *bytes, size_t n, pb_error *err);

/* Whether the folder is `above` or lies inside of it, whatever links lead to either; of a folder that is not there yet,
 * the one above it that is. */
bool dir_is_inside(const char *path, const char *above);
/* Whether it is a folder with nothing in it. */
bool dir_is_empty(const char *path);

/* Creates the folder and those above it; one that is there already is fine. */
pb_status dir_create(const char *path, pb_error *err);
/* How many folders that would create. */
size_t dir_missing(const char *path);
/* Removes the folder and those above it, `count` in all, as far as nothing lies in them: what dir_create made. */
void dir_remove(const char *path, size_t count);

#endif
