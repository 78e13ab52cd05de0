/* facts.h: how a result was computed, as entries of a page's list of facts. Each appends HTML. */
#ifndef REPORT_FACTS_H
#define REPORT_FACTS_H

#include "base/memory.h"
#include "method/trace.h"
#include "report/about.h"

void fact_model(buffer *out, const report_about *a);
/* The layers around each: what --window or --radius said. */
void fact_window(buffer *out, window_kind kind, size_t size);
/* What --verify found; `cell` is what one number of the result is called: "cell", "point". */
void fact_verify(buffer *out, const char *cell, size_t cells, double max_rel_diff);
void fact_cost(buffer *out, const char *cell, const trace_cost *c);

#endif
