/* file_lock.c: see file_lock.h. */
#include "base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* Whether the open file is still the one of that name: whoever held the lock removed it when done. */
static bool is_still(const char *path, int fd)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* 0: taken; 1: it was removed meanwhile, so try again; -1: errno, EWOULDBLOCK where another has it. */
static int try_once(const char *path, int *fd)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return -1;
    int locked = flock(*fd, LOCK_EX | LOCK_NB), error = errno;
    if (locked == 0 && is_still(path, *fd))
        return 0;
    close(*fd);
    errno = error;
    return locked == 0 ? 1 : -1;
}

/* Who has it, as they wrote it down. */
static pb_status refuse(const char *path, const char *lock, pb_error *err)
{
    char who[200] = "";
    FILE *file = fopen(lock, "r");
    if (file) {
        size_t n = fread(who, 1, sizeof who - 1, file);
        who[n] = '\0';
        who[strcspn(who, "\n")] = '\0';
        fclose(file);
    }
    fail(err, PB_EIO, "%s: is being written by %s", path, *who ? who : "another process");
    return fail_hint(err, "wait until it has ended; reading is possible meanwhile");
}

static void sign(int fd)
{
    char host[128] = "", text[200];
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "process %ld of host %s\n", (long)getpid(), host);
    /* without it the lock holds as well */
    if (ftruncate(fd, 0) == 0 && n > 0 && pwrite(fd, text, (size_t)n, 0) < 0)
        errno = 0;
}

pb_status file_lock_take(file_lock *lock, const char *path, pb_error *err)
{
    buffer name = {0};
    int fd, got;
    *lock = (file_lock){.fd = -1};
    buffer_printf(&name, "%s-lock", path);
    for (int tries = 0; (got = try_once(name.data, &fd)) > 0 && tries < 100; tries++)
        ;
    if (got == 0) {
        sign(fd);
        *lock = (file_lock){.path = name.data, .fd = fd};
        return PB_OK;
    }
    pb_status status = got > 0 || errno == EWOULDBLOCK
                           ? refuse(path, name.data, err)
                           : fail(err, PB_EIO, "%s: cannot be locked: %s: %s", path, name.data, strerror(errno));
    buffer_free(&name);
    return status;
}

void file_lock_release(file_lock *lock)
{
    if (!lock->path)
        return;
    unlink(lock->path); /* while it is held: whoever waits at the removed file sees so, and makes a new one */
    close(lock->fd);
    free(lock->path);
    *lock = (file_lock){.fd = -1};
}
