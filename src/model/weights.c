/* weights.c: see weights.h. */
#include "model/weights.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/bf16.h"

enum { BLOCK = 1 << 16 }; /* elements that a thread takes at a time: so few that threads share small matrices evenly */

/* ---- forms ---- */

weight_form weight_form_for(compute_type type)
{
    return type == COMPUTE_F32 ? FORM_F32 : matmul_has_bf16() ? FORM_BF16 : FORM_WIDENED;
}

const char *weight_form_name(weight_form form)
{
    return form == FORM_F32 ? "f32" : "bf16";
}

size_t weight_form_bytes(weight_form form)
{
    return form == FORM_BF16 ? sizeof(uint16_t) : sizeof(float);
}

size_t weight_form_rounding(weight_form form, size_t rows, size_t width)
{
    return form == FORM_BF16 ? rows * width * sizeof(uint16_t) : 0;
}

/* ---- where they lie ---- */

/* Plain numbers of the type, one after the other, at an address that is a multiple of their size. */
static bool lies_as(const tensor *t, dtype type)
{
    return t->type == type && !t->layout && !t->swapped && (size_t)t->data % dtype_find(type)->bytes == 0;
}

bool weights_in_place(const tensor *t)
{
    return lies_as(t, DTYPE_F32);
}

weight weights_lie(const tensor *t, weight_form form)
{
    return (weight){.f32 = form == FORM_F32 && lies_as(t, DTYPE_F32) ? t->data : NULL,
                    .bf16 = form == FORM_BF16 && lies_as(t, DTYPE_BF16) ? t->data : NULL};
}

/* ---- reading ---- */

pb_status weights_read(const tensor *t, size_t first, size_t count, float *out, pb_error *err)
{
    bool finite = true;
    ON_THREADS(count > BLOCK, reduction(&& : finite),
        for (size_t i = 0; i < count; i += BLOCK)
            finite = tensor_read(t, first + i, count - i < BLOCK ? count - i : BLOCK, out + i) && finite;)
    TRY(tensor_check(t, err));
    return finite ? PB_OK : tensor_not_finite(t, err);
}

/* out[count] = elements first .. of t, rounded; false when one is not finite, or not any more. */
static bool read_rounded(const tensor *t, size_t first, size_t count, uint16_t *out)
{
    enum { PIECE = 2048 }; /* an even number of every type's blocks */
    float values[PIECE];
    bool finite = true;
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < PIECE ? count - i : PIECE;
        finite = tensor_read(t, first + i, n, values) && finite;
        bf16_round(out + i, values, n);
    }
    return finite && bf16_finite(out, count);
}

/* A number between the largest bf16 and the largest f32 is finite in the file. */
static pb_status not_finite_in_bf16(const tensor *t, pb_error *err)
{
    TRY(weights_check(t, err));
    fail(err, PB_EINVAL, "%s: tensor %s holds a number beyond bf16's largest, 3.39e38", t->file, t->name);
    return fail_hint(err, "compute in --dtype f32");
}

static pb_status read_bf16(const tensor *t, size_t first, size_t count, uint16_t *out, pb_error *err)
{
    bool finite = true;
    ON_THREADS(count > BLOCK, reduction(&& : finite),
        for (size_t i = 0; i < count; i += BLOCK)
            finite = read_rounded(t, first + i, count - i < BLOCK ? count - i : BLOCK, out + i) && finite;)
    TRY(tensor_check(t, err));
    return finite ? PB_OK : not_finite_in_bf16(t, err);
}

static pb_status read_widened(const tensor *t, size_t first, size_t count, float *out, pb_error *err)
{
    bool finite = true;
    TRY(weights_read(t, first, count, out, err));
    ON_THREADS(count > BLOCK, reduction(&& : finite),
        for (size_t i = 0; i < count; i += BLOCK) {
            size_t n = count - i < BLOCK ? count - i : BLOCK;
            bf16_round_float(out + i, n);
            finite = all_finite(out + i, n) && finite;
        })
    return finite ? PB_OK : not_finite_in_bf16(t, err);
}

pb_status weights_read_as(const tensor *t, weight_form form, size_t first, size_t count, void *out, weight *w,
                          pb_error *err)
{
    *w = form == FORM_BF16 ? (weight){.bf16 = out} : (weight){.f32 = out};
    switch (form) {
    case FORM_F32: return weights_read(t, first, count, out, err);
    case FORM_BF16: return read_bf16(t, first, count, out, err);
    case FORM_WIDENED: break;
    }
    return read_widened(t, first, count, out, err);
}

/* Whether elements first .. first + count - 1 of t, which lies as f32 or bf16, are finite. */
static bool lies_finite(const tensor *t, size_t first, size_t count)
{
    return t->type == DTYPE_F32 ? all_finite((const float *)t->data + first, count)
                                : bf16_finite((const uint16_t *)t->data + first, count);
}

pb_status weights_check(const tensor *t, pb_error *err)
{
    if (!lies_as(t, DTYPE_F32) && !lies_as(t, DTYPE_BF16)) {
        float *copy;
        TRY(weights_load(t, &copy, err));
        free(copy);
        return PB_OK;
    }
    bool finite = true;
    ON_THREADS(t->count > BLOCK, reduction(&& : finite),
        for (size_t i = 0; i < t->count; i += BLOCK)
            finite = lies_finite(t, i, t->count - i < BLOCK ? t->count - i : BLOCK) && finite;)
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
