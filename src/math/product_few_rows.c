/* product_few_rows.c: see product_few_rows.h. */
#include "math/product_few_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "math/bf16.h"
#include "math/few_rows.h"

_Static_assert((int)MATMUL_FEW_ROWS == (int)FEW_ROWS, "what matmul.h says few_rows.h can");

/* ---- shapes of matrices of which the length of the library's blocks is known ---- */

/* A shape's length is 0 where the library's sums are not those of few_rows.h. */
enum { SHAPES = 64 };
static struct few_rows_shape {
    size_t out, in, block;
    bool bf16;
} shapes[SHAPES];
static size_t shape_count;

static bool find_block(size_t out, size_t in, bool bf16, size_t *block)
{
    bool found = false;
    *block = 0;
#pragma omp critical(few_rows_shapes)
    {
        for (size_t i = 0; i < shape_count && !found; i++)
            if (shapes[i].out == out && shapes[i].in == in && shapes[i].bf16 == bf16) {
                found = true;
                *block = shapes[i].block;
            }
        found = found || shape_count == SHAPES; /* beyond what any model has: the library's, without trying each time */
    }
    return found;
}

static void keep_block(size_t out, size_t in, bool bf16, size_t block)
{
#pragma omp critical(few_rows_shapes)
    if (shape_count < SHAPES)
        shapes[shape_count++] = (struct few_rows_shape){out, in, block, bf16};
}

/* ---- trying ---- */

static void run_few_rows(const few_rows_product *p, bool bf16)
{
    if (bf16)
        few_rows_bf16(p);
    else
        few_rows_f32(p);
}

/* Whether sums in another order would show in y: not of a matrix that is mostly zeros. */
static bool would_show(const float *y, size_t n)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++)
        others += y[i] != 0;
    return others * 2 > n;
}

/* The library's product of one random row with this matrix, and ours with each length that its blocks may have. */
static pb_status probe(const matrix *w, size_t out, size_t in, size_t *block, pb_error *err)
{
    const size_t lengths[] = {in, 512, 1024, 256, 2048};
    float *y;
    TRY(mem_try(&y, 2 * (out + in), sizeof *y, "a row to be multiplied", err));
    float *ours = y + out, *numbers = ours + out;
    void *x = numbers;
    random_state r = random_from(1);
    for (size_t i = 0; i < in; i++)
        numbers[i] = (float)random_gaussian(&r);
    if (w->bf16)
        bf16_round(x = numbers + in, numbers, in);
    product one = {.y = y, .x = {x, in, 1, w->bf16}, .w = *w, .rows = 1, .columns = out, .inner = in};
    pb_status status = product_multiply(&one, err);
    bool tells = !status && would_show(y, out), agrees = false;
    for (size_t i = 0; tells && !agrees && i < sizeof lengths / sizeof *lengths; i++) {
        *block = lengths[i];
        run_few_rows(&(few_rows_product){.y = ours, .x = x, .w = w->data, .rows = 1, .out = out, .in = in,
                                         .block = *block}, w->bf16);
        agrees = memcmp(y, ours, out * sizeof *y) == 0;
    }
    *block = agrees ? *block : 0;
    if (tells)
        keep_block(out, in, w->bf16, *block);
    free(y);
    return status;
}

/* ---- products ---- */

static pb_status multiply_interleaved(const product *p, size_t block, pb_error *err)
{
    const void *x = p->x.data;
    uint32_t *interleaved = NULL;
    size_t words = p->w.bf16 ? p->inner / 2 : p->inner;
    if (p->rows > 1) {
        TRY(mem_try(&interleaved, p->rows, words * sizeof *interleaved, "a few rows", err));
        few_rows_interleave(interleaved, x, p->rows, words);
        x = interleaved;
    }
    run_few_rows(&(few_rows_product){.y = p->y, .x = x, .w = p->w.data, .bias = p->bias, .rows = p->rows,
                                     .out = p->columns, .in = p->inner, .block = block}, p->w.bf16);
    free(interleaved);
    return PB_OK;
}

/* Whether trying is worth it: not for small matrices and odd sizes, nor where a row has other bits among more rows. */
static bool may_be_ours(const product *p)
{
    bool few = p->rows > 0 && p->rows <= FEW_ROWS, by_rows = p->w.down == 1;
    bool runs = p->w.bf16 ? few_rows_bf16_runs() : few_rows_f32_runs();
    return few && by_rows && runs && product_keeps_rows() && p->inner % 32 == 0 && p->inner >= 64 && p->columns >= 64;
}

pb_status product_few_rows(const product *p, bool *done, pb_error *err)
{
    size_t block = 0;
    *done = false;
    if (!may_be_ours(p))
        return PB_OK;
    if (!find_block(p->columns, p->inner, p->w.bf16, &block))
        TRY(probe(&p->w, p->columns, p->inner, &block, err));
    *done = block != 0;
    return block ? multiply_interleaved(p, block, err) : PB_OK;
}

/* ---- of matrices as their files have them ---- */

bool matmul_reads_stored(weight w, size_t out, size_t in)
{
    size_t block = 0;
    bool runs = w.rounded ? few_rows_bf16_runs() && matmul_has_bf16() : few_rows_f32_runs();
    return runs && tensor_has_rows(w.stored) && product_keeps_rows() && in % 32 == 0 &&
           find_block(out, in, w.rounded, &block) && block != 0 && (block >= in || block % 256 == 0);
}

pb_status product_few_rows_stored(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out,
                                  size_t in, pb_error *err)
{
    few_rows_product p = {.y = y, .bias = bias, .stored = w.stored, .stored_first = w.first, .rows = rows, .out = out,
                          .in = in};
    size_t words = w.rounded ? in / 2 : in;
    uint32_t *interleaved, *rounded;
    TRY(mem_try(&interleaved, 2 * rows, words * sizeof *interleaved, "a few rows", err));
    rounded = interleaved + rows * words;
    if (w.rounded)
        bf16_round((uint16_t *)(void *)rounded, x, rows * in);
    few_rows_interleave(interleaved, w.rounded ? (const void *)rounded : x, rows, words);
    p.x = interleaved;
    find_block(out, in, w.rounded, &p.block);
    if (w.rounded)
        few_rows_stored_bf16(&p);
    else
        few_rows_stored_f32(&p);
    free(interleaved);
    return PB_OK;
}
