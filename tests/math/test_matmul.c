/* test_matmul.c: products and their gradients against a plain loop; and the promise on which the engine's equalities
 * rest: a row's bits do not depend on how many rows are multiplied beside it, nor on the number of threads. */
#include "tests/math/numbers.h"

#include <omp.h>

#include "math/bf16.h"
#include "math/few_rows.h"
#include "math/matmul.h"

typedef struct shape {
    size_t out, in;
} shape;

static void products_are_their_definition(void **state)
{
    (void)state;
    static const shape shapes[] = {{1, 1}, {1, 7}, {3, 2}, {16, 16}, {33, 70}, {64, 31}, {100, 300}};
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (size_t rows = 1; rows < 80; rows += 1 + rows / 2)
            for (size_t has_bias = 0; has_bias < 2; has_bias++) {
                size_t out = shapes[c].out, in = shapes[c].in;
                float *x = gaussians(rows * in, 1), *w = gaussians(out * in, 2), *b = gaussians(out, 3), *y = zeros(rows * out);
                assert_ok(matmul_linear(y, x, (weight){.f32 = w}, has_bias ? b : NULL, rows, out, in, err));
                for (size_t i = 0; i < rows * out; i++) {
                    double sum = has_bias ? (double)b[i % out] : 0;
                    for (size_t k = 0; k < in; k++)
                        sum += (double)x[i / out * in + k] * (double)w[i % out * in + k];
                    assert_close((double)y[i], sum, 2e-6 * sqrt((double)in) + 1e-6 * fabs(sum), "y", i);
                }
                free(x), free(w), free(b), free(y);
            }
}

static void check_input_gradient(shape s, size_t rows)
{
    float *dy = gaussians(rows * s.out, 1), *w = gaussians(s.out * s.in, 2), *dx = gaussians(rows * s.in, 3);
    assert_ok(matmul_linear_input(dx, dy, (weight){.f32 = w}, rows, s.out, s.in, err));
    for (size_t i = 0; i < rows * s.in; i++) {
        double sum = 0;
        for (size_t o = 0; o < s.out; o++)
            sum += (double)dy[i / s.in * s.out + o] * (double)w[o * s.in + i % s.in];
        assert_close((double)dx[i], sum, 2e-6 * sqrt((double)s.out) + 1e-6 * fabs(sum), "dx", i);
    }
    free(dy), free(w), free(dx);
}

/* dw and dbias are added to. */
static void check_weight_gradient(shape s, size_t rows, bool has_bias)
{
    float *dy = gaussians(rows * s.out, 1), *x = gaussians(rows * s.in, 2), *dw = gaussians(s.out * s.in, 3);
    float *before = gaussians(s.out * s.in, 3), *dbias = gaussians(s.out, 4), *bias_before = gaussians(s.out, 4);
    assert_ok(matmul_linear_weight(dw, has_bias ? dbias : NULL, dy, x, rows, s.out, s.in, err));
    for (size_t i = 0; i < s.out * s.in; i++) {
        double sum = (double)before[i];
        for (size_t r = 0; r < rows; r++)
            sum += (double)dy[r * s.out + i / s.in] * (double)x[r * s.in + i % s.in];
        assert_close((double)dw[i], sum, 2e-6 * sqrt((double)rows) + 1e-6 * fabs(sum), "dw", i);
    }
    for (size_t o = 0; o < s.out; o++) {
        double sum = (double)bias_before[o];
        for (size_t r = 0; r < rows && has_bias; r++)
            sum += (double)dy[r * s.out + o];
        assert_close((double)dbias[o], sum, 2e-6 * sqrt((double)rows) + 1e-6 * fabs(sum), "dbias", o);
    }
    free(dy), free(x), free(dw), free(before), free(dbias), free(bias_before);
}

static void gradients_are_their_definition(void **state)
{
    (void)state;
    static const shape shapes[] = {{1, 1}, {1, 7}, {3, 2}, {16, 16}, {33, 70}, {64, 31}, {100, 300}, {50, 1100}};
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (size_t rows = 1; rows < 80; rows += 1 + rows / 2) {
            check_input_gradient(shapes[c], rows);
            check_weight_gradient(shapes[c], rows, false);
            check_weight_gradient(shapes[c], rows, true);
        }
}

