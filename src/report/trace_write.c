/* trace_write.c: all files of a trace, in one folder (report.h).
 *
 * They appear together or not at all: they are written into a folder of their own inside, and moved when the last one
 * is whole. A full disk leaves neither half a file nor half a set. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "report/report.h"

static pb_status write_text(const char *directory, const char *name, const buffer *text, pb_error *err)
{
    char *path = path_join(directory, name);
    pb_status status = file_write_all(path, text->data, text->size, err);
    free(path);
    return status;
}

static pb_status write_json(const trace_report *r, const char *directory, pb_error *err)
{
    buffer text = {0};
    json_t *object = report_trace_json(r);
    report_json_text(object, &text);
    json_decref(object);
    pb_status status = write_text(directory, "trace.json", &text, err);
    buffer_free(&text);
    return status;
}

typedef void draw_fn(const trace_report *r, buffer *out);

static pb_status write_drawn(const trace_report *r, draw_fn *draw, const char *directory, const char *name,
                             pb_error *err)
{
    buffer text = {0};
    draw(r, &text);
    pb_status status = write_text(directory, name, &text, err);
    buffer_free(&text);
    return status;
}

static pb_status write_files(const trace_report *r, const char *directory, pb_error *err)
{
    TRY(write_json(r, directory, err));
    TRY(report_trace_npz(r, directory, err));
    TRY(write_drawn(r, report_trace_svg, directory, "trace.svg", err));
    return write_drawn(r, report_trace_html, directory, "trace.html", err);
}

/* ---- the set ---- */

/* What is done with each file of the staging folder. */
typedef pb_status staged_fn(const char *from, const char *to, pb_error *err);

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
    (void)err;
    unlink(from);
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

pb_status report_trace_write(const trace_report *r, const char *directory, pb_error *err)
{
    TRY(dir_create(directory, err));
    char *stage = path_join(directory, ".trace-XXXXXX");
    if (!mkdtemp(stage)) {
        free(stage);
        return fail(err, PB_EIO, "%s: the folder cannot be written: %s", directory, strerror(errno));
    }
    pb_status status = write_files(r, stage, err);
    if (!status)
        status = each_staged(stage, directory, check_free, err);
    if (!status)
        status = each_staged(stage, directory, move, err);
    if (status)
        each_staged(stage, directory, discard, NULL);
    rmdir(stage);
    free(stage);
    return status;
}
