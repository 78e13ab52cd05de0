/* knockout_report.h: a knockout as files: JSON, SVG and HTML. docs/formats.md says what they hold, docs/knockout.md
 * what the numbers mean. */
#ifndef REPORT_KNOCKOUT_REPORT_H
#define REPORT_KNOCKOUT_REPORT_H

#include <jansson.h>

#include "method/knockout.h"
#include "report/about.h"

/* All that a reader needs. Nothing is owned. */
typedef struct knockout_report {
    const knockout *knockout;
    report_about about;
} knockout_report;

/* knockout.json. Free with json_decref. */
json_t *report_knockout_json(const knockout_report *r);
/* P(answer) and its logarithm over layers, a curve for each pair of spans, as a figure for a paper. */
void report_knockout_svg(const knockout_report *r, buffer *out);
void report_knockout_html(const knockout_report *r, buffer *out);
/* Writes DIR/knockout.json, knockout.svg, knockout.html; creates DIR. They appear together or not at all. */
pb_status report_knockout_write(const knockout_report *r, const char *directory, pb_error *err);

#endif
