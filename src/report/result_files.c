/* result_files.c: see result_files.h. */
#include "report/result_files.h"

#include <stdlib.h>

#include "report/report.h"

static pb_status add(const result_files *f, const char *ending, const buffer *text, const file_set *set, pb_error *err)
{
    buffer name = {0};
    buffer_printf(&name, "%s.%s", f->name, ending);
    pb_status status = file_set_text(set, name.data, text, err);
    buffer_free(&name);
    return status;
}

pb_status result_files_add(result_files *f, const file_set *set, pb_error *err)
{
    buffer json = {0};
    report_json_text(f->tree, &json);
    pb_status status = add(f, "json", &json, set, err);
    if (!status)
        status = add(f, "svg", &f->svg, set, err);
    if (!status)
        status = add(f, "html", &f->html, set, err);
    buffer_free(&json);
    json_decref(f->tree);
    buffer_free(&f->svg);
    buffer_free(&f->html);
    *f = (result_files){0};
    return status;
}

pb_status result_files_write(result_files *f, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    return file_set_close(&set, result_files_add(f, &set, err), err);
}
