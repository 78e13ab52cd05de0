/* test_low_rank.c: changes of low rank against their definitions in float64, for shapes around the tiles' edges. */
#include "tests/math/numbers.h"

#include "math/low_rank.h"

static const size_t shapes[][3] = { /* rows, in, rank */
    {1, 1, 1}, {3, 7, 2}, {5, 63, 1}, {4, 64, 3}, {2, 65, 63}, {33, 130, 64}, {7, 200, 65}, {2, 128, 150},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static void a_merged_matrix_is_the_sum(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], in = shapes[s][1], rank = shapes[s][2];
        float *w = gaussians(rows * in, 1), *left = gaussians(rows * rank, 2), *right = gaussians(rank * in, 3);
        float *merged = zeros(rows * in);
        memcpy(merged, w, rows * in * sizeof *w);
        low_rank_merge(merged, left, right, rows, in, rank);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < in; j++) {
                double sum = (double)w[i * in + j];
                for (size_t r = 0; r < rank; r++)
                    sum += (double)left[i * rank + r] * (double)right[r * in + j];
                assert_close((double)merged[i * in + j], sum, 2e-6 * (double)(rank + 4), "merged", i * in + j);
            }
        for (size_t i = 0; i < rows; i++) { /* a row by itself */
            float *alone = zeros(in);
            memcpy(alone, w + i * in, in * sizeof *w);
            low_rank_merge(alone, left + i * rank, right, 1, in, rank);
            assert_same_bits(alone, merged + i * in, in, "a row");
            free(alone);
        }
        free(w), free(left), free(right), free(merged);
    }
}

static void nothing_changes_no_bit(void **state)
{
    (void)state;
    enum { ROWS = 3, IN = 70, RANK = 2 };
    float *w = gaussians(ROWS * IN, 1), *right = gaussians(RANK * IN, 2), *merged = zeros(ROWS * IN);
    static const float left[ROWS * RANK] = {0, -0.f, 0, 0, -0.f, -0.f};
    w[5] = w[68] = -0.f;
    memcpy(merged, w, ROWS * IN * sizeof *w);
    low_rank_merge(merged, left, right, ROWS, IN, RANK);
    assert_same_bits(merged, w, ROWS * IN, "unchanged");
    free(w), free(right), free(merged);
}

/* The same change, of the rows that the matrix has multiplied. */
static void a_changed_row_is_the_sum(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t out = shapes[s][0], in = shapes[s][1], rank = shapes[s][2];
        float *y = gaussians(out, 1), *x = gaussians(in, 2), *a = gaussians(rank * in, 3),
              *b = gaussians(rank * out, 4);
        double *expected = mem_new(out, sizeof *expected);
        for (size_t i = 0; i < out; i++)
            expected[i] = (double)y[i];
        double scale = 1;
        for (size_t r = 0; r < rank; r++) {
            double sum = 0;
            for (size_t j = 0; j < in; j++)
                sum += (double)x[j] * (double)a[r * in + j];
            assert_close((double)dot(x, a + r * in, in), sum, 1e-5 * sqrt((double)in), "dot", r);
            for (size_t i = 0; i < out; i++)
                expected[i] += sum * (double)b[r * out + i];
            scale += fabs(sum);
        }
        low_rank_add(y, x, a, b, rank, out, in);
        for (size_t i = 0; i < out; i++)
            assert_close((double)y[i], expected[i], 2e-6 * scale * 4, "y", i);
        free(y), free(x), free(a), free(b), free(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merged_matrix_is_the_sum),
        cmocka_unit_test(nothing_changes_no_bit),
        cmocka_unit_test(a_changed_row_is_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
