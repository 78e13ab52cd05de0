/* sweep_page.h: the report over the questions of one or several stores: one page that stands alone (no network, no
 * second file), and its figures as SVG files.
 *
 * The page: what was done, with counts and reasons; the figures; and a list of all questions, to be searched and
 * sorted, each of which opens its own trace. However many questions there are, the page stays below SWEEP_PAGE_BYTES:
 * their traces are rounded until they fit, and the page says how far (question_list.h). */
#ifndef REPORT_SWEEP_PAGE_H
#define REPORT_SWEEP_PAGE_H

#include "base/file_set.h"
#include "report/failure_report.h"
#include "report/question_list.h"
#include "report/sweep_figures.h"

#define SWEEP_PAGE_BYTES 4900000

/* What a page is made of; nothing is owned. */
typedef struct sweep_page {
    const sweep_summary *summaries; /* [count] labelled, of one method */
    const question_list *lists;     /* [count] their questions */
    size_t count;
    const sweep_contrast *contrast; /* NULL: none */
    const sweep_figures *figures;
    const failure_report *failures; /* [count] whether wrong answers can be told beforehand; NULL: not asked */
} sweep_page;

void sweep_page_html(const sweep_page *p, buffer *out);

/* Adds report.html and a file for each figure to a set. Reads each store once more. stores[count] are those of
 * s[count]; c and f: as in sweep_page. */
pb_status sweep_page_write(const sweep_summary *s, size_t count, store *const *stores, const sweep_contrast *c,
                           const failure_report *f, const file_set *set, pb_error *err);

#endif
