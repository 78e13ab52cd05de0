/* lens_write.c: all files of a lens, in one folder (lens_report.h). */
#include "base/file_set.h"
#include "report/lens_report.h"
#include "report/report.h"

static pb_status write_json(const lens_report *r, const file_set *set, pb_error *err)
{
    buffer text = {0};
    json_t *object = report_lens_json(r);
    report_json_text(object, &text);
    json_decref(object);
    pb_status status = file_set_text(set, "lens.json", &text, err);
    buffer_free(&text);
    return status;
}

typedef void draw_fn(const lens_report *r, buffer *out);

static pb_status write_drawn(const lens_report *r, draw_fn *draw, const file_set *set, const char *name, pb_error *err)
{
    buffer text = {0};
    draw(r, &text);
    pb_status status = file_set_text(set, name, &text, err);
    buffer_free(&text);
    return status;
}

static pb_status write_files(const lens_report *r, const file_set *set, pb_error *err)
{
    TRY(write_json(r, set, err));
    TRY(write_drawn(r, report_lens_svg, set, "lens.svg", err));
    return write_drawn(r, report_lens_html, set, "lens.html", err);
}

pb_status report_lens_write(const lens_report *r, const char *directory, pb_error *err)
{
    file_set set;
    TRY(file_set_open(&set, directory, err));
    return file_set_close(&set, write_files(r, &set, err), err);
}
