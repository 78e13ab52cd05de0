/* edit_write.c: all files of an edit, in one folder (edit_report.h). */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "report/edit_npz.h"
#include "report/edit_report.h"
#include "base/file_set.h"
#include "report/report.h"

static pb_status write_json(const edit_report *r, const file_set *set, pb_error *err)
{
    buffer text = {0};
    json_t *object = report_edit_json(r);
    report_json_text(object, &text);
    json_decref(object);
    pb_status status = file_set_text(set, "edit.json", &text, err);
    buffer_free(&text);
    return status;
}

static pb_status write_factors(const edit_report *r, const file_set *set, pb_error *err)
{
    if (!r->factors)
        return PB_OK;
    char *path = path_join(set->stage, "edit.npz");
    pb_status status = report_edit_npz(r->factors, path, err);
    free(path);
    return status;
}

typedef void draw_fn(const edit_report *r, buffer *out);

static pb_status write_drawn(const edit_report *r, draw_fn *draw, const file_set *set, const char *name, pb_error *err)
{
    buffer text = {0};
    draw(r, &text);
    pb_status status = file_set_text(set, name, &text, err);
    buffer_free(&text);
    return status;
}

static pb_status write_files(const edit_report *r, const file_set *set, pb_error *err)
{
    TRY(write_json(r, set, err));
    TRY(write_factors(r, set, err));
    TRY(write_drawn(r, report_edit_svg, set, "edit.svg", err));
    return write_drawn(r, report_edit_html, set, "edit.html", err);
}

/* The factors of an edit that stood here before would be taken for this one's. */
static void remove_old_factors(const char *directory)
{
    char *path = path_join(directory, "edit.npz");
    unlink(path);
    free(path);
}

pb_status report_edit_write(const edit_report *r, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    TRY(file_set_close(&set, write_files(r, &set, err), err));
    if (!r->factors)
        remove_old_factors(directory);
    return PB_OK;
}
