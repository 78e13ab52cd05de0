/* result_page.c: the page and the figure of a result, made again from its JSON (result_read.h). */
#include <string.h>

#include "base/file.h"
#include "base/file_set.h"
#include "base/json.h"
#include "report/result_read.h"

/* What is made of a file, and what it cannot have. */
typedef struct remade {
    const char *name; /* "trace": trace.html, trace.svg */
    buffer html, svg;
    buffer *notes;
} remade;

/* ---- one method each ---- */

static void note_picture(remade *m, const report_about *about)
{
    if (about->image_path && !file_exists(about->image_path))
        buffer_printf(m->notes, "the picture %s is not there: the page is without it\n", about->image_path);
}

static pb_status remake_trace(remade *m, const json_at *root, pb_error *err)
{
    trace_read t;
    TRY(trace_read_json(&t, root, err));
    note_picture(m, &t.report.about);
    report_trace_svg(&t.report, &m->svg);
    report_trace_html(&t.report, &m->html);
    trace_read_free(&t);
    return PB_OK;
}

static pb_status remake_flow(remade *m, const json_at *root, pb_error *err)
{
    flow_read f;
    TRY(flow_read_json(&f, root, err));
    note_picture(m, &f.report.about);
    if (!f.report.per_head)
        buffer_text(m->notes, "the file has no numbers of heads (flow --per-head): the page is without their maps\n");
    if (!f.report.per_position)
        buffer_text(m->notes, "the file has no numbers of positions (flow --per-position): the page is without its "
                              "maps of the picture\n");
    report_flow_svg(&f.report, &m->svg);
    report_flow_html(&f.report, &m->html);
    flow_read_free(&f);
    return PB_OK;
}

static pb_status remake_knockout(remade *m, const json_at *root, pb_error *err)
{
    knockout_read k;
    TRY(knockout_read_json(&k, root, err));
    note_picture(m, &k.report.about);
    report_knockout_svg(&k.report, &m->svg);
    report_knockout_html(&k.report, &m->html);
    knockout_read_free(&k);
    return PB_OK;
}

static pb_status remake_lens(remade *m, const json_at *root, pb_error *err)
{
    lens_read n;
    TRY(lens_read_json(&n, root, err));
    note_picture(m, &n.report.about);
    report_lens_svg(&n.report, &m->svg);
    report_lens_html(&n.report, &m->html);
    lens_read_free(&n);
    return PB_OK;
}

static pb_status remake_edit(remade *m, const json_at *root, pb_error *err)
{
    edit_read e;
    TRY(edit_read_json(&e, root, err));
    if (e.run.count == 1) /* of several requests the page shows no picture */
        note_picture(m, &(report_about){.image_path = e.run.requests[0].question.asked.image});
    report_edit_svg(&e.report, &m->svg);
    report_edit_html(&e.report, &m->html);
    edit_read_free(&e);
    return PB_OK;
}

/* ---- the file ---- */

static const struct method {
    const char *schema, *name;
    pb_status (*remake)(remade *m, const json_at *root, pb_error *err);
} methods[] = {
    {"patchbay.trace/1", "trace", remake_trace},          {"patchbay.attribute/1", "attribute", remake_trace},
    {"patchbay.flow/1", "flow", remake_flow},             {"patchbay.knockout/1", "knockout", remake_knockout},
    {"patchbay.lens/1", "lens", remake_lens},             {"patchbay.edit/1", "edit", remake_edit},
};

static const char known[] =
    "a result's schema: patchbay.trace/1, patchbay.attribute/1, patchbay.flow/1, patchbay.knockout/1, "
    "patchbay.lens/1 or patchbay.edit/1";

static pb_status remake(remade *m, const json_at *root, pb_error *err)
{
    json_at schema = json_at_key(root, "schema");
    const char *name;
    if (!json_string_value(schema.value))
        return json_at_wrong(&schema, known, err);
    TRY(json_at_text(&schema, &name, err));
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(name, methods[i].schema) == 0) {
            m->name = methods[i].name;
            return methods[i].remake(m, root, err);
        }
    return fail(err, PB_EFORMAT, "%s: schema is \"%s\", expected %s", root->file, shown_bytes(name, strlen(name)).text,
                known);
}

static pb_status write_remade(const remade *m, const char *directory, pb_error *err)
{
    file_set set;
    buffer name = {0};
    TRY(file_set_open(&set, directory, err));
    buffer_printf(&name, "%s.svg", m->name);
    pb_status status = file_set_text(&set, name.data, &m->svg, err);
    name.size = 0;
    buffer_printf(&name, "%s.html", m->name);
    if (!status)
        status = file_set_text(&set, name.data, &m->html, err);
    buffer_free(&name);
    return file_set_close(&set, status, err);
}

pb_status result_page_write(const char *path, const char *directory, buffer *notes, pb_error *err)
{
    remade m = {.notes = notes};
    json_t *tree;
    TRY(json_read_file(&tree, path, err));
    json_at root = {.value = tree, .file = path};
    pb_status status = remake(&m, &root, err);
    if (!status)
        status = write_remade(&m, directory, err);
    json_decref(tree);
    buffer_free(&m.html);
    buffer_free(&m.svg);
    return status;
}
