/* head_maps.h: what single heads do: maps of layers and heads, in figures and pages.
 *
 * A head has a cell at every position, or group, that was traced: too many maps to look at. So there is one for each
 * group, or for each constraint, the picture, the last row and all rows together; where a map stands for several rows,
 * a head shows what it does at the one where it does most.
 *
 * One head seldom brings the answer back alone: restored ones show in log p, which tells 1e-3 from 1e-8. Where p begins
 * near 1 and heads take it away (direction `noise`) it is p itself. */
#ifndef REPORT_HEAD_MAPS_H
#define REPORT_HEAD_MAPS_H

#include "report/report.h"

typedef struct head_panel {
    char *title;    /* "last", "constraint:0, strongest of 2 rows" */
    size_t rows;    /* it stands for this many columns of the trace */
    double *values; /* [layers][heads]: of the strongest cell; NaN: none */
} head_panel;

typedef struct head_panels {
    const trace_report *report;
    const trace_grid *grid;
    head_panel *panel; /* [count] */
    size_t count;
} head_panels;

/* Of a trace of head_out; else there are none. */
void head_panels_make(head_panels *p, const trace_report *r);
void head_panels_free(head_panels *p);

/* All maps below y, in a figure of this width. Returns their height. */
double head_panels_draw(buffer *out, const head_panels *p, double y, double width);
/* For its caption: what a cell is, and which heads do most. */
void head_panels_caption(buffer *out, const head_panels *p);

#endif
