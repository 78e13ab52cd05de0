/* bench_report.h: a bench as JSON (schema patchbay.bench/1, docs/formats.md) and as a table. */
#ifndef REPORT_BENCH_REPORT_H
#define REPORT_BENCH_REPORT_H

#include <jansson.h>

#include "base/memory.h"
#include "method/bench.h"

/* Free with json_decref. */
json_t *report_bench_json(const bench *b);

/* Appends: the machine's rates, then each work and its phases: seconds, and the share of what the machine could do. */
void report_bench_text(const bench *b, buffer *out);

#endif
