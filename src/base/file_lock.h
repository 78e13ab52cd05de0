/* file_lock.h: one process at a time.
 *
 *     file_lock lock;
 *     TRY(file_lock_take(&lock, "results.db", err));   // PB_EIO: "results.db: is being written by process 4711 of host cyan"
 *     ... write results.db ...
 *     file_lock_release(&lock);
 *
 * The lock is the kernel's (flock) on a file of its own beside the one it guards, PATH-lock, so it ends with the process
 * that holds it, however that ends. The file is removed with the lock; one that a killed process left behind is taken
 * over. Its text, the process and the host, is for people. */
#ifndef BASE_FILE_LOCK_H
#define BASE_FILE_LOCK_H

#include "base/error.h"

typedef struct file_lock {
    char *path; /* PATH-lock; NULL: not held */
    int fd;
} file_lock;

/* Never waits. A second lock of the same process is refused too. */
pb_status file_lock_take(file_lock *lock, const char *path, pb_error *err);
void file_lock_release(file_lock *lock); /* one that is not held: nothing */

#endif
