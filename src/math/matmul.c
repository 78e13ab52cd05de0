/* matmul.c: see matmul.h. The only file that includes the matrix library's header. */
#include "math/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/meter.h"
#include "base/random.h"
#include "math/bf16.h"
#include "math/elementwise.h"
#include "math/few_rows.h"

/* A product begins whose matrix has so many bytes; meter_leave takes what is returned. */
static meter_kind enter_product(size_t rows, size_t out, size_t in, size_t bytes)
{
    meter_kind before = meter_enter(METER_PRODUCTS);
    meter_product(rows, out, in, bytes);
    return before;
}

/* What each library gives; the forms in bf16 may call the widened ones below. */
static pb_status linear_f32(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                            size_t in, pb_error *err);
static pb_status input_f32(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in,
                           pb_error *err);

/* ---- bf16 where the processor has none: the same numbers, as floats ---- */

/* *values = the weight [out][in], then the rows [rows][width] rounded, all as f32; free() */
static pb_status widen(float **values, const float *x, const uint16_t *w, size_t elements, size_t rows, size_t width,
                       pb_error *err)
{
    TRY(mem_try(values, elements + rows * width, sizeof **values, "a widened matrix", err));
    bf16_widen(*values, w, elements);
    if (rows) {
        memcpy(*values + elements, x, rows * width * sizeof *x);
        bf16_round_float(*values + elements, rows * width);
    }
    return PB_OK;
}

static pb_status linear_widened(float *y, const float *x, const uint16_t *w, const float *bias, size_t rows, size_t out,
                                size_t in, pb_error *err)
{
    float *values;
    TRY(widen(&values, x, w, out * in, rows, in, err));
    pb_status status = linear_f32(y, values + out * in, values, bias, rows, out, in, err);
    free(values);
    return status;
}

static pb_status input_widened(float *dx, const float *dy, const uint16_t *w, size_t rows, size_t out, size_t in,
                               pb_error *err)
{
    float *values;
    TRY(widen(&values, dy, w, out * in, rows, out, err));
    pb_status status = input_f32(dx, values + out * in, values, rows, out, in, err);
    free(values);
    return status;
}

#if defined PATCHBAY_CBLAS
#include <cblas.h>

static pb_status linear_f32(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                            size_t in, pb_error *err)
{
    (void)err;
    for (size_t r = 0; bias && r < rows; r++)
        memcpy(y + r * out, bias, out * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)out, (int)in, 1.0f, x, (int)in, w, (int)in,
                bias ? 1.0f : 0.0f, y, (int)out);
    return PB_OK;
}

static pb_status input_f32(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in,
                           pb_error *err)
{
    (void)err;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)in, (int)out, 1.0f, dy, (int)out, w, (int)in,
                0.0f, dx, (int)in);
    return PB_OK;
}

pb_status matmul_linear_weight(float *dw, float *dbias, const float *dy, const float *x, size_t rows, size_t out,
                               size_t in, pb_error *err)
{
    (void)err;
    meter_kind before = enter_product(rows, out, in, out * in * sizeof *dw);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)out, (int)in, (int)rows, 1.0f, dy, (int)out, x, (int)in,
                1.0f, dw, (int)in);
    meter_leave(before);
    if (dbias)
        add_column_sums(dbias, dy, rows, out);
    return PB_OK;
}

static pb_status linear_bf16(float *y, const float *x, const uint16_t *w, const float *bias, size_t rows, size_t out,
                             size_t in, pb_error *err)
{
    return linear_widened(y, x, w, bias, rows, out, in, err);
}

static pb_status input_bf16(float *dx, const float *dy, const uint16_t *w, size_t rows, size_t out, size_t in,
                            pb_error *err)
{
    return input_widened(dx, dy, w, rows, out, in, err);
}

bool matmul_has_bf16(void)
{
    return false;
}

bool matmul_reads_stored(weight w, size_t out, size_t in)
{
    (void)w, (void)out, (void)in;
    return false;
}

