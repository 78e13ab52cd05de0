/* report.h: results as files: JSON, NPZ, SVG and HTML. docs/formats.md says what they hold. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <jansson.h>

#include "base/memory.h"
#include "method/trace.h"
#include "model/model.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

/* A trace with all that a reader needs to understand it. Nothing is owned. */
typedef struct trace_report {
    const trace *trace;
    const prompt *prompt;
    const tokenizer *tokenizer;
    const char *model_path, *family, *dtype; /* "llava", "f32" */
    const model_change *changes;             /* [change_count] of its weights, by files */
    size_t change_count;
    size_t layers, d_model;                  /* of the whole decoder */
    const char *image_path;                  /* the picture's file, or NULL */
    size_t image_width, image_height;        /* its pixels; 0 without */
} trace_report;

/* trace.json, as docs/formats.md defines it. Free with json_decref. */
json_t *report_trace_json(const trace_report *r);

/* What --edit and --lora changed: [{"file", "kind", "terms", "rank"}, ...]. */
json_t *report_changes_json(const model_change *changes, size_t count);

/* An object as the text of a file: numbers with 9 significant digits, one line per key of the outermost object. What
 * `--json` prints and what the files hold. Appends. */
void report_json_text(const json_t *object, buffer *out);

/* Writes DIR/trace.json, trace.npz and its siblings, trace.svg, trace.html; creates DIR. Each file appears whole or
 * not at all. */
pb_status report_trace_write(const trace_report *r, const char *directory, pb_error *err);

/* The same, one by one, each at its own path: for tests, and for commands that want only one. */
void report_trace_svg(const trace_report *r, buffer *out);
void report_trace_html(const trace_report *r, buffer *out);
/* trace.npz (resid_post), trace_mlp.npz, trace_attn.npz, trace_resid_pre.npz: those of the sites traced. */
pb_status report_trace_npz(const trace_report *r, const char *directory, pb_error *err);

#endif
