/* edit_page.h: the parts of an edit's page. Each appends HTML. */
#ifndef REPORT_EDIT_PAGE_H
#define REPORT_EDIT_PAGE_H

#include "report/edit_report.h"

/* What was asked, and in a sentence what became of it; what to beware of. */
void edit_page_header(buffer *out, const edit_report *r);
/* The picture, and how the search went; of a sweep over layers, what was measured at each. */
void edit_page_search(buffer *out, const edit_report *r);
/* All measures in one table. */
void edit_page_measures(buffer *out, const edit_report *r);
/* Of a sweep: a table of the layers. */
void edit_page_layers(buffer *out, const edit_report *r);
/* What was answered before and after: each request; its rephrasings; other pictures; unrelated questions. */
void edit_page_requests(buffer *out, const edit_report *r);
void edit_page_rephrasings(buffer *out, const edit_report *r);
void edit_page_neighbours(buffer *out, const edit_report *r);
void edit_page_evaluation(buffer *out, const edit_report *r);
/* How it was computed, and what may be said from it. */
void edit_page_facts(buffer *out, const edit_report *r);
void edit_page_meaning(buffer *out, const edit_report *r);

#endif
