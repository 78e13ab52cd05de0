/* flow_report.h: flows as files: JSON, SVG and HTML. docs/formats.md says what they hold, docs/flow.md what the numbers
 * mean. */
#ifndef REPORT_FLOW_REPORT_H
#define REPORT_FLOW_REPORT_H

#include <jansson.h>

#include "method/flow.h"
#include "report/about.h"

/* All that a reader needs. Nothing is owned. */
typedef struct flow_report {
    const flow *flow;
    report_about about;
    bool per_head, per_position; /* asked for: in the JSON too */
} flow_report;

/* flow.json. Free with json_decref. */
json_t *report_flow_json(const flow_report *r);
/* Curves over layers, heads, and the picture's rows over the picture, as a figure for a paper. */
void report_flow_svg(const flow_report *r, buffer *out);
void report_flow_html(const flow_report *r, buffer *out);
/* Writes DIR/flow.json, flow.svg, flow.html; creates DIR. They appear together or not at all. */
pb_status report_flow_write(const flow_report *r, const char *directory, pb_error *err);

/* ---- the measures ---- */

enum { FLOW_MEASURES = 4 };

typedef struct flow_measure {
    const char *name, *title; /* "sum_norm", "sum of norms" */
    size_t offset;            /* of its values in flow_curve */
} flow_measure;

extern const flow_measure flow_measures[FLOW_MEASURES];

/* The measure's [layer_count] values. */
const double *flow_values(const flow_measure *m, const flow_curve *c);
/* The index of the highest value; -1 where none is a number. */
long flow_highest(const double *values, size_t count);
/* Whether there are numbers of heads: a flow that was read back may have none, nor of positions. */
bool flow_has_heads(const flow *f);
/* "image \u2192 constraint:0" */
void flow_pair_name(const flow *f, size_t pair, buffer *out);

#endif
