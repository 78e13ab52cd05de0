/* lens_words.h: what the figure and the page of a lens call things, and which rows they show where. */
#ifndef REPORT_LENS_WORDS_H
#define REPORT_LENS_WORDS_H

#include "report/lens_report.h"

/* A cell's index into answer_prob; times top, into top_id and top_prob. */
size_t lens_cell(const lens *n, size_t layer, size_t position);
/* Whether the k-th position is a row of the picture; whether one of a constraint. */
bool lens_is_image(const lens_report *r, size_t k);
bool lens_is_constraint(const lens_report *r, size_t k);
/* How many of the positions are rows of the picture. */
size_t lens_image_count(const lens_report *r);
/* The token of the k-th position, or "image row 3", as a label. Appends. */
void lens_row_label(const lens_report *r, size_t k, buffer *out);
/* The answer's first token as a label: what cells say the probability of. Appends. */
void lens_answer_label(const lens_report *r, buffer *out);
/* "residual stream after each layer", ... */
const char *lens_site_words(site s);

/* P(answer) [layer][image rows of the prompt], NaN where a row was not asked for. free() */
double *lens_image_values(const lens_report *r);
/* Of the k-th position, from which of the layers on the most likely token is the answer, up to the last layer asked
 * for; layer_count where it is not at the last. */
size_t lens_settles(const lens *n, size_t k);

#endif
