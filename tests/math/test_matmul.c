/* test_matmul.c: products and their gradients against a plain loop; and the promise on which the engine's equalities
 * rest: a row's bits do not depend on how many rows are multiplied beside it, nor on the number of threads. */
#include "tests/math/numbers.h"

#include <omp.h>

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
    omp_set_num_threads(1);
    assert_ok(multiply(all, x, (weight){.f32 = w}, b, MOST, s.out, s.in, err));
    omp_set_num_threads(threads);
    for (size_t rows = 1; rows <= MOST; rows += step) {
        size_t first = (rows * 7) % (MOST - rows + 1); /* from another place each time */
        assert_ok(multiply(some, x + first * from, (weight){.f32 = w}, b, rows, s.out, s.in, err));
        assert_same_bits(some, all + first * to, rows * to, "rows");
    }
    omp_set_num_threads(1);
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
    assert_ok(matmul_linear(y, x, (weight){.f32 = w}, NULL, ROWS, OUT, IN, err));
    for (size_t shift = 1; shift < 17; shift++) {
        float *xs = zeros(ROWS * IN + shift), *ws = zeros(OUT * IN + shift), *ys = zeros(ROWS * OUT + shift);
        memcpy(xs + shift, x, ROWS * IN * sizeof *x);
        memcpy(ws + shift, w, OUT * IN * sizeof *w);
        assert_ok(matmul_linear(ys + shift, xs + shift, (weight){.f32 = ws + shift}, NULL, ROWS, OUT, IN, err));
        assert_same_bits(ys + shift, y, ROWS * OUT, "shifted");
        free(xs), free(ws), free(ys);
    }
    free(x), free(w), free(y);
}

static void the_library_has_a_name(void **state)
{
    (void)state;
    assert_true(strlen(matmul_library()) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_their_definition),
        cmocka_unit_test(gradients_are_their_definition),
        cmocka_unit_test(no_rows_are_fine),
        cmocka_unit_test(a_rows_bits_do_not_depend_on_the_others),
        cmocka_unit_test(long_sums_do_not_depend_on_them_either),
        cmocka_unit_test(gradients_of_many_outputs_do_not_depend_on_them_either),
        cmocka_unit_test(threads_do_not_show_in_a_weights_gradient),
        cmocka_unit_test(addresses_do_not_show),
        cmocka_unit_test(the_library_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
