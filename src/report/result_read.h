/* result_read.h: results as their JSON keeps them, read back, so that their pages can be made again.
 *
 *     trace_read t;
 *     TRY(trace_read_json(&t, &root, err));
 *     report_trace_html(&t.report, &page);
 *     trace_read_free(&t);
 *
 * The numbers have nine digits, so that a page made of them is the command's own, but for a number whose tenth digit
 * decided how its last one was rounded. What is wrong with a file is PB_EFORMAT and says which field. The tree must
 * outlive what was read. */
#ifndef REPORT_RESULT_READ_H
#define REPORT_RESULT_READ_H

#include "report/about_read.h"
#include "report/edit_report.h"
#include "report/flow_report.h"
#include "report/knockout_report.h"
#include "report/lens_report.h"
#include "report/report.h"

typedef struct trace_read {
    about_read about;
    trace trace;
    trace_report report;
} trace_read;

typedef struct flow_read {
    about_read about;
    flow flow;
    flow_report report; /* per_head and per_position: the file has them */
} flow_read;

typedef struct knockout_read {
    about_read about;
    knockout knockout;
    knockout_report report;
} knockout_read;

typedef struct lens_read {
    about_read about;
    lens lens;
    lens_report report;
} lens_read;

typedef struct edit_read {
    edit_run_result run; /* what its JSON has: no factors, no weights */
    edit_report report;  /* factors: not NULL where there is an edit.npz, but empty */
    void **held;         /* [held_count] */
    size_t held_count;
} edit_read;

/* patchbay.trace/1, and patchbay.attribute/1. */
pb_status trace_read_json(trace_read *t, const json_at *root, pb_error *err);
void trace_read_free(trace_read *t);
pb_status flow_read_json(flow_read *f, const json_at *root, pb_error *err);
void flow_read_free(flow_read *f);
pb_status knockout_read_json(knockout_read *k, const json_at *root, pb_error *err);
void knockout_read_free(knockout_read *k);
pb_status lens_read_json(lens_read *n, const json_at *root, pb_error *err);
void lens_read_free(lens_read *n);
pb_status edit_read_json(edit_read *r, const json_at *root, pb_error *err);
void edit_read_free(edit_read *r);

/* Reads the file and makes its page and its figure again: DIR/NAME.html and DIR/NAME.svg, NAME by its schema. Appends
 * to `notes`, a line each, what they cannot have: the picture, where its file is gone; maps whose numbers are not in
 * the file. */
pb_status result_page_write(const char *path, const char *directory, buffer *notes, pb_error *err);

#endif
