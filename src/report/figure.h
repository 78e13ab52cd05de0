/* figure.h: an SVG file for a paper: its frame and its caption. Lengths are points.
 *
 *     buffer body = {0};
 *     ... drawings ...
 *     double height = below + figure_caption(&body, "Question: ...", below, FIGURE_PAGE);
 *     figure_open(out, FIGURE_PAGE, height);       // then <title> and <desc>, for those who hear the figure
 *     figure_close(out, &body, FIGURE_PAGE, height);
 */
#ifndef REPORT_FIGURE_H
#define REPORT_FIGURE_H

#include "base/memory.h"
#include "report/about.h"

#define FIGURE_PAGE 504.0   /* both columns of a two-column page */
#define FIGURE_COLUMN 252.0 /* one */
#define FIGURE_MARGIN 4.0

/* Text in lines under y, broken at spaces, what cannot be seen shown. Returns the height that it takes, the figure's
 * lower margin counted. */
double figure_caption(buffer *out, const char *text, double y, double width);

void figure_open(buffer *out, double width, double height);
void figure_close(buffer *out, const buffer *body, double width, double height);
/* A whole figure of FIGURE_PAGE about one question: its title is the method and the question; body is freed. */
void figure_about(buffer *out, const report_about *a, const char *method, const char *description, buffer *body,
                  double height);

#endif