static void no_rows_are_fine(void **state)
{
    (void)state;
    float w[6] = {1, 2, 3, 4, 5, 6}, b[2] = {7, 8};
    assert_ok(matmul_linear(NULL, NULL, (weight){.f32 = w}, NULL, 0, 2, 3, err));
    assert_ok(matmul_linear_input(NULL, NULL, (weight){.f32 = w}, 0, 2, 3, err));
    assert_ok(matmul_linear_weight(w, b, NULL, NULL, 0, 2, 3, err));
    for (size_t i = 0; i < 6; i++)
        assert_true(w[i] == (float)(i + 1));
    assert_true(b[0] == 7 && b[1] == 8);
}

/* ---- bf16 ---- */

/* n Gaussians that are bf16 numbers, and those numbers as floats. free() both */
static uint16_t *bf16_gaussians(size_t n, uint64_t seed, float **values)
{
    uint16_t *x = malloc(n * sizeof *x);
    assert_non_null(x);
    *values = gaussians(n, seed);
    bf16_round(x, *values, n);
    bf16_widen(*values, x, n);
    return x;
}

/* What rounding gives of a float, by the definition: of the two bf16 that it lies between the nearer one. */
static float nearest_by_definition(float x)
{
    uint32_t bits, low, high;
    float below, above;
    memcpy(&bits, &x, sizeof bits);
    low = bits & 0xffff0000, high = low + 0x10000;
    memcpy(&below, &low, sizeof below);
    memcpy(&above, &high, sizeof above);
    double to_below = fabs((double)x - (double)below), to_above = fabs((double)above - (double)x);
    if (isinf(above))
        to_above = fabs(ldexp(1, 128) - fabs((double)x));
    return to_below < to_above || (to_below == to_above && (low >> 16) % 2 == 0) ? below : above;
}

static void bf16_is_the_nearest(void **state)
{
    (void)state;
    random_state r = random_from(5);
    const uint32_t edges[] = {0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0x00000001, 0x00007fff, 0x00008000, 0x00018000,
                              0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x80000000};
    for (size_t i = 0; i < 20000; i++) {
        uint32_t bits = i < sizeof edges / sizeof *edges ? edges[i] : (uint32_t)random_next(&r);
        uint16_t rounded;
        float x, wide, in_place;
        memcpy(&x, &bits, sizeof x);
        bf16_round(&rounded, &x, 1);
        bf16_widen(&wide, &rounded, 1);
        in_place = x;
        bf16_round_float(&in_place, 1);
        assert_true(isnan(x) ? isnan(wide) && isnan(in_place) : wide == in_place);
        assert_int_equal(bf16_finite(&rounded, 1), isfinite(wide) != 0);
        if (isfinite(x))
            assert_true(wide == nearest_by_definition(x));
        else
            assert_true(isnan(x) || wide == x);
    }
    for (size_t n = 0; n < 100; n++) { /* wherever it stands */
        uint16_t x[100] = {0};
        assert_true(bf16_finite(x, n));
        x[n] = n % 2 ? 0x7f80 : 0xffc0;
        assert_false(bf16_finite(x, n + 1));
    }
}

/* y = x w^T + b and dx = dy w of rounded numbers, against sums in f64. */
static void check_bf16(shape s, size_t rows, bool has_bias)
{
    float *w_values, *x = gaussians(rows * s.in, 1), *b = gaussians(s.out, 3), *y = zeros(rows * s.out);
    float *dy = gaussians(rows * s.out, 4), *dx = zeros(rows * s.in);
    uint16_t *w = bf16_gaussians(s.out * s.in, 2, &w_values);
    assert_ok(matmul_linear(y, x, (weight){.bf16 = w}, has_bias ? b : NULL, rows, s.out, s.in, err));
    assert_ok(matmul_linear_input(dx, dy, (weight){.bf16 = w}, rows, s.out, s.in, err));
    bf16_round_float(x, rows * s.in);
    bf16_round_float(dy, rows * s.out);
    for (size_t i = 0; i < rows * s.out; i++) {
        double sum = has_bias ? (double)b[i % s.out] : 0;
        for (size_t k = 0; k < s.in; k++)
            sum += (double)x[i / s.out * s.in + k] * (double)w_values[i % s.out * s.in + k];
        assert_close((double)y[i], sum, 2e-6 * sqrt((double)s.in) + 1e-6 * fabs(sum), "y", i);
    }
    for (size_t i = 0; i < rows * s.in; i++) {
        double sum = 0;
        for (size_t o = 0; o < s.out; o++)
            sum += (double)dy[i / s.in * s.out + o] * (double)w_values[o * s.in + i % s.in];
        assert_close((double)dx[i], sum, 2e-6 * sqrt((double)s.out) + 1e-6 * fabs(sum), "dx", i);
    }
    free(x), free(b), free(y), free(dy), free(dx), free(w), free(w_values);
}

