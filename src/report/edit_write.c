/* edit_write.c: all files of an edit, in one folder (edit_report.h). */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "report/edit_npz.h"
#include "report/edit_report.h"
#include "report/result_files.h"

static pb_status write_factors(const edit_report *r, const file_set *set, pb_error *err)
{
    if (!r->factors)
        return PB_OK;
    char *path = path_join(set->stage, "edit.npz");
    pb_status status = report_edit_npz(r->factors, path, err);
    free(path);
    return status;
}

static pb_status write_files(const edit_report *r, const file_set *set, pb_error *err)
{
    TRY(write_factors(r, set, err));
    result_files files = {.name = "edit", .tree = report_edit_json(r)};
    report_edit_svg(r, &files.svg);
    report_edit_html(r, &files.html);
    return result_files_add(&files, set, err);
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
