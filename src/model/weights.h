/* weights.h: tensors of a file as f32 in memory, checked for NaN. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "checkpoint/checkpoint.h"

/* Whether t's values can be used where they lie: f32, aligned. */
bool weights_in_place(const tensor *t);

/* out[count] = elements first .. of t, in parallel; an error naming the tensor when any is NaN or infinite, or the file when
 * it was cut short meanwhile. */
pb_status weights_read(const tensor *t, size_t first, size_t count, float *out, pb_error *err);

/* The same check alone. */
pb_status weights_check(const tensor *t, pb_error *err);

/* *values = all of t as f32: where it lies in the file, or widened into *owned (free(); else NULL). Checked for NaN. */
pb_status weights_use(const tensor *t, const float **values, float **owned, pb_error *err);

/* *out = all of t as f32; free(). */
pb_status weights_load(const tensor *t, float **out, pb_error *err);

#endif