static pb_status stored_few_rows(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                                 pb_error *err)
{
    (void)y, (void)x, (void)w, (void)bias, (void)rows, (void)out, (void)in;
    return fail(err, PB_EINVAL, "no such products here"); /* nobody asks for them */
}

bool matmul_row_invariant(void)
{
    return false;
}

const char *matmul_library(void)
{
    return "CBLAS";
}

#else
#include <dnnl.h>
#include <omp.h>
#include <stdio.h>

/* Where a row's bits depend on the product it stands in, all products are of this size: a multiple of the kernels'
 * groups of rows, and columns enough for each thread to have some. */
enum { TILE_ROWS = 48, TILE_COLUMNS = 512 };

/* Rows that are summed at a time: sums over thousands, with x transposed, are split among threads on AVX-512 too. */
enum { SUM_ROWS = 1024 };

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static pb_status library_failed(dnnl_status_t status, const char *what, pb_error *err)
{
    return fail(err, PB_ENOMEM, "oneDNN cannot %s (status %d)", what, (int)status);
}

static dnnl_status_t create_engine(void)
{
    dnnl_status_t status = engine ? dnnl_success : dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (status == dnnl_success && !stream)
        status = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    return status;
}

/* The first products of several threads may come at once. */
static pb_status start_library(pb_error *err)
{
    dnnl_status_t status;
#pragma omp critical(start_library)
    status = create_engine();
    return status == dnnl_success ? PB_OK : library_failed(status, "start", err);
}

/* A matrix whose neighbours in a column, and in a row, stand these numbers of elements apart: f32 where it says nothing
 * else. */
typedef struct matrix {
    const void *data;
    size_t down, across;
    bool bf16;
} matrix;

/* y[rows][columns] = x[rows][inner] w[inner][columns] + bias[columns]; a sum is added to what y holds. */
typedef struct product {
    float *y;
    matrix x, w;
    const float *bias; /* or NULL */
    bool is_sum;
    size_t rows, columns, inner;
} product;

/* The primitive that computes a product, and its four memories. The library caches compiled primitives by their shapes,
 * so making one anew is cheap. */
typedef struct operation {
    dnnl_primitive_attr_t attributes;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t x, w, bias, y;
} operation;

static void operation_free(operation *o)
{
    dnnl_memory_t memories[] = {o->x, o->w, o->bias, o->y};
    for (size_t i = 0; i < 4; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (o->primitive)
        dnnl_primitive_destroy(o->primitive);
    if (o->description)
        dnnl_primitive_desc_destroy(o->description);
    if (o->attributes)
        dnnl_primitive_attr_destroy(o->attributes);
}

typedef struct product_shape {
    dnnl_memory_desc_t x, w, bias, y;
} product_shape;

static dnnl_status_t shape_of(dnnl_memory_desc_t *shape, size_t rows, size_t columns, matrix m)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns}, strides = {(dnnl_dim_t)m.down, (dnnl_dim_t)m.across};
    return dnnl_memory_desc_init_by_strides(shape, 2, dims, m.bf16 ? dnnl_bf16 : dnnl_f32, strides);
}

static dnnl_status_t shapes_of(product_shape *s, const product *p)
{
    const matrix lines = {.down = p->columns, .across = 1};
    dnnl_status_t status = shape_of(&s->x, p->rows, p->inner, p->x);
    if (status == dnnl_success)
        status = shape_of(&s->w, p->inner, p->columns, p->w);
    if (status == dnnl_success)
        status = shape_of(&s->y, p->rows, p->columns, lines);
    if (status == dnnl_success)
        status = shape_of(&s->bias, 1, p->columns, lines);
    return status;
}

static dnnl_status_t add_to_destination(dnnl_primitive_attr_t *attributes)
{
    dnnl_post_ops_t after = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (status == dnnl_success)
        status = dnnl_post_ops_create(&after);
    if (status == dnnl_success)
        status = dnnl_post_ops_append_sum(after, 1.0f);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*attributes, after);
    if (after)
        dnnl_post_ops_destroy(after);
    return status;
}

