/* test_elementwise.c: norms, rotary embedding and activations against PyTorch's; e^x over its whole range; and the
 * promise that an element's bits do not depend on where it stands. */
#include "tests/math/numbers.h"

#include <float.h>

#include "math/elementwise.h"
#include "math/exp.h"

static json_t *golden;

static int read_golden(void **state)
{
    (void)state;
    assert_ok(json_read_file(&golden, GOLDEN("math/golden/math.json"), err));
    return 0;
}

static int drop_golden(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

/* ---- against PyTorch ---- */

static void norms_are_pytorchs(void **state)
{
    (void)state;
    size_t c;
    const json_t *of;
    json_array_foreach(json_object_get(golden, "norms"), c, of)
    {
        size_t d, n;
        float *x = json_floats(of, "x", &n), *w = json_floats(of, "w", &d), *b = json_floats(of, "b", &d), *y = zeros(n);
        double *rms = json_numbers(of, "rms", &n), *layer = json_numbers(of, "layer", &n);
        float eps = (float)json_number_value(json_object_get(of, "eps"));
        rms_norm(y, x, w, eps, n / d, d);
        for (size_t i = 0; i < n; i++)
            assert_close((double)y[i], rms[i], 3e-7 * fabs(rms[i]), "rms_norm", i);
        layer_norm(y, x, w, b, eps, n / d, d);
        for (size_t i = 0; i < n; i++)
            assert_close((double)y[i], layer[i], 1e-6 * (1 + fabs(layer[i])), "layer_norm", i);
        free(x), free(w), free(b), free(y), free(rms), free(layer);
    }
}

/* x = 10 +- 1: the mean is ten times the spread, which a sum of squares without the mean would lose. */
static void layer_norm_keeps_its_precision_far_from_zero(void **state)
{
    (void)state;
    enum { D = 1024 };
    float *x = gaussians(D, 1), *w = zeros(D), *b = zeros(D), *y = zeros(D);
    double mean = 0, var = 0;
    for (size_t i = 0; i < D; i++) {
        x[i] = 1000 + x[i];
        w[i] = 1;
        mean += (double)x[i] / D;
    }
    for (size_t i = 0; i < D; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean) / D;
    layer_norm(y, x, w, b, 1e-5f, 1, D);
    for (size_t i = 0; i < D; i++)
        assert_close((double)y[i], ((double)x[i] - mean) / sqrt(var + 1e-5), 1e-4, "layer_norm", i);
    free(x), free(w), free(b), free(y);
}

static void rotary_rows_are_hfs(void **state)
{
    (void)state;
    size_t c;
    const json_t *of;
    json_array_foreach(json_object_get(golden, "rotary"), c, of)
    {
        size_t half, n, positions, heads = (size_t)json_number_value(json_object_get(of, "heads"));
        size_t d = (size_t)json_number_value(json_object_get(of, "d"));
        float *frequency = json_floats(of, "frequency", &half), *x = json_floats(of, "x", &n);
        double *y = json_numbers(of, "y", &n), *t = json_numbers(of, "positions", &positions);
        float *cosine = zeros(half), *sine = zeros(half);
        for (size_t p = 0; p < positions; p++) {
            rope_angles(cosine, sine, frequency, half, (size_t)t[p]);
            rope_rotate(x + p * heads * d, cosine, sine, heads, d, 2 * half);
        }
        for (size_t i = 0; i < n; i++)
            assert_close((double)x[i], y[i], 5e-7 * (1 + fabs(y[i])), "rotated", i);
        free(frequency), free(x), free(y), free(t), free(cosine), free(sine);
    }
}

static void activations_are_pytorchs(void **state)
{
    (void)state;
    static const char *const names[] = {"silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu"};
    const json_t *of = json_object_get(golden, "activations");
    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        size_t n;
        float *x = json_floats(of, "x", &n);
        double *y = json_numbers(of, names[a], &n);
        activation f;
        assert_true(activation_find(names[a], &f));
        activate(f, x, n);
        for (size_t i = 0; i < n; i++)
            assert_close((double)x[i], y[i], 4e-7 * fabs(y[i]) + 1e-7, names[a], i);
        free(x), free(y);
    }
}

static void only_known_activations_are_found(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "relu", "SILU", "gelu_", "gelu_fast", "silu "};
    activation f;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_false(activation_find(unknown[i], &f));
    assert_true(activation_find("swish", &f));
    assert_int_equal(f, ACTIVATION_SILU);
}

/* ---- e^x ---- */

static void exp_is_within_two_units_in_the_last_place(void **state)
{
    (void)state;
    double worst = 0;
    for (double at = -87.32; at < 88.36; at += 0.00017) {
        float x = (float)at;
        double exact = exp((double)x);
        double unit = (double)(nextafterf((float)exact, INFINITY) - (float)exact);
        double error = fabs((double)exp_fast(x) - exact) / unit;
        worst = error > worst ? error : worst;
    }
    print_message("e^x: at most %.2f units in the last place off\n", worst);
    assert_true(worst <= 2);
    assert_true(exp_fast(0) == 1);
}

static void exp_ends_well(void **state)
{
    (void)state;
    assert_true(exp_fast(-87.4f) == 0);
    assert_true(exp_fast(-FLT_MAX) == 0);
    assert_true(exp_fast(-INFINITY) == 0);
    assert_true(isfinite(exp_fast(FLT_MAX)) && exp_fast(FLT_MAX) > 1e38f);
    assert_true(isnan(exp_fast(NAN)));
}

