/* weights.h: tensors of a file as products and sums take them, checked for NaN. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "checkpoint/checkpoint.h"
#include "math/matmul.h"

/* What is computed in: the type of the numbers that products multiply. Sums, the residual stream, norms, softmax and
 * logits are float32 in both. */
typedef enum compute_type {
    COMPUTE_F32,
    COMPUTE_BF16
} compute_type;

/* In which form a model's matrices get there. Vectors (norms, biases) are f32 in all of them. */
typedef enum weight_form {
    FORM_F32,    /* the file's numbers */
    FORM_BF16,   /* the nearest bf16 of each: of a BF16 file its own, where they lie */
    FORM_WIDENED /* those as f32 again, where products in bf16 would do that themselves, each time (matmul_has_bf16) */
} weight_form;

/* The form for a type on this machine. */
weight_form weight_form_for(compute_type type);
/* "f32" or "bf16": what is computed in. */
const char *weight_form_name(weight_form form);
/* Bytes of one element of a matrix. */
size_t weight_form_bytes(weight_form form);
/* Bytes that products take to round `rows` rows of at most `width` elements. */
size_t weight_form_rounding(weight_form form, size_t rows, size_t width);

/* Whether t's values can be used where they lie: f32, aligned. */
bool weights_in_place(const tensor *t);
/* Its values as a matrix of that form, where they lie; both NULL where they cannot be used so. Not checked for NaN. */
weight weights_lie(const tensor *t, weight_form form);

/* out[count] = elements first .. of t, in parallel; an error naming the tensor when any is NaN or infinite, or the file when
 * it was cut short meanwhile. */
pb_status weights_read(const tensor *t, size_t first, size_t count, float *out, pb_error *err);
/* The same as elements of a matrix of that form: out[count] of weight_form_bytes each, which *w then names. Also an
 * error when one is beyond the largest bf16. */
pb_status weights_read_as(const tensor *t, weight_form form, size_t first, size_t count, void *out, weight *w,
                          pb_error *err);

/* The same check alone. */
pb_status weights_check(const tensor *t, pb_error *err);

/* *values = all of t as f32: where it lies in the file, or widened into *owned (free(); else NULL). Checked for NaN. */
pb_status weights_use(const tensor *t, const float **values, float **owned, pb_error *err);

/* *out = all of t as f32; free(). */
pb_status weights_load(const tensor *t, float **out, pb_error *err);

#endif
