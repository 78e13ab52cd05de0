/* matmul.c: see matmul.h. The only file that includes the matrix library's header. */
#include "math/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#if defined PATCHBAY_CBLAS
#include <cblas.h>

pb_status matmul_linear(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                        size_t in, pb_error *err)
{
    (void)err;
    for (size_t r = 0; bias && r < rows; r++)
        memcpy(y + r * out, bias, out * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)out, (int)in, 1.0f, x, (int)in, w, (int)in,
                bias ? 1.0f : 0.0f, y, (int)out);
    return PB_OK;
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
#include <stdio.h>

/* Where the primitive's kernels are chosen by the number of rows, all products get this many. */
enum { TILE_ROWS = 32 };

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static pb_status library_failed(dnnl_status_t status, const char *what, pb_error *err)
{
    return fail(err, PB_ENOMEM, "oneDNN cannot %s (status %d)", what, (int)status);
}

static pb_status start_library(pb_error *err)
{
    if (stream)
        return PB_OK;
    dnnl_status_t s = dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (s != dnnl_success)
        return library_failed(s, "start its engine", err);
    s = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    return s == dnnl_success ? PB_OK : library_failed(s, "start its stream", err);
}

/* The four matrices of one product, and the primitive that computes it. The library caches compiled primitives by
 * their shapes, so making one anew is cheap. */
typedef struct product {
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t x, w, bias, y;
} product;

static void product_free(product *p)
{
    dnnl_memory_t memories[] = {p->x, p->w, p->bias, p->y};
    for (size_t i = 0; i < 4; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->description)
        dnnl_primitive_desc_destroy(p->description);
}

typedef struct product_shape {
    dnnl_memory_desc_t x, w, bias, y;
} product_shape;

static dnnl_status_t describe(product *p, const product_shape *s, bool has_bias)
{
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, &s->x, &s->w, has_bias ? &s->bias : NULL, &s->y);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&p->description, &operation, NULL, engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&p->primitive, p->description);
    return status;
}

static dnnl_status_t bind(dnnl_memory_t *memory, const dnnl_memory_desc_t *shape, const void *data)
{
    return dnnl_memory_create(memory, shape, engine, (void *)(size_t)data);
}

static dnnl_status_t execute(product *p)
{
    dnnl_exec_arg_t arguments[4] = {
        {DNNL_ARG_SRC, p->x}, {DNNL_ARG_WEIGHTS, p->w}, {DNNL_ARG_DST, p->y}, {DNNL_ARG_BIAS, p->bias}};
    dnnl_status_t status = dnnl_primitive_execute(p->primitive, stream, p->bias ? 4 : 3, arguments);
    return status == dnnl_success ? dnnl_stream_wait(stream) : status;
}

/* A row-major matrix [rows][columns], or its transpose when w is stored as [columns][rows]. */
static dnnl_status_t matrix(dnnl_memory_desc_t *shape, size_t rows, size_t columns, dnnl_format_tag_t order)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_init_by_tag(shape, 2, dims, dnnl_f32, order);
}

static pb_status multiply(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                          size_t in, pb_error *err)
{
    product_shape s;
    product p = {0};
    dnnl_status_t status = matrix(&s.x, rows, in, dnnl_ab);
    if (status == dnnl_success)
        status = matrix(&s.w, in, out, dnnl_ba);
    if (status == dnnl_success)
        status = matrix(&s.y, rows, out, dnnl_ab);
    if (status == dnnl_success)
        status = matrix(&s.bias, 1, out, dnnl_ab);
    if (status == dnnl_success)
        status = describe(&p, &s, bias != NULL);
    if (status == dnnl_success)
        status = bind(&p.x, &s.x, x);
    if (status == dnnl_success)
        status = bind(&p.w, &s.w, w);
    if (status == dnnl_success)
        status = bind(&p.y, &s.y, y);
    if (status == dnnl_success && bias)
        status = bind(&p.bias, &s.bias, bias);
    if (status == dnnl_success)
        status = execute(&p);
    product_free(&p);
    return status == dnnl_success ? PB_OK : library_failed(status, "multiply", err);
}

/* The last rows of a product that do not fill a tile: padded with zero rows to TILE_ROWS. */
static pb_status multiply_remainder(float *y, const float *x, const float *w, const float *bias, size_t rows,
                                    size_t out, size_t in, pb_error *err)
{
    float *padded;
    TRY(mem_try(&padded, TILE_ROWS * (in + out), sizeof *padded, "a tile of rows", err));
    float *result = padded + TILE_ROWS * in;
    memcpy(padded, x, rows * in * sizeof *x);
    memset(padded + rows * in, 0, (TILE_ROWS - rows) * in * sizeof *x);
    pb_status status = multiply(result, padded, w, bias, TILE_ROWS, out, in, err);
    if (!status)
        memcpy(y, result, rows * out * sizeof *y);
    free(padded);
    return status;
}

static bool any_row_count_gives_the_same_bits(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

pb_status matmul_linear(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                        size_t in, pb_error *err)
{
    TRY(start_library(err));
    if (rows == 0)
        return PB_OK;
    if (any_row_count_gives_the_same_bits())
        return multiply(y, x, w, bias, rows, out, in, err);
    size_t r = 0;
    for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
        TRY(multiply(y + r * out, x + r * in, w, bias, TILE_ROWS, out, in, err));
    return r < rows ? multiply_remainder(y + r * out, x + r * in, w, bias, rows - r, out, in, err) : PB_OK;
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
