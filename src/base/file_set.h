/* file_set.h: files that appear in a folder together, or not at all.
 *
 *     file_set set;
 *     TRY(file_set_open(&set, "out", err));           // creates the folder
 *     pb_status status = file_set_text(&set, "a.json", &text, err);
 *     if (!status)
 *         status = ... anything that writes files, or folders of files, into set.stage
 *     return file_set_close(&set, status, err);       // moves them all to out/, or removes them when status is an
 * error
 *
 * They are written into a folder of their own inside, and moved when the last one is whole; a signal to stop waits
 * until then (interrupt.h). A full disk leaves neither half a file nor half a set, nor a folder that was not there
 * before. */
#ifndef BASE_FILE_SET_H
#define BASE_FILE_SET_H

#include "base/error.h"
#include "base/memory.h"

typedef struct file_set {
    char *directory, *stage;
    size_t made; /* folders that were created for it, the directory and those above */
} file_set;

pb_status file_set_open(file_set *s, const char *directory, pb_error *err);
pb_status file_set_text(const file_set *s, const char *name, const buffer *text, pb_error *err);
pb_status file_set_close(file_set *s, pb_status status, pb_error *err);

#endif
