/* about_read.h: what a result's JSON says it is about, read back (about.h), and what all methods' JSON has.
 *
 *     about_read a;
 *     TRY(about_read_json(&a, &root, err));
 *     ... &a.about ...
 *     about_read_free(&a);
 *
 * Of a prompt that was read back only what pages ask for is there: texts, spans, and which rows belong to the question;
 * image rows have no ids. */
#ifndef REPORT_ABOUT_READ_H
#define REPORT_ABOUT_READ_H

#include "method/clean_run.h"
#include "method/span_pairs.h"
#include "method/trace.h"
#include "report/about.h"
#include "report/json_at.h"

typedef struct about_read {
    report_about about;
    prompt prompt;
    token_texts texts;
    image_area *areas;
} about_read;

/* "model", "image", "prompt", "question", "tokens", "constraints", "image_areas". The tree must outlive it. */
pb_status about_read_json(about_read *a, const json_at *root, pb_error *err);
void about_read_free(about_read *a);
/* "model" alone. */
pb_status about_model_read(report_about *about, const json_at *root, pb_error *err);

/* [[left, top, right, bottom] or "padding" or "class", ...] of so many rows. *areas: free(). */
pb_status areas_read(const json_at *list, size_t count, image_area **areas, pb_error *err);

/* {"id", "text"}: notes the text. */
pb_status token_read(about_read *a, const json_at *token, int32_t *id, pb_error *err);
/* "answer": *ids[count], at least one; free(). */
pb_status answer_read(about_read *a, const json_at *root, int32_t **ids, size_t *count, pb_error *err);
/* [{"id", "text", "prob"}, ...] of n at most; ids behind the last are -1. */
pb_status top_read(about_read *a, const json_at *list, int32_t *top_id, double *top_prob, size_t n, pb_error *err);
/* {"prob", "logprob", "top"}. */
pb_status run_read(about_read *a, const json_at *run, run_says *says, pb_error *err);

/* "window": {"kind", "size"}. */
pb_status window_read(const json_at *root, window_kind *kind, size_t *size, pb_error *err);
/* "verify": null, or {"cells", "max_rel_diff"}. */
pb_status verify_read(const json_at *root, size_t *cells, double *max_rel_diff, pb_error *err);
/* [[first, last], ...] of so many layers. *windows: free(). */
pb_status windows_read(const json_at *list, size_t count, size_t (**windows)[2], pb_error *err);
/* {"from", "to", "sources", "destinations"} of rows of the prompt; what was read until it failed is the
 * caller's to free. */
pb_status span_pair_read(const about_read *a, const json_at *pair, span_pair *out, pb_error *err);
/* "layers": numbers of the layers looked at, ascending, one or more; *layers: free(), NULL on failure. */
pb_status layers_read(const json_at *root, size_t **layers, size_t *count, pb_error *err);
/* "cost" of a result of one run, and of many. */
pb_status cost_read(const json_at *root, method_cost *cost, pb_error *err);
pb_status cells_cost_read(const json_at *root, trace_cost *cost, pb_error *err);
/* values[layers][width] of a list of lists; *values: free(). */
pb_status matrix_read(const json_at *list, size_t layers, size_t width, double **values, pb_error *err);

#endif
