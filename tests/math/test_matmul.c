/* test_matmul.c: products against a plain loop; and the promise on which the engine's equalities rest: a row's bits do
 * not depend on how many rows are multiplied beside it, nor on the number of threads. */
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
                assert_ok(matmul_linear(y, x, w, has_bias ? b : NULL, rows, out, in, err));
                for (size_t i = 0; i < rows * out; i++) {
                    double sum = has_bias ? (double)b[i % out] : 0;
                    for (size_t k = 0; k < in; k++)
                        sum += (double)x[i / out * in + k] * (double)w[i % out * in + k];
                    assert_close((double)y[i], sum, 2e-6 * sqrt((double)in) + 1e-6 * fabs(sum), "y", i);
                }
                free(x), free(w), free(b), free(y);
            }
}

static void no_rows_are_fine(void **state)
{
    (void)state;
    float w[6] = {1, 2, 3, 4, 5, 6};
    assert_ok(matmul_linear(NULL, NULL, w, NULL, 0, 2, 3, err));
}

/* Row counts up to 200, for one shape, against the same rows among all 200 on one thread. */
static void check_rows(shape s, size_t step, int threads)
{
    enum { MOST = 200 };
    float *x = gaussians(MOST * s.in, 4), *w = gaussians(s.out * s.in, 5), *b = gaussians(s.out, 6);
    float *all = zeros(MOST * s.out), *some = zeros(MOST * s.out);
    omp_set_num_threads(1);
    assert_ok(matmul_linear(all, x, w, b, MOST, s.out, s.in, err));
    omp_set_num_threads(threads);
    for (size_t rows = 1; rows <= MOST; rows += step) {
        size_t first = (rows * 7) % (MOST - rows + 1); /* from another place each time */
        assert_ok(matmul_linear(some, x + first * s.in, w, b, rows, s.out, s.in, err));
        assert_same_bits(some, all + first * s.out, rows * s.out, "rows");
    }
    omp_set_num_threads(1);
    free(x), free(w), free(b), free(all), free(some);
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

static void addresses_do_not_show(void **state)
{
    (void)state;
    enum { OUT = 50, IN = 37, ROWS = 9 };
    if (!matmul_row_invariant())
        skip();
    float *x = gaussians(ROWS * IN, 7), *w = gaussians(OUT * IN, 8), *y = zeros(ROWS * OUT);
    assert_ok(matmul_linear(y, x, w, NULL, ROWS, OUT, IN, err));
    for (size_t shift = 1; shift < 17; shift++) {
        float *xs = zeros(ROWS * IN + shift), *ws = zeros(OUT * IN + shift), *ys = zeros(ROWS * OUT + shift);
        memcpy(xs + shift, x, ROWS * IN * sizeof *x);
        memcpy(ws + shift, w, OUT * IN * sizeof *w);
        assert_ok(matmul_linear(ys + shift, xs + shift, ws + shift, NULL, ROWS, OUT, IN, err));
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
        cmocka_unit_test(no_rows_are_fine),
        cmocka_unit_test(a_rows_bits_do_not_depend_on_the_others),
        cmocka_unit_test(long_sums_do_not_depend_on_them_either),
        cmocka_unit_test(addresses_do_not_show),
        cmocka_unit_test(the_library_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