static void bf16_products_are_sums_of_rounded_numbers(void **state)
{
    (void)state;
    static const shape shapes[] = {{1, 1}, {1, 7}, {3, 2}, {16, 16}, {33, 70}, {64, 31}, {100, 300}, {50, 1100}};
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (size_t rows = 1; rows < 80; rows += 1 + rows / 2) {
            check_bf16(shapes[c], rows, false);
            check_bf16(shapes[c], rows, true);
        }
    assert_ok(matmul_linear(NULL, NULL, (weight){.bf16 = (uint16_t[6]){0}}, NULL, 0, 2, 3, err));
    assert_ok(matmul_linear_input(NULL, NULL, (weight){.bf16 = (uint16_t[6]){0}}, 0, 2, 3, err));
}

/* A row that holds NaN or infinity says so in the whole of its result, and in no other row. */
static void what_is_not_finite_stays_so_in_bf16(void **state)
{
    (void)state;
    enum { ROWS = 5, IN = 40, OUT = 30 };
    float *values, *x = gaussians(ROWS * IN, 1), *y = zeros(ROWS * OUT);
    uint16_t *w = bf16_gaussians(OUT * IN, 2, &values);
    uint32_t bits = 0x7fffffff; /* the NaN that rounding would make a zero */
    memcpy(&x[2 * IN + 7], &bits, sizeof bits);
    x[3 * IN] = INFINITY;
    assert_ok(matmul_linear(y, x, (weight){.bf16 = w}, NULL, ROWS, OUT, IN, err));
    for (size_t i = 0; i < ROWS * OUT; i++)
        assert_int_equal(isfinite(y[i]) != 0, i / OUT != 2 && i / OUT != 3);
    free(x), free(y), free(w), free(values);
}

/* ---- rows ---- */

/* A product of rows: to[rows][] of from[rows][], with the same matrix and bias. */
typedef pb_status row_product(float *to, const float *from, weight w, const float *b, size_t rows, size_t out,
                              size_t in, pb_error *err);

static pb_status input_gradient(float *dx, const float *dy, weight w, const float *b, size_t rows, size_t out,
                                size_t in, pb_error *err)
{
    (void)b;
    return matmul_linear_input(dx, dy, w, rows, out, in, err);
}

/* Row counts up to 200, for one shape, against the same rows among all 200 on one thread. */
static void check_rows_of(row_product *multiply, size_t to, size_t from, shape s, size_t step, int threads)
{
    enum { MOST = 200 };
    float *x = gaussians(MOST * from, 4), *w = gaussians(s.out * s.in, 5), *b = gaussians(s.out, 6);
    float *all = zeros(MOST * to), *some = zeros(MOST * to);
    uint16_t *rounded = malloc(s.out * s.in * sizeof *rounded);
    bf16_round(rounded, w, s.out * s.in);
    const weight forms[] = {{.f32 = w}, {.bf16 = rounded}};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        omp_set_num_threads(1);
        assert_ok(multiply(all, x, forms[f], b, MOST, s.out, s.in, err));
        omp_set_num_threads(threads);
        for (size_t rows = 1; rows <= MOST; rows += step) {
            size_t first = (rows * 7) % (MOST - rows + 1); /* from another place each time */
            assert_ok(multiply(some, x + first * from, forms[f], b, rows, s.out, s.in, err));
            assert_same_bits(some, all + first * to, rows * to, "rows");
        }
    }
    omp_set_num_threads(1);
    free(rounded);
    free(x), free(w), free(b), free(all), free(some);
}

/* The input's gradient too, of the shape whose sums are as long. */
static void check_rows(shape s, size_t step, int threads)
{
    check_rows_of(matmul_linear, s.out, s.in, s, step, threads);
    check_rows_of(input_gradient, s.out, s.in, (shape){s.in, s.out}, step, threads);
}

