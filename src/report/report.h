/* report.h: results as files: JSON, NPZ, SVG and HTML. docs/formats.md says what they hold. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <jansson.h>

#include "base/memory.h"
#include "method/trace.h"
#include "report/about.h"

/* A trace with all that a reader needs to understand it. Nothing is owned. */
typedef struct trace_report {
    const trace *trace;
    report_about about;
} trace_report;

/* trace.json, or of estimates attribute.json, as docs/formats.md defines them. Free with json_decref. */
json_t *report_trace_json(const trace_report *r);

/* An object as the text of a file: numbers with 9 significant digits, one line per key of the outermost object. What
 * `--json` prints and what the files hold. Appends. */
void report_json_text(const json_t *object, buffer *out);

/* Writes DIR/trace.json, trace.npz and its siblings, trace.svg, trace.html; creates DIR. Each file appears whole or
 * not at all. */
pb_status report_trace_write(const trace_report *r, const char *directory, pb_error *err);

/* The same of estimates: DIR/attribute.json, attribute.svg, attribute.html. */
pb_status report_attribute_write(const trace_report *r, const char *directory, pb_error *err);

/* The same, one by one, each at its own path: for tests, and for commands that want only one. */
void report_trace_svg(const trace_report *r, buffer *out);
void report_trace_html(const trace_report *r, buffer *out);
/* trace.npz (resid_post), trace_mlp.npz, trace_attn.npz, trace_resid_pre.npz, trace_head.npz:
 * those of the sites traced. */
pb_status report_trace_npz(const trace_report *r, const char *directory, pb_error *err);

#endif
