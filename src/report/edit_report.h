/* edit_report.h: edits, and what they did, as files and as words. docs/formats.md says what they hold, docs/edit.md
 * what the numbers mean. */
#ifndef REPORT_EDIT_REPORT_H
#define REPORT_EDIT_REPORT_H

#include <jansson.h>

#include "base/memory.h"
#include "method/edit_run.h"
#include "model/edit_factors.h"
#include "report/about.h"

/* All that a reader needs. Nothing is owned. */
typedef struct edit_report {
    report_about about;          /* of the model as it was before the edit */
    const char *preset;          /* "default", "official" */
    const edit_run_result *run;
    const edit_factors *factors; /* NULL of fine-tuning, which has none */
} edit_report;

/* edit.json. Free with json_decref. */
json_t *report_edit_json(const edit_report *r);
/* What happened, in a few lines for a terminal. */
void report_edit_text(const edit_report *r, buffer *out);
/* The search for the edits, as a figure for a paper. */
void report_edit_svg(const edit_report *r, buffer *out);
void report_edit_html(const edit_report *r, buffer *out);
/* Writes DIR/edit.json, edit.npz (where there are factors), edit.svg, edit.html; creates DIR. They appear together or
 * not at all. */
pb_status report_edit_write(const edit_report *r, const char *directory, pb_error *err);

#endif
