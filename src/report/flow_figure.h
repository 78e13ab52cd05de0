/* flow_figure.h: what a flow's figure and its page draw: curves, heads, the picture. */
#ifndef REPORT_FLOW_FIGURE_H
#define REPORT_FLOW_FIGURE_H

#include "report/curves.h"
#include "report/flow_report.h"
#include "report/grid_map.h"
#include "report/picture_map.h"

/* The panels' curves: one per pair, of each measure. */
typedef struct flow_panels {
    curve_panel panel[FLOW_MEASURES];
    curve *curves;        /* [FLOW_MEASURES][pairs] */
    buffer *names;        /* [pairs] */
} flow_panels;

/* With a key in the first panel, or in all. */
void flow_panels_make(flow_panels *p, const flow_report *r);
void flow_panels_free(flow_panels *p);

/* A pair's layers and heads; `title` takes its name. Where it stands is the caller's to say. */
grid_map flow_heads_map(const flow_report *r, size_t pair, buffer *title);

/* The picture's rows as sources of a pair: false where there are none. *values is the map's, free() it. */
bool flow_picture_map(const flow_report *r, size_t pair, buffer *title, double **values, picture_map *m);

#endif
