/* sweep_page_parts.h: the parts of sweep_page.c's page. Each appends HTML. */
#ifndef REPORT_SWEEP_PAGE_PARTS_H
#define REPORT_SWEEP_PAGE_PARTS_H

#include "report/sweep_page.h"

/* What was done, the strongest result in a sentence, and what to beware of. */
void sweep_page_header(buffer *out, const sweep_page *p);
/* How many questions ended how, and why; right answers. */
void sweep_page_counts(buffer *out, const sweep_page *p);
/* Where curves fall to half of their peak, in both stores of a contrast. */
void sweep_page_depths(buffer *out, const sweep_contrast *c);
/* Models, options, data sets; what intervals are. */
void sweep_page_facts(buffer *out, const sweep_page *p);

/* The list of questions, empty: sweep_page.js fills it. packed: what was done so that it fits. */
void sweep_page_questions(buffer *out, const sweep_page *p, const question_packed *packed);
/* What the script needs to know beside the lists: {"levels", "chunk", "stores": [...]}. */
void sweep_page_data(buffer *out, const sweep_page *p, const question_packed *packed);

#endif