static dnnl_status_t describe(operation *o, const product_shape *s, const product *p)
{
    dnnl_matmul_desc_t matmul;
    dnnl_status_t status = dnnl_matmul_desc_init(&matmul, &s->x, &s->w, p->bias ? &s->bias : NULL, &s->y);
    if (status == dnnl_success && p->is_sum)
        status = add_to_destination(&o->attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&o->description, &matmul, o->attributes, engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&o->primitive, o->description);
    return status;
}

static dnnl_status_t bind(dnnl_memory_t *memory, const dnnl_memory_desc_t *shape, const void *data)
{
    return dnnl_memory_create(memory, shape, engine, (void *)(size_t)data);
}

static dnnl_status_t bind_all(operation *o, const product_shape *s, const product *p)
{
    dnnl_status_t status = bind(&o->x, &s->x, p->x.data);
    if (status == dnnl_success)
        status = bind(&o->w, &s->w, p->w.data);
    if (status == dnnl_success)
        status = bind(&o->y, &s->y, p->y);
    if (status == dnnl_success && p->bias)
        status = bind(&o->bias, &s->bias, p->bias);
    return status;
}

static dnnl_status_t execute(operation *o)
{
    dnnl_exec_arg_t arguments[4] = {
        {DNNL_ARG_SRC, o->x}, {DNNL_ARG_WEIGHTS, o->w}, {DNNL_ARG_DST, o->y}, {DNNL_ARG_BIAS, o->bias}};
    dnnl_status_t status = dnnl_primitive_execute(o->primitive, stream, o->bias ? 4 : 3, arguments);
    return status == dnnl_success ? dnnl_stream_wait(stream) : status;
}

static pb_status multiply(const product *p, pb_error *err)
{
    product_shape s;
    operation o = {0};
    dnnl_status_t status = shapes_of(&s, p);
    if (status == dnnl_success)
        status = describe(&o, &s, p);
    if (status == dnnl_success)
        status = bind_all(&o, &s, p);
    if (status == dnnl_success)
        status = execute(&o);
    operation_free(&o);
    return status == dnnl_success ? PB_OK : library_failed(status, "multiply", err);
}

/* Products that take less than threads need to meet: waiting for each other costs most where other programs run too. */
static const double SMALL_FLOP = 2e6;

static pb_status multiply_on_some_threads(const product *p, pb_error *err)
{
    int threads = omp_get_max_threads();
    if (2.0 * (double)p->rows * (double)p->columns * (double)p->inner < SMALL_FLOP)
        omp_set_num_threads(1);
    pb_status status = multiply(p, err);
    omp_set_num_threads(threads);
    return status;
}

/* Kernels for AVX-512 give a row the same bits among any number of rows, on any number of threads. Older ones take rows
 * in groups of six and treat what remains otherwise, and split rows or long sums among threads. */
static bool any_row_count_gives_the_same_bits(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

/* Elsewhere all products are f32, and of whole tiles, the last one's rows filled up with zeros, of which each is one
 * thread's. */

static void copy_rows(float *to, const product *p, size_t row, size_t rows)
{
    const float *from = p->x.data;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < p->inner; i++)
            to[r * p->inner + i] = from[(row + r) * p->x.down + i * p->x.across];
    memset(to + rows * p->inner, 0, (TILE_ROWS - rows) * p->inner * sizeof *to);
}

static pb_status multiply_tile(const product *p, size_t row, size_t column, pb_error *err)
{
    size_t rows = p->rows - row < TILE_ROWS ? p->rows - row : TILE_ROWS;
    size_t columns = p->columns - column < TILE_COLUMNS ? p->columns - column : TILE_COLUMNS;
    float *x;
    TRY(mem_try(&x, TILE_ROWS * (p->inner + columns), sizeof *x, "a tile of rows", err));
    float *y = x + TILE_ROWS * p->inner;
    const float *w = p->w.data;
    copy_rows(x, p, row, rows);
    product tile = {.y = y, .x = {.data = x, .down = p->inner, .across = 1},
                    .w = {.data = w + column * p->w.across, .down = p->w.down, .across = p->w.across},
                    .bias = p->bias ? p->bias + column : NULL,
                    .rows = TILE_ROWS, .columns = columns, .inner = p->inner};
    pb_status status = multiply(&tile, err);
    for (size_t r = 0; r < rows && !status; r++) {
        float *to = p->y + (row + r) * p->columns + column;
        if (p->is_sum)
            add_rows(to, y + r * columns, columns);
        else
            memcpy(to, y + r * columns, columns * sizeof *y);
    }
    free(x);
    return status;
}

