/* weights.c: see weights.h. */
#include "model/weights.h"

#include <stdlib.h>

#include "base/memory.h"

enum { BLOCK = 1 << 18 }; /* elements that a thread takes at a time */

bool weights_in_place(const tensor *t)
{
    return t->type == DTYPE_F32 && !t->layout && !t->swapped && (size_t)t->data % sizeof(float) == 0;
}

pb_status weights_read(const tensor *t, size_t first, size_t count, float *out, pb_error *err)
{
    bool finite = true;
#pragma omp parallel for reduction(&& : finite) if (count > BLOCK)
    for (size_t i = 0; i < count; i += BLOCK)
        finite = tensor_read(t, first + i, count - i < BLOCK ? count - i : BLOCK, out + i) && finite;
    TRY(tensor_check(t, err));
    return finite ? PB_OK : tensor_not_finite(t, err);
}

pb_status weights_check(const tensor *t, pb_error *err)
{
    if (!weights_in_place(t)) {
        float *copy;
        TRY(weights_load(t, &copy, err));
        free(copy);
        return PB_OK;
    }
    const float *x = t->data;
    bool finite = true;
#pragma omp parallel for reduction(&& : finite) if (t->count > BLOCK)
    for (size_t i = 0; i < t->count; i += BLOCK)
        finite = all_finite(x + i, t->count - i < BLOCK ? t->count - i : BLOCK) && finite;
    TRY(tensor_check(t, err));
    return finite ? PB_OK : tensor_not_finite(t, err);
}

pb_status weights_load(const tensor *t, float **out, pb_error *err)
{
    TRY(mem_try(out, t->count, sizeof **out, t->name, err));
    pb_status status = weights_read(t, 0, t->count, *out, err);
    if (status) {
        free(*out);
        *out = NULL;
    }
    return status;
}

pb_status weights_use(const tensor *t, const float **values, float **owned, pb_error *err)
{
    *owned = NULL;
    pb_status status = weights_in_place(t) ? weights_check(t, err) : weights_load(t, owned, err);
    *values = *owned ? *owned : t->data;
    return status;
}
