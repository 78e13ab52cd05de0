/* sweep_parts.h: the parts of a summary beside its series, each made from the list or the rows,
 * when all have been read. */
#ifndef REPORT_SWEEP_PARTS_H
#define REPORT_SWEEP_PARTS_H

#include "method/bootstrap.h"
#include "report/sweep_rows.h"

/* ---- the list of questions (sweep_list.c) ---- */

/* Adds a result to the list, and counts it. */
void sweep_list_add(sweep_summary *s, const store_result *result);
/* Counts reasons and subjects. */
void sweep_list_finish(sweep_summary *s);
void sweep_list_free(sweep_summary *s);

/* ---- answers (sweep_answers.c) ---- */

/* Accuracy, and where P(answer) lies. */
void sweep_answers_make(sweep_summary *s, bootstrap *b);
void sweep_answers_free(sweep_summary *s);

/* ---- source rows (sweep_sources.c) ---- */

void sweep_sources_make(sweep_summary *s);
void sweep_sources_free(sweep_summary *s);

/* ---- edits (sweep_edits.c) ---- */

void sweep_edits_make(sweep_summary *s, bootstrap *b);
void sweep_edits_free(sweep_summary *s);
/* The sample of a metric after the edits: sweep_sample_free. False: there is no such metric. */
bool sweep_edit_sample(const sweep_summary *s, const char *metric, bootstrap_sample *out);

#endif