static void a_rows_bits_do_not_depend_on_the_others(void **state)
{
    (void)state;
    static const shape shapes[] = {{1, 5}, {16, 64}, {33, 70}, {64, 64}, {96, 64}, {48, 31}, {570, 32}, {192, 576}};
    if (!matmul_row_invariant())
        skip();
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        check_rows(shapes[c], c == 0 || c == 2 || c == 4 ? 1 : 7, 1);
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        check_rows(shapes[c], 29, 2);
}

static void long_sums_do_not_depend_on_them_either(void **state)
{
    (void)state;
    static const shape shapes[] = {{64, 4096}, {40, 11008}, {1536, 576}, {2048, 64}};
    if (!matmul_row_invariant())
        skip();
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (int threads = 1; threads <= 2; threads++)
            check_rows(shapes[c], 49, threads);
}

/* As long as a vocabulary: what reaches the last layer's rows from all tokens' logits. */
static void gradients_of_many_outputs_do_not_depend_on_them_either(void **state)
{
    (void)state;
    if (!matmul_row_invariant())
        skip();
    check_rows_of(input_gradient, 16, 30000, (shape){30000, 16}, 66, 3);
}

static void threads_do_not_show_in_a_weights_gradient(void **state)
{
    (void)state;
    static const shape shapes[] = {{1, 5}, {33, 70}, {64, 64}, {570, 32}, {40, 1100}};
    static const size_t rows[] = {1, 70, 1100, 5000};
    if (!matmul_row_invariant())
        skip();
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            shape s = shapes[c];
            float *dy = gaussians(rows[r] * s.out, 1), *x = gaussians(rows[r] * s.in, 2);
            float *one = gaussians(s.out * s.in, 3), *bias = gaussians(s.out, 4);
            assert_ok(matmul_linear_weight(one, bias, dy, x, rows[r], s.out, s.in, err));
            for (int threads = 2; threads <= 4; threads++) {
                float *dw = gaussians(s.out * s.in, 3), *dbias = gaussians(s.out, 4);
                omp_set_num_threads(threads);
                assert_ok(matmul_linear_weight(dw, dbias, dy, x, rows[r], s.out, s.in, err));
                assert_same_bits(one, dw, s.out * s.in, "dw");
                assert_same_bits(bias, dbias, s.out, "dbias");
                free(dw), free(dbias);
            }
            omp_set_num_threads(1);
            free(dy), free(x), free(one), free(bias);
        }
}

static void addresses_do_not_show(void **state)
{
    (void)state;
    enum { OUT = 50, IN = 37, ROWS = 9 };
    if (!matmul_row_invariant())
        skip();
    float *x = gaussians(ROWS * IN, 7), *w = gaussians(OUT * IN, 8), *y = zeros(ROWS * OUT);
    uint16_t *bf16 = malloc(OUT * IN * sizeof *bf16);
    float *y_bf16 = zeros(ROWS * OUT);
    bf16_round(bf16, w, OUT * IN);
    assert_ok(matmul_linear(y, x, (weight){.f32 = w}, NULL, ROWS, OUT, IN, err));
    assert_ok(matmul_linear(y_bf16, x, (weight){.bf16 = bf16}, NULL, ROWS, OUT, IN, err));
    for (size_t shift = 1; shift < 17; shift++) {
        float *xs = zeros(ROWS * IN + shift), *ws = zeros(OUT * IN + shift), *ys = zeros(ROWS * OUT + shift);
        uint16_t *halves = malloc((OUT * IN + shift) * sizeof *halves);
        memcpy(xs + shift, x, ROWS * IN * sizeof *x);
        memcpy(ws + shift, w, OUT * IN * sizeof *w);
        memcpy(halves + shift, bf16, OUT * IN * sizeof *bf16);
        assert_ok(matmul_linear(ys + shift, xs + shift, (weight){.f32 = ws + shift}, NULL, ROWS, OUT, IN, err));
        assert_same_bits(ys + shift, y, ROWS * OUT, "shifted");
        assert_ok(matmul_linear(ys + shift, xs + shift, (weight){.bf16 = halves + shift}, NULL, ROWS, OUT, IN, err));
        assert_same_bits(ys + shift, y_bf16, ROWS * OUT, "shifted bf16");
        free(xs), free(ws), free(ys), free(halves);
    }
    free(x), free(w), free(y), free(bf16), free(y_bf16);
}

static void the_library_has_a_name(void **state)
{
    (void)state;
    assert_true(strlen(matmul_library()) > 3);
}

/* ---- a few rows, whose products are our own where they give the library's bits ---- */

