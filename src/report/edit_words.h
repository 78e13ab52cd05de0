/* edit_words.h: what the files of an edit call things. All append to `out`. */
#ifndef REPORT_EDIT_WORDS_H
#define REPORT_EDIT_WORDS_H

#include "report/edit_report.h"

/* "multedit", "ft", "ft-constrained"; "matrix", "down", "all" */
const char *edit_method_name(edit_method m);
const char *edit_scope_name(edit_scope s);

size_t edit_request_count(const edit_report *r);
/* How many of a target's tokens are made likely, the first ones. */
size_t edit_target_count(const edit_report *r, size_t request);
/* Whether several requests changed one model. */
bool edit_is_joint(const edit_report *r);
/* Whether layers were tried one by one. */
bool edit_is_sweep(const edit_report *r);

/* An answer as a reader wants it: what cannot be seen shown, without the space before it; a dash for an empty one. */
void edit_answer_label(const measure_answer *a, buffer *out);
/* The question without what the template puts around it; of a whole prompt all of it. */
const char *edit_question(const measure_question *q);
/* "layer 2", "layers 2 to 5", "each of layers 2 to 5", "all down projections", "the decoder" */
void edit_place(const edit_report *r, buffer *out);
/* "93 of 100" of a share. */
void edit_share(const interval *i, buffer *out);

#endif
