/* edit_parts.h: what edit.c, edit_value.c, edit_solve.c and edit_tune.c share. */
#ifndef METHOD_EDIT_PARTS_H
#define METHOD_EDIT_PARTS_H

#include "method/edit.h"

/* What a question's read rows say of its target, and the gradient of that: for n runs of questions whose final
 * residuals rows[i][answer_count][D] are given. nll[i] = -sum of log P over the target's tokens, prob[i] = P(first
 * one); d[i][answer_count][D] = the gradients of log P, -nll. `ends` (may be NULL) gets those of the decoder's ends
 * added. */
pb_status edit_losses(model *m, question *const *questions, const float *const *rows, size_t n, double *nll,
                      double *prob, float *const *d, readout_gradient *ends, pb_error *err);

/* Operations of that: the rows are read forward, again, and backward. */
double edit_losses_flop(const model *m, size_t rows);
/* Bytes that edit_losses takes for so many rows. */
size_t edit_losses_bytes(const model *m, size_t rows);

/* Whether the settings' layers are the model's. */
pb_status edit_check_layers(const model *m, const edit_settings *s, pb_error *err);

/* MultEdit's steps 1 and 2, for requests first .. first + n-1 of e: keys and v0 of all layers, the best v of the last
 * one, and the losses. */
pb_status edit_values(edit *e, question *const *questions, size_t first, size_t n, pb_error *err);
/* Bytes that it holds for a question whose key is at this position. */
size_t edit_values_bytes(const edit *e, const question *q, size_t position);

/* The last position of the span that the i-th question's key is taken from. */
pb_status edit_find_key(const edit_settings *s, const question *q, size_t i, size_t *position, pb_error *err);

/* The rows of the i-th question to keep that are to stay. span_free */
pb_status edit_kept_rows(const edit_settings *s, size_t i, span *rows, pb_error *err);
/* The keys of the rows that are to stay, for each layer. */
pb_status edit_kept_keys(edit *e, pb_error *err);

/* Step 3: the closed form, for all requests: u of each layer, spread over the range where it has several. */
pb_status edit_solve(edit *e, question *const *questions, pb_error *err);

#endif