/* A sum as few_rows.h defines it. */
static float chain(const float *x, const float *w, size_t in, size_t block)
{
    float total = 0;
    for (size_t k = 0; k < in; k += block) {
        float sum = 0;
        for (size_t i = k; i < in && i < k + block; i++)
            sum = fmaf(x[i], w[i], sum);
        total = k ? total + sum : sum;
    }
    return total;
}

static void few_rows_are_chains(void **state)
{
    (void)state;
    static const shape shapes[] = {{1, 1}, {3, 40}, {16, 16}, {17, 100}, {200, 700}};
    if (!few_rows_f32_runs())
        skip();
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (size_t rows = 1; rows <= FEW_ROWS; rows++)
            for (size_t block = 32; block < 3000; block *= 4) {
                size_t out = shapes[c].out, in = shapes[c].in;
                float *x = gaussians(rows * in, 1), *w = gaussians(out * in, 2), *b = gaussians(out, 3);
                float *y = zeros(rows * out), *expected = zeros(rows * out), *interleaved = zeros(rows * in);
                few_rows_interleave(interleaved, x, rows, in);
                few_rows_f32(&(few_rows_product){.y = y, .x = interleaved, .w = w, .bias = b, .rows = rows, .out = out,
                                                 .in = in, .block = block});
                for (size_t i = 0; i < rows * out; i++)
                    expected[i] = chain(x + i / out * in, w + i % out * in, in, block) + b[i % out];
                assert_same_bits(y, expected, rows * out, "few rows");
                free(x), free(w), free(b), free(y), free(expected), free(interleaved);
            }
}

static void few_rows_give_the_bits_of_many(void **state)
{
    (void)state;
    enum { MANY = 40 };
    static const shape shapes[] = {{64, 64}, {192, 576}, {576, 1536}, {100, 1024}, {70, 2080}, {64, 4096}, {65, 11008}};
    if (!matmul_row_invariant())
        skip();
    for (size_t c = 0; c < 2 * sizeof shapes / sizeof *shapes; c++) {
        size_t out = shapes[c / 2].out, in = shapes[c / 2].in;
        float *x = gaussians(MANY * in, 1), *w = gaussians(out * in, 2), *b = gaussians(out, 3);
        float *all = zeros(MANY * out), *y = zeros(MANY * out);
        uint16_t *rounded = mem_new(out * in, sizeof *rounded);
        bf16_round(rounded, w, out * in);
        weight m = c % 2 ? (weight){.bf16 = rounded} : (weight){.f32 = w};
        assert_ok(matmul_linear(all, x, m, b, MANY, out, in, err));
        for (size_t rows = 1; rows <= FEW_ROWS + 1; rows++)
            for (int threads = 1; threads <= 2; threads++) {
                omp_set_num_threads(threads);
                assert_ok(matmul_linear(y, x + 7 * in, m, b, rows, out, in, err));
                assert_same_bits(y, all + 7 * out, rows * out, "few rows of many");
            }
        omp_set_num_threads(1);
        free(x), free(w), free(b), free(all), free(y), free(rounded);
    }
}

/* ---- matrices as files have them ---- */

