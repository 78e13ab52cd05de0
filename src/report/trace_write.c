/* trace_write.c: all files of a trace, or of its estimates, in one folder (report.h). */
#include "base/file_set.h"
#include "report/report.h"

static pb_status write_json(const trace_report *r, const file_set *set, const char *name, pb_error *err)
{
    buffer text = {0};
    json_t *object = report_trace_json(r);
    report_json_text(object, &text);
    json_decref(object);
    pb_status status = file_set_text(set, name, &text, err);
    buffer_free(&text);
    return status;
}

typedef void draw_fn(const trace_report *r, buffer *out);

static pb_status write_drawn(const trace_report *r, draw_fn *draw, const file_set *set, const char *name, pb_error *err)
{
    buffer text = {0};
    draw(r, &text);
    pb_status status = file_set_text(set, name, &text, err);
    buffer_free(&text);
    return status;
}

static pb_status write_files(const trace_report *r, const file_set *set, pb_error *err)
{
    TRY(write_json(r, set, "trace.json", err));
    TRY(report_trace_npz(r, set->stage, err));
    TRY(write_drawn(r, report_trace_svg, set, "trace.svg", err));
    return write_drawn(r, report_trace_html, set, "trace.html", err);
}

pb_status report_trace_write(const trace_report *r, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    return file_set_close(&set, write_files(r, &set, err), err);
}

static pb_status write_estimates(const trace_report *r, const file_set *set, pb_error *err)
{
    TRY(write_json(r, set, "attribute.json", err));
    TRY(write_drawn(r, report_trace_svg, set, "attribute.svg", err));
    return write_drawn(r, report_trace_html, set, "attribute.html", err);
}

pb_status report_attribute_write(const trace_report *r, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    return file_set_close(&set, write_estimates(r, &set, err), err);
}