static pb_status multiply_tiles(const product *p, pb_error *err)
{
    size_t across = (p->columns + TILE_COLUMNS - 1) / TILE_COLUMNS, down = (p->rows + TILE_ROWS - 1) / TILE_ROWS;
    pb_status status = PB_OK;
    /* always in parallel, even for one tile: inside, the library works on one thread */
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < across * down; i++) {
        pb_error failure;
        pb_status one = multiply_tile(p, i / across * TILE_ROWS, i % across * TILE_COLUMNS, &failure);
        if (one) {
#pragma omp critical
            status = fail(err, one, "%s", failure.message);
        }
    }
    return status;
}

static pb_status multiply_rows(const product *p, pb_error *err)
{
    TRY(start_library(err));
    if (p->rows == 0)
        return PB_OK;
    return any_row_count_gives_the_same_bits() ? multiply_on_some_threads(p, err) : multiply_tiles(p, err);
}

/* ---- a few rows ---- */

/* Shapes of matrices of which it is known how long the library's blocks are; 0: its sums are not those of few_rows.h. */
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
        found = found || shape_count == SHAPES; /* of more shapes than any model has nothing is known */
    }
    return found;
}

static void keep_block(size_t out, size_t in, bool bf16, size_t block)
{
#pragma omp critical(few_rows_shapes)
    if (shape_count < SHAPES)
        shapes[shape_count++] = (struct few_rows_shape){out, in, block, bf16};
}

static void run_few_rows(const few_rows_product *p, bool bf16)
{
    if (bf16)
        few_rows_bf16(p);
    else
        few_rows_f32(p);
}

/* Whether the rows mix, so that sums in another order would show: not of a matrix of zeros. */
static bool mixes(const float *y, size_t n)
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
    pb_status status = multiply_rows(&one, err);
    bool tells = !status && mixes(y, out), agrees = false;
    for (size_t i = 0; tells && !agrees && i < sizeof lengths / sizeof *lengths; i++) {
        *block = lengths[i];
        run_few_rows(&(few_rows_product){.y = ours, .x = x, .w = w->data, .rows = 1, .out = out, .in = in, .block = *block},
                     w->bf16);
        agrees = memcmp(y, ours, out * sizeof *y) == 0;
    }
    *block = agrees ? *block : 0;
    if (tells)
        keep_block(out, in, w->bf16, *block);
    free(y);
    return status;
}

static pb_status multiply_mixed(const product *p, size_t block, pb_error *err)
{
    const void *x = p->x.data;
    uint32_t *mixed = NULL;
    size_t words = p->w.bf16 ? p->inner / 2 : p->inner;
    if (p->rows > 1) {
        TRY(mem_try(&mixed, p->rows, words * sizeof *mixed, "a few rows", err));
        few_rows_mix(mixed, x, p->rows, words);
        x = mixed;
    }
    run_few_rows(&(few_rows_product){.y = p->y, .x = x, .w = p->w.data, .bias = p->bias, .rows = p->rows,
                                     .out = p->columns, .in = p->inner, .block = block}, p->w.bf16);
    free(mixed);
    return PB_OK;
}

/* Products of a few rows wait for the matrix, which the library reads at half of what memory gives: they are ours where
 * they are seen to give the library's bits (of small matrices, and odd sizes, it is not worth looking). */
