/* trace_words.h: what the JSON, the picture and the page call things. All append to `out`. */
#ifndef REPORT_TRACE_WORDS_H
#define REPORT_TRACE_WORDS_H

#include "report/report.h"

/* The answer as it stands in a sentence: its leading space kept. */
void trace_answer_text(const trace_report *r, buffer *out);

/* The answer as a label. */
void trace_answer_label(const trace_report *r, buffer *out);

/* "Causal trace", "Attribution patching" */
const char *trace_method_name(const trace *t);

/* "MLP output" */
const char *trace_site_name(site s);
/* "MLP output restored" (denoise), "MLP output corrupted" (noise), "MLP output, estimated". */
void trace_site_title(const trace *t, site s, buffer *out);

/* The same of a site on the picture's side: "Tower attention output restored", "Projector output restored". */
void trace_vision_title(const trace *t, const trace_vision *g, buffer *out);
/* A cell of such a site: "tower row 12", "image row 12", "block 0,2". */
void trace_vision_cell(const trace_report *r, const trace_vision *g, size_t cell, buffer *out);

/* What the layer axis counts: "layer", "layer (centre of a window of 5)", "layer (and 2 on either side)". */
void trace_layer_axis(const trace *t, buffer *out);

/* "swap:Paris, image:b.png"; with more than one constraint, or another span, where: "swap:Paris on constraint:1" */
void trace_corruption(const trace_report *r, buffer *out);

/* Of a severed trace: "MLP output held at its corrupted values on last, in all layers after the one restored". */
void trace_severed(const trace *t, buffer *out);

/* What a trace's maps show: P(answer), or where there are estimates, those of log P(answer). Of a grid,
 * and of the two runs. */
const double *trace_shown(const trace_grid *g);
double trace_shown_clean(const trace *t);
double trace_shown_corrupted(const trace *t);

/* Of a value of that kind (value - corrupted) / (clean - corrupted), with direction noise (clean - value) / (clean -
 * corrupted); NaN when the corruption changed nothing. */
double trace_recovered(const trace *t, double value);

#endif
