/* sweep_csv.h: what was found in stores as tables for other programs (docs/report.md, "Tables": a contract). */
#ifndef REPORT_SWEEP_CSV_H
#define REPORT_SWEEP_CSV_H

#include "base/file_set.h"
#include "report/sweep_summary.h"

/* Each table of `count` stores of one method; with more than one store its last column, "store",
 * is the store's label. */

/* id,status,reason,answer,correct,clean_prob,corrupted_prob, and the values that the results have besides */
void sweep_questions_csv(const sweep_summary *s, size_t count, buffer *out);
/* Of traces: site,corruption,direction,window,metric,layer,class,questions,subjects,mean,low,high */
void sweep_aie_csv(const sweep_summary *s, size_t count, bool groups, buffer *out);
/* Of traces: site,layer,first,last: the layers that are restored around each */
void sweep_windows_csv(const sweep_summary *s, size_t count, buffer *out);
/* Of flows: from,to,measure,layer,questions,subjects,mean,low,high; of knockouts with the window behind `to`. */
void sweep_flow_csv(const sweep_summary *s, size_t count, bool groups, buffer *out);
/* Of flows with --per-position: from,to,layer,row,mean,strongest,questions */
void sweep_sources_csv(const sweep_summary *s, size_t count, buffer *out);
/* Of edits: method,layer,metric,questions,subjects,mean,low,high */
void sweep_edit_csv(const sweep_summary *s, size_t count, buffer *out);
/* group,questions,subjects,mean,low,high, the first line over all questions, whose group is "all" */
void sweep_accuracy_csv(const sweep_summary *s, size_t count, buffer *out);
/* low,high,right,wrong */
void sweep_answers_csv(const sweep_summary *s, size_t count, buffer *out);

/* Of a contrast: name,metric,layer,class,group,questions,subjects,mean,low,high; and
 * name,metric,class,group,a,a_low,a_high,b,b_low,b_high,subjects,difference,low,high */
void sweep_contrast_csv(const sweep_contrast *c, buffer *out);
void sweep_depths_csv(const sweep_contrast *c, buffer *out);

/* The tables that these stores have something for, into the set; contrast may be NULL. */
pb_status sweep_tables_write(const sweep_summary *s, size_t count, const sweep_contrast *contrast, const file_set *set,
                             pb_error *err);

#endif