static pb_status multiply_few_rows(const product *p, bool *done, pb_error *err)
{
    size_t block = 0;
    bool runs = p->w.bf16 ? few_rows_bf16_runs() : few_rows_f32_runs();
    *done = false;
    if (p->w.down != 1 || p->rows == 0 || p->rows > FEW_ROWS || !runs || !any_row_count_gives_the_same_bits() || p->inner % 32 ||
        p->columns < 64 || p->inner < 64)
        return PB_OK;
    TRY(start_library(err));
    if (!find_block(p->columns, p->inner, p->w.bf16, &block))
        TRY(probe(&p->w, p->columns, p->inner, &block, err));
    *done = block != 0;
    return block ? multiply_mixed(p, block, err) : PB_OK;
}

static pb_status multiply_linear(const product *p, pb_error *err)
{
    bool done;
    TRY(multiply_few_rows(p, &done, err));
    return done ? PB_OK : multiply_rows(p, err);
}

static pb_status linear_f32(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                            size_t in, pb_error *err)
{
    return multiply_linear(&(product){.y = y, .x = {x, in, 1, false}, .w = {w, 1, in, false}, .bias = bias,
                                    .rows = rows, .columns = out, .inner = in}, err);
}

static pb_status input_f32(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in,
                           pb_error *err)
{
    return multiply_rows(&(product){.y = dx, .x = {dy, out, 1, false}, .w = {w, in, 1, false},
                                    .rows = rows, .columns = in, .inner = out}, err);
}

/* ---- bf16 ---- */

bool matmul_has_bf16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

/* As multiply_linear, with x[rows][inner] rounded first. */
static pb_status multiply_rounded(product *p, const float *x, pb_error *err)
{
    uint16_t *rounded;
    TRY(mem_try(&rounded, p->rows, p->inner * sizeof *rounded, "rows in bf16", err));
    bf16_round(rounded, x, p->rows * p->inner);
    p->x = (matrix){rounded, p->inner, 1, true};
    pb_status status = multiply_linear(p, err);
    free(rounded);
    return status;
}

static pb_status linear_bf16(float *y, const float *x, const uint16_t *w, const float *bias, size_t rows, size_t out,
                             size_t in, pb_error *err)
{
    if (!matmul_has_bf16())
        return linear_widened(y, x, w, bias, rows, out, in, err);
    return multiply_rounded(&(product){.y = y, .w = {w, 1, in, true}, .bias = bias, .rows = rows, .columns = out,
                                       .inner = in}, x, err);
}

static pb_status input_bf16(float *dx, const float *dy, const uint16_t *w, size_t rows, size_t out, size_t in,
                            pb_error *err)
{
    if (!matmul_has_bf16())
        return input_widened(dx, dy, w, rows, out, in, err);
    return multiply_rounded(&(product){.y = dx, .w = {w, in, 1, true}, .rows = rows, .columns = in, .inner = out}, dy,
                            err);
}

/* ---- a few rows, and a matrix as a file has it ---- */

bool matmul_reads_stored(weight w, size_t out, size_t in)
{
    size_t block = 0;
    bool runs = w.rounded ? few_rows_bf16_runs() && matmul_has_bf16() : few_rows_f32_runs();
    return runs && tensor_has_rows(w.stored) && any_row_count_gives_the_same_bits() && in % 32 == 0 &&
           find_block(out, in, w.rounded, &block) && block != 0 && (block >= in || block % 256 == 0);
}

static pb_status stored_few_rows(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                                 pb_error *err)
{
    few_rows_product p = {.y = y, .bias = bias, .stored = w.stored, .stored_first = w.first, .rows = rows, .out = out,
                          .in = in};
    size_t words = w.rounded ? in / 2 : in;
    uint32_t *mixed, *rounded;
    TRY(mem_try(&mixed, 2 * rows, words * sizeof *mixed, "a few rows", err));
    rounded = mixed + rows * words;
    if (w.rounded)
        bf16_round((uint16_t *)(void *)rounded, x, rows * in);
    few_rows_mix(mixed, w.rounded ? (const void *)rounded : x, rows, words);
    p.x = mixed;
    find_block(out, in, w.rounded, &p.block);
    if (w.rounded)
        few_rows_stored_bf16(&p);
    else
        few_rows_stored_f32(&p);
    free(mixed);
    return PB_OK;
}

