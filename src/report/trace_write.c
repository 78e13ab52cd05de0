/* trace_write.c: all files of a trace, or of its estimates, in one folder (report.h). */
#include "report/report.h"
#include "report/result_files.h"

static result_files made(const trace_report *r, const char *name)
{
    result_files files = {.name = name, .tree = report_trace_json(r)};
    report_trace_svg(r, &files.svg);
    report_trace_html(r, &files.html);
    return files;
}

static pb_status add_all(const trace_report *r, const file_set *set, pb_error *err)
{
    TRY(report_trace_npz(r, set->stage, err));
    result_files files = made(r, "trace");
    return result_files_add(&files, set, err);
}

pb_status report_trace_write(const trace_report *r, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    return file_set_close(&set, add_all(r, &set, err), err);
}

pb_status report_attribute_write(const trace_report *r, const char *directory, pb_error *err)
{
    result_files files = made(r, "attribute");
    return result_files_write(&files, directory, err);
}
