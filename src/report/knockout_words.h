/* knockout_words.h: what the picture and the page of a knockout call things, and the panels that both draw. */
#ifndef REPORT_KNOCKOUT_WORDS_H
#define REPORT_KNOCKOUT_WORDS_H

#include "report/curves.h"
#include "report/knockout_report.h"

/* All append to `out`. */

/* "image \u2192 constraint", spans as the reader asked for them; of several pairs with commas. */
void knockout_curve_name(const knockout *k, size_t which, buffer *out);
/* "layer", "layer (centre of a window of 5)", "layer (and 2 on either side)". */
void knockout_layer_axis(const knockout *k, buffer *out);
/* "layer 7", "layers 5-9": where edges are cut for a point. */
void knockout_place(const knockout *k, size_t point, buffer *out);
/* "-83 %", "+2.1 %", "not defined". */
void knockout_change(double relative, buffer *out);

/* The point at which a curve is lowest. */
size_t knockout_lowest(const knockout *k, size_t which);

/* Two panels: P(answer), and its logarithm; with the clean run's as a level, and notes at their points. */
typedef struct knockout_panels {
    curve_panel prob, logprob;
    curve *curves;             /* [2][curve_count] */
    char **notes;              /* [curve_count][layer_count] */
    size_t note_count, curve_count;
    char *titles[2], *axis, *clean;
} knockout_panels;

void knockout_panels_make(knockout_panels *p, const knockout_report *r);
void knockout_panels_free(knockout_panels *p);

#endif
