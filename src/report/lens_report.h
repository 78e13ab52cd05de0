/* lens_report.h: a lens as files. docs/formats.md says what they hold. */
#ifndef REPORT_LENS_REPORT_H
#define REPORT_LENS_REPORT_H

#include <jansson.h>

#include "method/lens.h"
#include "report/about.h"

/* Nothing is owned. */
typedef struct lens_report {
    const lens *lens;
    report_about about;
} lens_report;

/* Schema patchbay.lens/1. Free with json_decref. */
json_t *report_lens_json(const lens_report *r);
/* The last of its positions, layer by layer: what is printed. Appends. */
void report_lens_text(const lens_report *r, buffer *out);
void report_lens_html(const lens_report *r, buffer *out);
void report_lens_svg(const lens_report *r, buffer *out);

/* DIR/lens.json, lens.html, lens.svg: all of them or none. */
pb_status report_lens_write(const lens_report *r, const char *directory, pb_error *err);

#endif
