/* run_json.h: what the JSON of all methods says of a run, and of what was spent on it. */
#ifndef REPORT_RUN_JSON_H
#define REPORT_RUN_JSON_H

#include "method/clean_run.h"
#include "method/trace.h"
#include "report/about.h"

/* [{"id", "text", "prob"}, ...] of top_id[n], best first, up to the first that is -1. */
json_t *run_top_json(const report_about *a, const int32_t *top_id, const double *top_prob, size_t n);
/* {"prob", "logprob", "top"}: the answer's, and the most likely next tokens. */
json_t *run_json(const report_about *a, const run_says *run);
/* {"seconds", "flop", "peak_rss_bytes"} */
json_t *cost_json(const method_cost *cost);
/* The same of a result of many runs: {"seconds", "flop", "naive_flop", "cells", ...}. */
json_t *cells_cost_json(const trace_cost *c);
/* {"kind", "size"} of the window around each layer. */
json_t *window_json(window_kind kind, size_t size);

#endif
