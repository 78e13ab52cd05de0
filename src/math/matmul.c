/* matmul.c: see matmul.h. The only file that includes the matrix library's header. */
#include "math/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"

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
#include <omp.h>
#include <stdio.h>

/* Where a row's bits depend on the product it stands in, all products are of this size: a multiple of the kernels'
 * groups of rows, and columns enough for each thread to have some. */
enum { TILE_ROWS = 48, TILE_COLUMNS = 512 };

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

/* Products that take less than threads need to meet: waiting for each other costs most where other programs run too. */
static const double SMALL_FLOP = 2e6;

static pb_status multiply_on_some_threads(float *y, const float *x, const float *w, const float *bias, size_t rows,
                                          size_t out, size_t in, pb_error *err)
{
    int threads = omp_get_max_threads();
    if (2.0 * (double)rows * (double)out * (double)in < SMALL_FLOP)
        omp_set_num_threads(1);
    pb_status status = multiply(y, x, w, bias, rows, out, in, err);
    omp_set_num_threads(threads);
    return status;
}

/* Kernels for AVX-512 give a row the same bits among any number of rows, on any number of threads. Older ones take rows
 * in groups of six and treat what remains otherwise, and split rows or long sums among threads. */
static bool any_row_count_gives_the_same_bits(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

/* There, all products are of whole tiles, the last one's rows filled up with zeros, of which each is one thread's. */
typedef struct tiles {
    float *y;
    const float *x, *w, *bias;
    size_t rows, out, in;
} tiles;

static pb_status multiply_tile(const tiles *t, size_t row, size_t column, pb_error *err)
{
    size_t rows = t->rows - row < TILE_ROWS ? t->rows - row : TILE_ROWS;
    size_t columns = t->out - column < TILE_COLUMNS ? t->out - column : TILE_COLUMNS;
    float *x;
    TRY(mem_try(&x, TILE_ROWS * (t->in + columns), sizeof *x, "a tile of rows", err));
    float *y = x + TILE_ROWS * t->in;
    memcpy(x, t->x + row * t->in, rows * t->in * sizeof *x);
    memset(x + rows * t->in, 0, (TILE_ROWS - rows) * t->in * sizeof *x);
    const float *bias = t->bias ? t->bias + column : NULL;
    pb_status status = multiply(y, x, t->w + column * t->in, bias, TILE_ROWS, columns, t->in, err);
    for (size_t r = 0; r < rows && !status; r++)
        memcpy(t->y + (row + r) * t->out + column, y + r * columns, columns * sizeof *y);
    free(x);
    return status;
}

static pb_status multiply_tiles(const tiles *t, pb_error *err)
{
    size_t across = (t->out + TILE_COLUMNS - 1) / TILE_COLUMNS, down = (t->rows + TILE_ROWS - 1) / TILE_ROWS;
    pb_status status = PB_OK;
    /* always in parallel, even for one tile: inside, the library works on one thread */
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < across * down; i++) {
        pb_error failure;
        pb_status one = multiply_tile(t, i / across * TILE_ROWS, i % across * TILE_COLUMNS, &failure);
        if (one) {
#pragma omp critical
            status = fail(err, one, "%s", failure.message);
        }
    }
    return status;
}

pb_status matmul_linear(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t out,
                        size_t in, pb_error *err)
{
    TRY(start_library(err));
    if (rows == 0)
        return PB_OK;
    if (any_row_count_gives_the_same_bits())
        return multiply_on_some_threads(y, x, w, bias, rows, out, in, err);
    return multiply_tiles(&(tiles){y, x, w, bias, rows, out, in}, err);
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

pb_status matmul_rate(double *rate, size_t n, pb_error *err)
{
    enum { ROWS = 256, LARGEST = 2048, TIMES = 3 };
    float *x;
    n = n < LARGEST ? n : LARGEST;
    TRY(mem_try(&x, (2 * ROWS + n) * n, sizeof *x, "a product to be timed", err));
    for (size_t i = 0; i < (2 * ROWS + n) * n; i++)
        x[i] = (float)(i % 7);
    pb_status status = PB_OK;
    *rate = 0;
    for (size_t i = 0; i < TIMES && !status; i++) {
        double begin = clock_now();
        status = matmul_linear(x, x + ROWS * n, x + 2 * ROWS * n, NULL, ROWS, n, n, err);
        double seconds = clock_now() - begin, found = 2.0 * ROWS * (double)(n * n) / (seconds > 1e-9 ? seconds : 1e-9);
        *rate = found > *rate ? found : *rate;
    }
    free(x);
    return status;
}