/* ---- bits ---- */

enum { SHIFTS = 19, MOST = 75 };

static void same_bits_wherever_they_stand(activation f)
{
    float *x = gaussians(MOST, 2), *up = gaussians(MOST, 3);
    for (size_t i = 0; i < MOST; i++)
        x[i] *= 4;
    float whole[MOST], gated[MOST];
    memcpy(whole, x, sizeof whole);
    memcpy(gated, x, sizeof gated);
    activate(f, whole, MOST);
    activate_gated(f, gated, up, MOST);
    for (size_t shift = 0; shift < SHIFTS; shift++)
        for (size_t first = 0; first < 34; first++)
            for (size_t n = 1; first + n <= MOST; n += 1 + n / 3) {
                float *room = zeros(shift + 2 * n), *at = room + shift;
                memcpy(at, x + first, n * sizeof *at);
                activate(f, at, n);
                assert_same_bits(at, whole + first, n, "activate");
                memcpy(at, x + first, n * sizeof *at);
                memcpy(at + n, up + first, n * sizeof *at);
                activate_gated(f, at, at + n, n);
                assert_same_bits(at, gated + first, n, "activate_gated");
                free(room);
            }
    free(x), free(up);
}

static void activations_do_not_depend_on_place(void **state)
{
    (void)state;
    same_bits_wherever_they_stand(ACTIVATION_SILU);
    same_bits_wherever_they_stand(ACTIVATION_GELU);
    same_bits_wherever_they_stand(ACTIVATION_GELU_TANH);
    same_bits_wherever_they_stand(ACTIVATION_QUICK_GELU);
}

/* Blocks of 4096 elements are shared out to threads: neither their borders nor the number of threads may show. */
static void long_activations_do_not_depend_on_blocks(void **state)
{
    (void)state;
    enum { N = 20000 };
    float *x = gaussians(N, 4), *up = gaussians(N, 5), *whole = zeros(N), *cut = zeros(N);
    memcpy(whole, x, N * sizeof *x);
    memcpy(cut, x, N * sizeof *x);
    activate_gated(ACTIVATION_SILU, whole, up, N);
    for (size_t i = 0, n; i < N; i += n) {
        n = N - i < 1237 ? N - i : 1237;
        activate_gated(ACTIVATION_SILU, cut + i, up + i, n);
    }
    assert_same_bits(whole, cut, N, "activate_gated");
    free(x), free(up), free(whole), free(cut);
}

static void norms_of_a_row_do_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 15, 16, 17, 33, 64, 100, 257};
    enum { ROWS = 70 };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        size_t d = widths[i];
        float *x = gaussians(ROWS * d, 6), *w = gaussians(d, 7), *b = gaussians(d, 8);
        float *rms = zeros(ROWS * d), *layer = zeros(ROWS * d), *one = zeros(2 * d + 3);
        rms_norm(rms, x, w, 1e-6f, ROWS, d);
        layer_norm(layer, x, w, b, 1e-6f, ROWS, d);
        for (size_t r = 0; r < ROWS; r++) {
            float *at = one + r % 3, *in = at + d;
            memcpy(in, x + r * d, d * sizeof *x);
            rms_norm(at, in, w, 1e-6f, 1, d);
            assert_same_bits(at, rms + r * d, d, "rms_norm");
            layer_norm(at, in, w, b, 1e-6f, 1, d);
            assert_same_bits(at, layer + r * d, d, "layer_norm");
            rms_norm(in, in, w, 1e-6f, 1, d); /* in place */
            assert_same_bits(in, rms + r * d, d, "rms_norm in place");
        }
        free(x), free(w), free(b), free(rms), free(layer), free(one);
    }
}

static void rotation_and_sums_do_not_depend_on_place(void **state)
{
    (void)state;
    for (size_t half = 1; half < 40; half++) {
        float *x = gaussians(6 * half, 9), *cosine = gaussians(half, 10), *sine = gaussians(half, 11);
        float *all = zeros(6 * half), *one = zeros(2 * half + 5);
        memcpy(all, x, 6 * half * sizeof *x);
        rope_rotate(all, cosine, sine, 3, 2 * half, 2 * half);
        for (size_t h = 0; h < 3; h++) {
            memcpy(one + h, x + 2 * half * h, 2 * half * sizeof *x);
            rope_rotate(one + h, cosine, sine, 1, 2 * half, 2 * half);
            assert_same_bits(one + h, all + 2 * half * h, 2 * half, "rope_rotate");
        }
        for (size_t i = 0; i < 2 * half; i++)
            one[i] = x[i] + all[i];
        add_rows(x, all, 2 * half);
        assert_same_bits(x, one, 2 * half, "add_rows");
        free(x), free(cosine), free(sine), free(all), free(one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_pytorchs),
        cmocka_unit_test(layer_norm_keeps_its_precision_far_from_zero),
        cmocka_unit_test(rotary_rows_are_hfs),
        cmocka_unit_test(activations_are_pytorchs),
        cmocka_unit_test(only_known_activations_are_found),
        cmocka_unit_test(exp_is_within_two_units_in_the_last_place),
        cmocka_unit_test(exp_ends_well),
        cmocka_unit_test(activations_do_not_depend_on_place),
        cmocka_unit_test(long_activations_do_not_depend_on_blocks),
        cmocka_unit_test(norms_of_a_row_do_not_depend_on_its_neighbours),
        cmocka_unit_test(rotation_and_sums_do_not_depend_on_place),
    };
    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