/* A matrix of random blocks; bits of the exponents are left out, so that no f16, bf16 or f32 among them is infinite. */
static tensor random_stored(dtype type, size_t rows, size_t width, unsigned char **data)
{
    const dtype_block *block = dtype_find(type);
    size_t bytes = rows * width / block->elements * block->bytes;
    random_state r = random_from(type + 1);
    *data = mem_new(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        (*data)[i] = (unsigned char)(random_next(&r) & 0xbb);
    return (tensor){.name = "w", .file = "a file", .type = type, .rank = 2, .shape = {rows, width, 1, 1},
                    .count = rows * width, .data = *data};
}

enum { STORED_ROWS = 18, STORED_FIRST = 3 };

/* Products with rows 3 .. of the stored matrix, and with the same numbers widened, in f32 or rounded to bf16. */
static void check_stored(const tensor *t, size_t out, bool rounded)
{
    size_t in = t->shape[1];
    float *x = gaussians(STORED_ROWS * in, 1), *b = gaussians(out, 3), *wide = zeros(out * in);
    float *y = zeros(STORED_ROWS * (out + in)), *expected = zeros(STORED_ROWS * (out + in));
    uint16_t *half = mem_new(out * in, sizeof *half);
    assert_true(tensor_read(t, STORED_FIRST * in, out * in, wide));
    bf16_round(half, wide, out * in);
    weight stored = {.stored = t, .first = STORED_FIRST, .rounded = rounded};
    weight plain = rounded ? (weight){.bf16 = half} : (weight){.f32 = wide};
    static const size_t counts[] = {1, 5, MATMUL_FEW_ROWS, STORED_ROWS}; /* of the last the matrix is widened */
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        size_t rows = counts[c];
        omp_set_num_threads(rows == 5 ? 2 : 1);
        assert_ok(matmul_linear(expected, x, plain, b, rows, out, in, err));
        assert_ok(matmul_linear(y, x, stored, b, rows, out, in, err));
        assert_same_bits(y, expected, rows * out, t->layout ? "rows in another order" : dtype_find(t->type)->name);
    }
    omp_set_num_threads(1);
    assert_ok(matmul_linear_input(expected, y, plain, 5, out, in, err));
    assert_ok(matmul_linear_input(y + STORED_ROWS * out, y, stored, 5, out, in, err));
    assert_same_bits(y + STORED_ROWS * out, expected, 5 * in, "gradients of inputs");
    free(x), free(b), free(wide), free(y), free(expected), free(half);
}

static void stored_matrices_give_the_bits_of_widened_ones(void **state)
{
    (void)state;
    static const shape shapes[] = {{64, 256}, {100, 768}, {70, 2560}};
    for (dtype type = 0; type < DTYPE_OTHER; type++)
        for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++) {
            unsigned char *data;
            size_t out = shapes[c].out, in = shapes[c].in, rows = out + STORED_FIRST + 1;
            tensor t = random_stored(type, rows, in, &data);
            tensor_layout pairs = {3, {2, rows / 2, in}, {in, 2 * in, 1}}; /* even rows, then odd ones */
            for (size_t rounded = 0; rounded < 2; rounded++) {
                t.layout = NULL;
                check_stored(&t, out, rounded);
                t.layout = rows % 2 ? NULL : &pairs;
                check_stored(&t, out, rounded);
            }
            free(data);
        }
}

/* They are read in place as soon as their shape is known, on processors that can; others are widened. */
static void stored_matrices_are_read_in_place(void **state)
{
    (void)state;
    unsigned char *data;
    tensor t = random_stored(DTYPE_Q4_K, 96, 512, &data), odd = t, swapped = t;
    odd.layout = &(tensor_layout){2, {96, 512}, {1, 96}};
    swapped.swapped = true;
    assert_false(matmul_reads_stored((weight){.stored = &t}, 96, 512)); /* no product has met this shape */
    check_stored(&t, 96 - STORED_FIRST, false);
    const char *isa = getenv("DNNL_MAX_CPU_ISA"); /* older kernels' sums are not those of few_rows.h */
    assert_int_equal(matmul_reads_stored((weight){.stored = &t}, 96 - STORED_FIRST, 512),
                     few_rows_f32_runs() && matmul_row_invariant() && (!isa || strncmp(isa, "AVX512", 6) == 0));
    assert_false(matmul_reads_stored((weight){.stored = &odd}, 96 - STORED_FIRST, 512));
    assert_false(matmul_reads_stored((weight){.stored = &swapped}, 96 - STORED_FIRST, 512));
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_their_definition),
        cmocka_unit_test(gradients_are_their_definition),
        cmocka_unit_test(no_rows_are_fine),
        cmocka_unit_test(bf16_is_the_nearest),
        cmocka_unit_test(bf16_products_are_sums_of_rounded_numbers),
        cmocka_unit_test(what_is_not_finite_stays_so_in_bf16),
        cmocka_unit_test(a_rows_bits_do_not_depend_on_the_others),
        cmocka_unit_test(long_sums_do_not_depend_on_them_either),
        cmocka_unit_test(gradients_of_many_outputs_do_not_depend_on_them_either),
        cmocka_unit_test(threads_do_not_show_in_a_weights_gradient),
        cmocka_unit_test(addresses_do_not_show),
        cmocka_unit_test(few_rows_are_chains),
        cmocka_unit_test(few_rows_give_the_bits_of_many),
        cmocka_unit_test(stored_matrices_give_the_bits_of_widened_ones),
        cmocka_unit_test(stored_matrices_are_read_in_place),
        cmocka_unit_test(the_library_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
