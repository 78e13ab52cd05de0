/* failure_report.h: failure prediction (method/failure.h) from a sweep's summary, and as files and a part of its page.
 *
 *     failure_report r = failure_of_summary(&summary);
 *     failure_svg(&r, &svg);                       // a figure
 *     failures_write(&r, &summary, 1, set, err);   // tables and figure as files
 *     failures_sections(&r, &summary, 1, &page);   // <section> of a page, its figure inside
 *     failure_report_free(&r);
 */
#ifndef REPORT_FAILURE_REPORT_H
#define REPORT_FAILURE_REPORT_H

#include "base/file_set.h"
#include "base/memory.h"
#include "method/failure.h"
#include "report/heat.h"
#include "report/sweep_summary.h"

/* The pair and the measure of a flow that are judged. */
#define FAILURE_PAIR "constraint>last"
#define FAILURE_MEASURE "sum_norm"

/* The summary must outlive it: subjects, relations and layers are there. */
typedef struct failure_report {
    bool any;             /* false: the store says nothing of it, and the rest is empty */
    failure failure;
    const size_t *layers; /* [layer_count] their numbers in the model; a run's layers count from 0 here */
    size_t layer_count;   /* 0: contributions are not judged, and why says why */
    size_t unknown;       /* questions that are done, but whose answers are not known */
    const char *why;      /* NULL where contributions are judged */
} failure_report;

/* There is none where none of the questions that are done has known answers, where they follow another answer than the
 * first token of the model's own, and of methods whose runs are not the plain model's.
 * Draws start at the store's option "seed". */
failure_report failure_of_summary(const sweep_summary *s);
void failure_report_free(failure_report *r);

/* "16-17" of a run of layers, "16" of one; and of the one that was chosen: nothing where none was. */
void failure_run_name(const failure_report *r, const failure_run *run, buffer *out);
void failure_layers_name(const failure_report *r, buffer *out);

/* The ROC curves and the areas by layer, side by side in one <g> at (x, y) and so wide; returns its height. */
double failure_figure(const failure_report *r, double x, double y, double width, double font, heat_paint paint,
                      buffer *out);
/* The same as a file for a paper. */
void failure_svg(const failure_report *r, buffer *out);

/* ---- of several stores: r[count] belong to s[count], and those without any are left out ---- */

/* failure.csv and failure_layers.csv (docs/formats.md), and a figure of each: failure.svg, failure-2.svg, ...; no file
 * where there is none of any. */
pb_status failures_write(const failure_report *r, const sweep_summary *s, size_t count, const file_set *set,
                         pb_error *err);
/* A <section> of each with the figure, the areas in a table, and what may be said from them; of several stores under
 * their labels. Needs page.css alone. */
void failures_sections(const failure_report *r, const sweep_summary *s, size_t count, buffer *out);

#endif
