/* edit_factors.h: an edit kept as its factors: for each row W* = W + u key^T, W the down projection of the row's layer.
 * What `patchbay edit` finds, edit.npz holds (docs/formats.md), and --edit applies. N rows, F d_ff, D d_model. */
#ifndef MODEL_EDIT_FACTORS_H
#define MODEL_EDIT_FACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/decoder.h"

typedef struct edit_factors {
    size_t count, d_ff, d_model; /* N, F, D */
    float *key;                  /* [N][F] mlp_post at the key position */
    float *v0, *v;               /* [N][D] mlp_out there before the edit, and what it is to become */
    float *u;                    /* [N][D] */
    int64_t *layer;              /* [N] */
    int64_t *request;            /* [N] which request the row is of, from 0 */
    bool together;               /* the rows were solved together: they are one edit */
} edit_factors;

/* Reads edit.npz: arrays of those names and shapes. Errors name the file and the array; numbers must be finite, layers
 * and requests not negative. On failure *f is empty. */
pb_status edit_factors_read(edit_factors *f, const char *path, pb_error *err);
void edit_factors_free(edit_factors *f);

/* PB_EINVAL where the factors are not as wide as the decoder's MLPs, or of layers that it has not; `what` stands in
 * errors. */
pb_status edit_factors_fit(const edit_factors *f, const decoder_config *c, const char *what, pb_error *err);

/* The row numbers of a layer, in order, in rows[count]; returns how many there are. */
size_t edit_factors_rows(const edit_factors *f, size_t layer, size_t *rows);

/* Adds to the model's decoder what "FILE[@REQUEST]" holds: all its rows, or those of one request, which must be named
 * where the file has several that were not solved together. Rows of one layer become one term. */
struct model;
pb_status edit_factors_apply(struct model *m, const char *given, pb_error *err);

#endif
