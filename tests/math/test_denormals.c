/* test_denormals.c: denormal numbers are zeros, on every thread. */
#include "tests/support.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>

#include "math/denormals.h"
#include "math/matmul.h"

static void *look(void *flushed)
{
    *(bool *)flushed = denormals_flushed();
    return NULL;
}

static void every_thread_flushes(void **state)
{
    (void)state;
    int set = 0, all = 0;
    omp_set_num_threads(2);
#pragma omp parallel
    {
    } /* threads from before */
    denormals_flush();
#if defined __x86_64__ || defined __aarch64__
    for (int threads = 2; threads <= 5; threads += 3) { /* and new ones */
        omp_set_num_threads(threads);
#pragma omp parallel reduction(+ : set, all)
        {
            set += denormals_flushed();
            all++;
        }
    }
    assert_int_equal(set, all);
    pthread_t worker;
    bool there = false;
    assert_int_equal(pthread_create(&worker, NULL, look, &there), 0);
    pthread_join(worker, NULL);
    assert_true(there);
    volatile float tiny = 0x1p-130f, one = 1;
    assert_true(tiny * one == 0);
#endif
}

/* Beside a number of ordinary size denormal terms are rounded away: flushed or not, a product is the same. */
static void products_do_not_change(void **state)
{
    (void)state;
    enum { ROWS = 3, IN = 64, OUT = 48 };
    static float x[ROWS * IN], w[OUT * IN], y[ROWS * OUT];
    for (size_t i = 0; i < ROWS * IN; i++)
        x[i] = (float)(i % 11) - 5;
    for (size_t i = 0; i < OUT * IN; i++)
        w[i] = i % 3 ? 0x1p-140f * (float)(i % 7) : (float)(i % 5) + 1;
    denormals_flush();
    assert_ok(matmul_linear(y, x, (weight){.f32 = w}, NULL, ROWS, OUT, IN, err));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < OUT; o++) {
            double sum = 0;
            for (size_t i = 0; i < IN; i++)
                if (fabsf(w[o * IN + i]) >= 1)
                    sum += (double)x[r * IN + i] * (double)w[o * IN + i];
            assert_true((double)y[r * OUT + o] == sum);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_thread_flushes), cmocka_unit_test(products_do_not_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
