/* panels.h: charts side by side, as a figure of a page or of a paper.
 *
 *     panel_figure f = {.columns = 3};
 *     f.file = panel_text(&f, "aie-curves");
 *     panel *p = panel_add(&f, PANEL_CURVES);
 *     p->as.curves = (curve_panel){.title = panel_text(&f, "%s", title), ...};
 *     panel_figure_html(&f, out);
 *     panel_figure_svg(&f, out);          // a whole file
 *     panel_figure_free(&f);
 *
 * The charts of one line on paper share a width and an upper edge. Maps in a line that have the same rows
 * name them once. */
#ifndef REPORT_PANELS_H
#define REPORT_PANELS_H

#include "report/bars.h"
#include "report/curves.h"
#include "report/dots.h"
#include "report/grid_map.h"

typedef enum panel_kind { PANEL_CURVES, PANEL_MAP, PANEL_BARS, PANEL_DOTS } panel_kind;

typedef struct panel {
    panel_kind kind;
    union {
        curve_panel curves;
        grid_map map;     /* without its place */
        bar_panel bars;
        dot_panel dots;
    } as;
} panel;

typedef struct panel_figure {
    const char *file;     /* "aie-curves": aie-curves.svg */
    const char *title;    /* a heading in the page, and the title of the file */
    const char *hint;     /* a sentence above the charts of a page; NULL: none */
    const char *caption;  /* below them on paper, and in the page */
    size_t columns;       /* charts in a line on paper */
    double width, height; /* of a chart's box in a page, without its labels; 0: what its kind has. Maps and dots are as
                           * high as their rows */
    panel *panels;        /* [count] */
    size_t count;
    void **kept;          /* [kept_count] what is freed with the figure */
    size_t kept_count;
} panel_figure;

/* The figure's next chart, empty; what was added before it may move. */
panel *panel_add(panel_figure *f, panel_kind kind);
/* Memory that lives as long as the figure: cleared, count * size bytes. */
void *panel_new(panel_figure *f, size_t count, size_t size);
char *panel_text(panel_figure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The figure takes what the buffer holds, which is empty then. */
char *panel_take(panel_figure *f, buffer *text);
void panel_figure_free(panel_figure *f);

/* Appends the charts, each an <svg> of its own, and the caption: one <figure>. */
void panel_figure_html(const panel_figure *f, buffer *out);
/* A whole SVG file. */
void panel_figure_svg(const panel_figure *f, buffer *out);

#endif
