/* trace_page.h: the parts of a trace's page. Each appends HTML. */
#ifndef REPORT_TRACE_PAGE_H
#define REPORT_TRACE_PAGE_H

#include "report/heat.h"

/* The question, the answer in a sentence, the marks. */
void page_header(buffer *out, const trace_report *r);
/* Single heads: their maps, and those that do most; nothing where heads were not traced. */
void page_heads(buffer *out, const trace_report *r);
/* The strongest cell of each other site. */
void page_strongest(buffer *out, const trace_report *r);
/* Of estimates instead: the largest, and what is so; all that were run, against their estimates;
 * how well they agree. */
void page_estimates(buffer *out, const trace_report *r);
/* What the clean and the corrupted run say next. */
void page_runs(buffer *out, const trace_report *r);
/* How it was computed, how far it was checked, what it cost. */
void page_facts(buffer *out, const trace_report *r);
/* What may be concluded from a trace (docs/trace.md). */
void page_meaning(buffer *out, const trace_report *r);

/* ---- parts of these ---- */

/* A cell's row in a table: its token or group, and where it stands. */
void page_row_name(buffer *out, const trace_report *r, size_t cell);
/* "12 %" */
void page_percent(buffer *out, double share);
/* How estimates were made. */
void page_estimate_facts(buffer *out, const trace *t);
/* What may be said from them. */
void page_estimate_meaning(buffer *out);

/* ---- words, escaped ---- */

void html_token(buffer *out, const trace_report *r, int32_t id);
void html_answer(buffer *out, const trace_report *r);

#endif
