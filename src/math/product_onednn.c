/* product_onednn.c: products by oneDNN's matmul primitive.
 *
 * On AVX-512 it gives a row the same bits among any number of rows, on any number of threads. Older kernels take rows
 * in groups of six and treat what remains otherwise, and split rows or long sums among threads: there all products are
 * cut into tiles of one size. */
#include "math/product.h"

#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/elementwise.h"
#include "math/matmul.h"

/* ---- one product, as it comes ---- */

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

/* ---- tiles: the last one's rows filled up with zeros, each tile one thread's; f32 alone ---- */

/* A multiple of the kernels' groups of rows, and columns enough for each thread to have some. */
enum { TILE_ROWS = 48, TILE_COLUMNS = 512 };

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
    /* on threads, even for one tile: inside, the library works on one */
    ON_THREADS(true, schedule(dynamic),
        for (size_t i = 0; i < across * down; i++) {
            pb_error failure;
            pb_status one = multiply_tile(p, i / across * TILE_ROWS, i % across * TILE_COLUMNS, &failure);
            tell_failure(&status, err, one, &failure);
        })
    return status;
}

/* ---- what product.h and matmul.h ask of the library ---- */

static bool isa_has(dnnl_cpu_isa_t isa)
{
    return (dnnl_get_effective_cpu_isa() & isa) == isa;
}

bool product_keeps_rows(void)
{
    return isa_has(dnnl_cpu_isa_avx512_core);
}

static pb_status multiply_whole(const product *p, pb_error *err)
{
    return product_keeps_rows() ? multiply_on_some_threads(p, err) : multiply_tiles(p, err);
}

/* Rows of w that are summed at a time: sums over thousands, with x transposed, are split among threads on AVX-512
 * too. */
enum { SUM_ROWS = 1024 };

static pb_status add_in_pieces(const product *p, pb_error *err)
{
    const float *x = p->x.data, *w = p->w.data;
    product piece = *p;
    for (size_t i = 0; i < p->inner; i += piece.inner) {
        piece.inner = p->inner - i < SUM_ROWS ? p->inner - i : SUM_ROWS;
        piece.x.data = x + i * p->x.across;
        piece.w.data = w + i * p->w.down;
        TRY(multiply_whole(&piece, err));
    }
    return PB_OK;
}

pb_status product_multiply(const product *p, pb_error *err)
{
    TRY(start_library(err));
    if (p->rows == 0)
        return PB_OK;
    return p->is_sum ? add_in_pieces(p, err) : multiply_whole(p, err);
}

bool matmul_row_invariant(void)
{
    return true;
}

bool matmul_has_bf16(void)
{
    return isa_has(dnnl_cpu_isa_avx512_core_bf16);
}

const char *matmul_library(void)
{
    static char name[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, sizeof name, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return name;
}
