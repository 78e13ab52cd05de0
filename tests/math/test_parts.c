/* test_parts.c: rows in parts: all of them, once, with the bits that they have together; errors; what a meter counts. */
#include "tests/math/numbers.h"

#include <omp.h>

#include "base/meter.h"
#include "math/matmul.h"
#include "math/parts.h"

enum { MOST = 1200, IN = 96, OUT = 80 };

typedef struct scene {
    float *x, *w, *y;
    int *calls;       /* [rows] */
    size_t bad;       /* the row whose part fails; MOST: none does */
} scene;

static pb_status multiply(const void *job, size_t first, size_t rows, pb_error *err)
{
    const scene *s = job;
    for (size_t r = first; r < first + rows; r++)
        s->calls[r]++;
    if (s->bad >= first && s->bad < first + rows)
        return fail(err, PB_EINVAL, "row %zu", s->bad);
    return matmul_linear(s->y + first * OUT, s->x + first * IN, (weight){.f32 = s->w}, NULL, rows, OUT, IN, err);
}

static scene new_scene(void)
{
    return (scene){gaussians(MOST * IN, 1), gaussians(OUT * IN, 2), zeros(MOST * OUT), calloc(MOST, sizeof(int)), MOST};
}

static void free_scene(scene *s)
{
    free(s->x), free(s->w), free(s->y), free(s->calls);
}

static void every_row_once_with_the_same_bits(void **state)
{
    (void)state;
    scene s = new_scene(), whole = new_scene();
    const size_t rows[] = {0, 1, 127, 255, 256, 257, 300, 577, 1024, MOST};
    omp_set_num_threads(1);
    assert_ok(multiply(&whole, 0, MOST, err));
    for (int threads = 1; threads <= 4; threads++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            memset(s.calls, 0, MOST * sizeof *s.calls);
            memset(s.y, 0, MOST * OUT * sizeof *s.y);
            omp_set_num_threads(threads);
            assert_ok(rows_in_parts(multiply, &s, rows[i], err));
            assert_int_equal(omp_get_max_threads(), threads);
            for (size_t r = 0; r < MOST; r++)
                assert_int_equal(s.calls[r], r < rows[i]);
            if (matmul_row_invariant())
                assert_same_bits(whole.y, s.y, rows[i] * OUT, "in parts");
        }
    omp_set_num_threads(1);
    free_scene(&s), free_scene(&whole);
}

static void a_part_that_fails_is_told(void **state)
{
    (void)state;
    scene s = new_scene();
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        s.bad = 299;
        assert_fails(rows_in_parts(multiply, &s, 300, err), PB_EINVAL, "row 299");
        s.bad = 0;
        assert_fails(rows_in_parts(multiply, &s, 600, err), PB_EINVAL, "row 0");
    }
    omp_set_num_threads(1);
    free_scene(&s);
}

/* Whichever thread did it, it counts in the phase in which they parted. */
static void a_meter_counts_all_parts(void **state)
{
    (void)state;
    scene s = new_scene();
    for (int threads = 1; threads <= 3; threads++) {
        meter m;
        omp_set_num_threads(threads);
        meter_start(&m);
        meter_kind before = meter_enter(METER_PICTURE);
        assert_ok(rows_in_parts(multiply, &s, 577, err));
        meter_leave(before);
        meter_stop();
        assert_true(m.phase[METER_PICTURE].flop == 2.0 * 577 * OUT * IN);
        assert_true(m.phase[METER_PRODUCTS].flop == 0);
    }
    omp_set_num_threads(1);
    free_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once_with_the_same_bits),
        cmocka_unit_test(a_part_that_fails_is_told),
        cmocka_unit_test(a_meter_counts_all_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
