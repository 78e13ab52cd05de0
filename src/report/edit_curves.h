/* edit_curves.h: how the search for an edit went, step by step, or what edits did, layer by layer, in SVG. */
#ifndef REPORT_EDIT_CURVES_H
#define REPORT_EDIT_CURVES_H

#include "report/curves.h"
#include "report/edit_report.h"

/* Space above a panel's box: its title, and one line of names. */
double edit_curves_above(const curve_box *b);

/* Two panels: of a search the loss of each step, on a logarithmic axis where it spans more than a decade, and
 * P(target), with a line for each request and, of several, their mean as a stronger one; of a sweep over layers what
 * was measured at each, and P(target) after. Each appends one <g>. */
void edit_left_panel(buffer *out, const edit_report *r, const curve_box *b);
void edit_right_panel(buffer *out, const edit_report *r, const curve_box *b);

#endif
