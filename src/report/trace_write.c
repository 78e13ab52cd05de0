/* trace_write.c: all files of a trace, in one folder (report.h). */
#include <stdlib.h>

#include "base/file.h"
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

pb_status report_trace_write(const trace_report *r, const char *directory, pb_error *err)
{
    TRY(dir_create(directory, err));
    TRY(write_json(r, directory, err));
    TRY(report_trace_npz(r, directory, err));
    TRY(write_drawn(r, report_trace_svg, directory, "trace.svg", err));
    return write_drawn(r, report_trace_html, directory, "trace.html", err);
}
