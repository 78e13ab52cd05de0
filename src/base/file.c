/* file.c: names of files and folders, and files written whole or not at all. See file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *path_join(const char *directory, const char *name)
{
    size_t n = strlen(directory);
    buffer b = {0};
    buffer_printf(&b, "%s%s%s", directory, n && directory[n - 1] != '/' ? "/" : "", name);
    return b.data;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- writing ---- */

/* A new file beside path, made with the permissions that any new file gets. -1 and errno on failure. */
static int open_beside(const char *path, char **temporary)
{
    static unsigned number; /* two threads that take the same one meet at O_EXCL */
    for (int tries = 0; tries < 1000; tries++) {
        buffer name = {0};
        buffer_printf(&name, "%s.%ld-%u.part", path, (long)getpid(), number++);
        int fd = open(name.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            *temporary = name.data;
            return fd;
        }
        buffer_free(&name);
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

pb_status file_writer_open(file_writer *w, const char *path, pb_error *err)
{
    *w = (file_writer){0};
    int fd = open_beside(path, &w->temporary);
    if (fd < 0)
        return fail(err, PB_EIO, "%s: cannot be written: %s", path, strerror(errno));
    w->path = mem_text(path);
    w->stream = fdopen(fd, "wb");
    if (!w->stream) {
        w->error = errno;
        close(fd);
    }
    return PB_OK;
}

void file_write(file_writer *w, const void *bytes, size_t n)
{
    if (w->error || n == 0)
        return;
    errno = 0;
    if (fwrite(bytes, 1, n, w->stream) != n)
        w->error = errno ? errno : EIO;
}

static void close_stream(file_writer *w)
{
    if (!w->stream)
        return;
    if (fflush(w->stream) != 0 && !w->error)
        w->error = errno;
    /* the bytes must be on the disk before the name is; EINVAL: a file system that has no such thing */
    if (!w->error && fsync(fileno(w->stream)) != 0 && errno != EINVAL)
        w->error = errno;
    if (fclose(w->stream) != 0 && !w->error)
        w->error = errno;
    w->stream = NULL;
}

pb_status file_writer_commit(file_writer *w, pb_error *err)
{
    close_stream(w);
    if (!w->error && rename(w->temporary, w->path) != 0)
        w->error = errno;
    pb_status status = PB_OK;
    if (w->error)
        status = fail(err, PB_EIO, "%s: cannot be written: %s", w->path, strerror(w->error));
    if (status)
        unlink(w->temporary);
    free(w->path);
    free(w->temporary);
    *w = (file_writer){0};
    return status;
}

void file_writer_abandon(file_writer *w)
{
    if (!w->temporary)
        return;
    close_stream(w);
    unlink(w->temporary);
    free(w->path);
    free(w->temporary);
    *w = (file_writer){0};
}

pb_status file_write_all(const char *path, const void *bytes, size_t n, pb_error *err)
{
    file_writer w;
    TRY(file_writer_open(&w, path, err));
    file_write(&w, bytes, n);
    return file_writer_commit(&w, err);
}

static pb_status make_one(const char *path, pb_error *err)
{
    if (mkdir(path, 0777) == 0)
        return PB_OK;
    int reason = errno == EEXIST ? ENOTDIR : errno;
    if (dir_exists(path)) /* whatever mkdir says: mount points have their own errors */
        return PB_OK;
    return fail(err, PB_EIO, "%s: the folder cannot be created: %s", path, strerror(reason));
}

pb_status dir_create(const char *path, pb_error *err)
{
    char *partial = mem_text(path);
    pb_status status = PB_OK;
    for (char *slash = strchr(partial + (*partial == '/'), '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (*partial)
            status = make_one(partial, err);
        *slash = '/';
    }
    if (!status)
        status = make_one(path, err);
    free(partial);
    return status;
}

/* Cuts the last name off a path; false when there is nothing above it. */
static bool cut_name(char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    path[n] = '\0';
    return n > 1;
}

size_t dir_missing(const char *path)
{
    size_t n = 0;
    char *above = mem_text(path);
    do
        n += !dir_exists(above);
    while (cut_name(above));
    free(above);
    return n;
}

void dir_remove(const char *path, size_t count)
{
    char *above = mem_text(path);
    for (; count > 0; count--) {
        rmdir(above);
        cut_name(above);
    }
    free(above);
}

static pb_status fill(file_writer *w, const char *path, pb_status (*write)(void *context, pb_error *err), void *context, pb_error *err)
{
    TRY(file_writer_open(w, path, err));
    pb_status status = write(context, err);
    if (!status)
        return file_writer_commit(w, err);
    file_writer_abandon(w);
    return status;
}

pb_status file_writer_run(file_writer *w, const char *path, pb_status (*write)(void *context, pb_error *err), void *context,
                          pb_error *err)
{
    char *folder = mem_text_n(path, (size_t)(path_base(path) - path));
    size_t made = *folder ? dir_missing(folder) : 0;
    pb_status status = *folder ? dir_create(folder, err) : PB_OK;
    if (!status)
        status = fill(w, path, write, context, err);
    if (status && made)
        dir_remove(folder, made);
    free(folder);
    return status;
}

bool dir_is_inside(const char *path, const char *above)
{
    struct stat top, here, parent;
    char *known = mem_text(path);
    buffer at = {0};
    while (stat(known, &here) != 0 && cut_name(known))
        ;
    buffer_text(&at, *known ? known : ".");
    bool inside = false, there = stat(above, &top) == 0 && stat(at.data, &here) == 0;
    while (there && !inside) {
        inside = here.st_dev == top.st_dev && here.st_ino == top.st_ino;
        buffer_text(&at, "/..");
        there = stat(at.data, &parent) == 0 && (parent.st_dev != here.st_dev || parent.st_ino != here.st_ino);
        here = parent;
    }
    free(known);
    buffer_free(&at);
    return inside;
}

bool dir_is_empty(const char *path)
{
    DIR *d = opendir(path);
    bool empty = d != NULL;
    for (struct dirent *entry; empty && (entry = readdir(d));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (d)
        closedir(d);
    return empty;
}