/* ---- the weight's gradient ---- */

static pb_status add_products(float *dw, const float *dy, const float *x, size_t rows, size_t out, size_t in,
                              pb_error *err)
{
    for (size_t r = 0, n; r < rows; r += n) {
        n = rows - r < SUM_ROWS ? rows - r : SUM_ROWS;
        TRY(multiply_rows(&(product){.y = dw, .x = {dy + r * out, 1, out, false}, .w = {x + r * in, in, 1, false},
                                     .is_sum = true, .rows = out, .columns = in, .inner = n}, err));
    }
    return PB_OK;
}

pb_status matmul_linear_weight(float *dw, float *dbias, const float *dy, const float *x, size_t rows, size_t out,
                               size_t in, pb_error *err)
{
    if (dbias)
        add_column_sums(dbias, dy, rows, out);
    meter_kind before = enter_product(rows, out, in, out * in * sizeof *dw);
    pb_status status = add_products(dw, dy, x, rows, out, in, err);
    meter_leave(before);
    return status;
}

bool matmul_row_invariant(void)
{
    return true;
}

const char *matmul_library(void)
{
    static char name[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, sizeof name, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return name;
}
#endif

/* ---- a matrix as a file has it, widened ---- */

static void widen_rounded(uint16_t *out, weight w, size_t from, size_t count)
{
    enum { PIECE = 2048 }; /* an even number of every type's blocks */
    float wide[PIECE];
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < PIECE ? count - i : PIECE;
        tensor_read(w.stored, from + i, n, wide);
        bf16_round(out + i, wide, n);
    }
}

/* *values = all of it, which *as then names in the form that is multiplied; free() */
static pb_status widen_stored(void **values, weight *as, weight w, size_t out, size_t in, pb_error *err)
{
    float *room;
    TRY(mem_try(&room, out * in, w.rounded ? sizeof(uint16_t) : sizeof(float), "a widened matrix", err));
    *values = room;
    *as = w.rounded ? (weight){.bf16 = *values} : (weight){.f32 = room};
    if (w.rounded)
        widen_rounded(*values, w, w.first * in, out * in);
    else
        tensor_read(w.stored, w.first * in, out * in, room);
    return PB_OK;
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

static pb_status linear(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                        pb_error *err)
{
    if (w.stored && rows <= MATMUL_FEW_ROWS && matmul_reads_stored(w, out, in))
        return stored_few_rows(y, x, w, bias, rows, out, in, err);
    void *values = NULL;
    if (w.stored)
        TRY(widen_stored(&values, &w, w, out, in, err));
    pb_status status = w.bf16 ? linear_bf16(y, x, w.bf16, bias, rows, out, in, err)
                              : linear_f32(y, x, w.f32, bias, rows, out, in, err);
    free(values);
    return status;
}

static pb_status linear_input(float *dx, const float *dy, weight w, size_t rows, size_t out, size_t in, pb_error *err)
{
    void *values = NULL;
    if (w.stored)
        TRY(widen_stored(&values, &w, w, out, in, err));
    pb_status status = w.bf16 ? input_bf16(dx, dy, w.bf16, rows, out, in, err)
                              : input_f32(dx, dy, w.f32, rows, out, in, err);
    free(values);
    return status;
}

pb_status matmul_linear(float *y, const float *x, weight w, const float *bias, size_t rows, size_t out, size_t in,
                        pb_error *err)
{
    meter_kind before = enter_product(rows, out, in, matrix_bytes(w, out, in));
    pb_status status = linear(y, x, w, bias, rows, out, in, err);
    meter_leave(before);
    return status;
}

pb_status matmul_linear_input(float *dx, const float *dy, weight w, size_t rows, size_t out, size_t in, pb_error *err)
{
    meter_kind before = enter_product(rows, in, out, matrix_bytes(w, out, in));
    pb_status status = linear_input(dx, dy, w, rows, out, in, err);
    meter_leave(before);
    return status;
}
