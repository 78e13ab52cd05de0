/* failure_report.h: failure prediction (method/failure.h) from a sweep's store, and as files and a part of its page.
 *
 *     failure_report r;
 *     bool any;
 *     TRY(failure_of_store(&r, &any, s, err));
 *     if (any) {
 *         failure_csv(&r, NULL, &scores, &layers);   // rows of failure.csv and failure_layers.csv
 *         failure_svg(&r, &svg);                   // failure.svg
 *         failure_section(&r, &page);              // <section> of a page, its figure inside
 *         failure_report_free(&r);
 *     }
 */
#ifndef REPORT_FAILURE_REPORT_H
#define REPORT_FAILURE_REPORT_H

#include "base/memory.h"
#include "data/store.h"
#include "method/failure.h"
#include "report/heat.h"

/* The pair and the measure of a flow that are judged. */
#define FAILURE_PAIR "constraint>last"
#define FAILURE_MEASURE "sum_norm"

typedef struct failure_report {
    failure failure;
    size_t *layers;      /* [layer_count] their numbers in the model; a run's layers count from 0 here */
    size_t layer_count;  /* 0: contributions are not judged, and why says why */
    size_t unknown;      /* questions that are done, but whose answers are not known */
    const char *why;     /* NULL where contributions are judged */
    char **texts;        /* [text_count] the subjects and relations */
    size_t text_count;
} failure_report;

/* *any false: the store says nothing of it, and there is nothing to free: none of its questions that are done has
 * known answers, or they follow another answer than the first token of the model's own. Draws start at the store's option "seed". */
pb_status failure_of_store(failure_report *out, bool *any, store *s, pb_error *err);
void failure_report_free(failure_report *r);

/* "16-17" of the layers that were chosen, "16" of one; nothing where none were. */
void failure_layers_name(const failure_report *r, buffer *out);

/* failure.csv and failure_layers.csv (docs/formats.md): their headers, and a store's rows. label: of several stores which one it is;
 * NULL of one, as its tables depend on the work alone. */
void failure_csv_open(size_t stores, buffer *scores, buffer *layers);
void failure_csv(const failure_report *r, const char *label, buffer *scores, buffer *layers);

/* The ROC curves and the areas by layer, side by side in one <g> at (x, y) and so wide; returns its height. */
double failure_figure(const failure_report *r, double x, double y, double width, double font, heat_paint paint,
                      buffer *out);
/* The same as a file for a paper. */
void failure_svg(const failure_report *r, buffer *out);

/* A <section> with the figure, the areas in a table, and what may be said from them. Needs page.css alone. */
void failure_section(const failure_report *r, buffer *out);

#endif
