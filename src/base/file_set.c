/* file_set.c: see file_set.h. */
#include "base/file_set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"

pb_status file_set_open(file_set *s, const char *directory, pb_error *err)
{
    size_t made = dir_missing(directory);
    *s = (file_set){0};
    interrupt_watch();
    pb_status status = dir_create(directory, err);
    char *stage = path_join(directory, ".patchbay-XXXXXX");
    if (!status && !mkdtemp(stage))
        status = fail(err, PB_EIO, "%s: the folder cannot be written: %s", directory, strerror(errno));
    if (status) {
        dir_remove(directory, made);
        free(stage);
        interrupt_release();
        return status;
    }
    *s = (file_set){mem_text(directory), stage, made};
    return PB_OK;
}

pb_status file_set_text(const file_set *s, const char *name, const buffer *text, pb_error *err)
{
    char *path = path_join(s->stage, name);
    pb_status status = file_write_all(path, text->data, text->size, err);
    free(path);
    return status;
}

/* What is done with each file, or folder, of the staging folder. */
typedef pb_status staged_fn(const char *from, const char *to, pb_error *err);
static pb_status each_staged(const char *stage, const char *directory, staged_fn *act, pb_error *err);

static pb_status check_free(const char *from, const char *to, pb_error *err)
{
    (void)from;
    return dir_exists(to) ? fail(err, PB_EIO, "%s: is a folder, where a file should go", to) : PB_OK;
}

static pb_status move(const char *from, const char *to, pb_error *err)
{
    return rename(from, to) == 0 ? PB_OK : fail(err, PB_EIO, "%s: cannot be written: %s", to, strerror(errno));
}

static pb_status discard(const char *from, const char *to, pb_error *err)
{
    (void)to;
    if (unlink(from) != 0 && dir_exists(from)) {
        each_staged(from, from, discard, err);
        rmdir(from);
    }
    return PB_OK;
}

static pb_status each_staged(const char *stage, const char *directory, staged_fn *act, pb_error *err)
{
    DIR *d = opendir(stage);
    pb_status status = d ? PB_OK : fail(err, PB_EIO, "%s: cannot be read: %s", stage, strerror(errno));
    for (struct dirent *entry; d && !status && (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        char *from = path_join(stage, entry->d_name), *to = path_join(directory, entry->d_name);
        status = act(from, to, err);
        free(from);
        free(to);
    }
    if (d)
        closedir(d);
    return status;
}

pb_status file_set_close(file_set *s, pb_status status, pb_error *err)
{
    if (!status)
        status = each_staged(s->stage, s->directory, check_free, err);
    if (!status)
        status = each_staged(s->stage, s->directory, move, err);
    if (status)
        each_staged(s->stage, s->directory, discard, NULL);
    rmdir(s->stage);
    if (status)
        dir_remove(s->directory, s->made);
    free(s->stage);
    free(s->directory);
    *s = (file_set){0};
    interrupt_release();
    return status;
}
