/* matmul.c: see matmul.h.
 *
 * A weight of any form is brought into one that is multiplied: f32 with f32, or, where the processor can, bf16 with
 * bf16. Then it is a product of strided matrices (product.h); so a product and its two backward forms differ only in the
 * strides, and in what is summed over. */
#include "math/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/meter.h"
#include "math/bf16.h"
#include "math/elementwise.h"
#include "math/product.h"
#include "math/product_few_rows.h"

/* A product begins whose matrix has so many bytes; meter_leave takes what is returned. */
static meter_kind enter_product(size_t rows, size_t out, size_t in, size_t bytes)
{
    meter_kind before = meter_enter(METER_PRODUCTS);
    meter_product(rows, out, in, bytes);
    return before;
}

/* Bytes that a product reads of its matrix. */
static size_t matrix_bytes(weight w, size_t out, size_t in)
{
    if (w.stored) {
        const dtype_block *block = dtype_find(w.stored->type);
        return out * in / block->elements * block->bytes;
    }
    return out * in * (w.bf16 ? sizeof *w.bf16 : sizeof *w.f32);
}

/* ---- forms of weights. In a `layout` the rows x[rows][inner] and the weight's numbers have yet to be put. ---- */

static pb_status multiply(const product *p, pb_error *err)
{
    bool done;
    TRY(product_few_rows(p, &done, err));
    return done ? PB_OK : product_multiply(p, err);
}

static pb_status multiply_f32(product layout, const float *x, const float *w, pb_error *err)
{
    layout.x = (matrix){.data = x, .down = layout.inner, .across = 1};
    layout.w.data = w;
    return multiply(&layout, err);
}

/* The rows are rounded too. */
static pb_status multiply_bf16(product layout, const float *x, const uint16_t *w, pb_error *err)
{
    uint16_t *rounded;
    TRY(mem_try(&rounded, layout.rows, layout.inner * sizeof *rounded, "rows in bf16", err));
    bf16_round(rounded, x, layout.rows * layout.inner);
    layout.x = (matrix){.data = rounded, .down = layout.inner, .across = 1, .bf16 = true};
    layout.w.data = w;
    layout.w.bf16 = true;
    pb_status status = multiply(&layout, err);
    free(rounded);
    return status;
}

/* bf16 where the processor has none: the same numbers, as floats. */
static pb_status multiply_bf16_widened(product layout, const float *x, const uint16_t *w, pb_error *err)
{
    size_t elements = layout.inner * layout.columns, x_elements = layout.rows * layout.inner;
    float *wide;
    TRY(mem_try(&wide, elements + x_elements, sizeof *wide, "a widened matrix", err));
    float *rounded = wide + elements;
    bf16_widen(wide, w, elements);
    if (layout.rows) {
        memcpy(rounded, x, x_elements * sizeof *x);
        bf16_round_float(rounded, x_elements);
    }
    pb_status status = multiply_f32(layout, rounded, wide, err);
    free(wide);
    return status;
}

static void read_rounded(uint16_t *out, weight w, size_t from, size_t count)
{
    enum { PIECE = 2048 }; /* an even number of every type's blocks */
    float wide[PIECE];
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < PIECE ? count - i : PIECE;
        tensor_read(w.stored, from + i, n, wide);
        bf16_round(out + i, wide, n);
    }
}

/* *as = all of a stored matrix in the form that is multiplied: *values, to be freed. */
static pb_status read_stored(void **values, weight *as, weight w, size_t out, size_t in, pb_error *err)
{
    float *room;
    TRY(mem_try(&room, out * in, w.rounded ? sizeof(uint16_t) : sizeof(float), "a widened matrix", err));
    *values = room;
    *as = w.rounded ? (weight){.bf16 = *values} : (weight){.f32 = room};
    if (w.rounded)
        read_rounded(*values, w, w.first * in, out * in);
    else
        tensor_read(w.stored, w.first * in, out * in, room);
    return PB_OK;
}

/* w is [out][in], whichever of these the layout sums over. */
static pb_status multiply_weight(product layout, const float *x, weight w, size_t out, size_t in, pb_error *err)
{
    void *values = NULL;
    pb_status status;
    if (w.stored)
        TRY(read_stored(&values, &w, w, out, in, err));
    if (!w.bf16)
        status = multiply_f32(layout, x, w.f32, err);
    else if (matmul_has_bf16())
        status = multiply_bf16(layout, x, w.bf16, err);
    else
        status = multiply_bf16_widened(layout, x, w.bf16, err);
    free(values);
    return status;
}

/* ---- y = x w^T + bias, and backward of it ---- */

static pb_status linear(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                        pb_error *err)
{
    if (w.stored && rows <= MATMUL_FEW_ROWS && matmul_reads_stored(w, out, in))
        return product_few_rows_stored(y, x, w, bias, rows, out, in, err);
    product layout = {.y = y, .w = {.down = 1, .across = in}, .bias = bias, .rows = rows, .columns = out, .inner = in};
    return multiply_weight(layout, x, w, out, in, err);
}

pb_status matmul_linear(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                        pb_error *err)
{
    meter_kind before = enter_product(rows, out, in, matrix_bytes(w, out, in));
    pb_status status = linear(y, x, w, bias, rows, out, in, err);
    meter_leave(before);
    return status;
}

/* dx = dy w */
pb_status matmul_linear_input(float *dx, const float *dy, weight w, size_t rows, size_t out, size_t in, pb_error *err)
{
    meter_kind before = enter_product(rows, in, out, matrix_bytes(w, out, in));
    product layout = {.y = dx, .w = {.down = in, .across = 1}, .rows = rows, .columns = in, .inner = out};
    pb_status status = multiply_weight(layout, dy, w, out, in, err);
    meter_leave(before);
    return status;
}

/* dw += dy^T x, dbias += dy's column sums */
pb_status matmul_linear_weight(float *dw, float *dbias, const float *dy, const float *x, size_t rows, size_t out,
                               size_t in, pb_error *err)
{
    if (dbias)
        add_column_sums(dbias, dy, rows, out);
    meter_kind before = enter_product(rows, out, in, out * in * sizeof *dw);
    product p = {.y = dw, .x = {.data = dy, .down = 1, .across = out}, .w = {.data = x, .down = in, .across = 1},
                 .is_sum = true, .rows = out, .columns = in, .inner = rows};
    pb_status status = product_multiply(&p, err);
    meter_leave(before);
    return status;
}
