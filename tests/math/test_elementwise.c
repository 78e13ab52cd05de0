/* test_elementwise.c: norms, rotary embedding, activations and their gradients against PyTorch's, gradients against
 * slopes of the definition too; e^x over its whole range; and the promise that an element's bits do not depend on where
 * it stands. */
#include "tests/math/numbers.h"

#include <float.h>
#include <omp.h>

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

/* ---- gradients ---- */

/* x[i] within tolerance of expected[i], as a share of the largest. */
static void assert_all_close(const float *x, const double *expected, size_t n, double tolerance, const char *what)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabs(expected[i]) > most ? fabs(expected[i]) : most;
    for (size_t i = 0; i < n; i++)
        assert_close((double)x[i], expected[i], tolerance * most + 1e-9, what, i);
}

/* found - what stood there before, against the golden's numbers. */
static void assert_added(float *found, float before, const json_t *of, const char *key, double tolerance)
{
    size_t n;
    double *expected = json_numbers(of, key, &n);
    for (size_t i = 0; i < n; i++)
        expected[i] += (double)before;
    assert_all_close(found, expected, n, tolerance, key);
    free(expected), free(found);
}

static float *filled(size_t n, float with)
{
    float *x = zeros(n);
    for (size_t i = 0; i < n; i++)
        x[i] = with;
    return x;
}

static void compare_norm_gradients(const json_t *of, float before)
{
    size_t d, n;
    float *x = json_floats(of, "x", &n), *w = json_floats(of, "w", &d), *dy = json_floats(of, "dy", &n);
    float eps = (float)json_number_value(json_object_get(of, "eps"));
    const json_t *rms = json_object_get(of, "rms"), *layer = json_object_get(of, "layer");
    float *dx = filled(n, before), *dw = filled(d, before), *db;
    rms_norm_backward(dx, dw, dy, x, w, eps, n / d, d);
    assert_added(dx, before, rms, "dx", 3e-6);
    assert_added(dw, before, rms, "dw", 1e-6);
    dx = filled(n, before), dw = filled(d, before), db = filled(d, before);
    layer_norm_backward(dx, dw, db, dy, x, w, eps, n / d, d);
    assert_added(dx, before, layer, "dx", 3e-6);
    assert_added(dw, before, layer, "dw", 1e-5);
    assert_added(db, before, layer, "db", 1e-6);
    free(x), free(w), free(dy);
}

static void gradients_of_norms_are_pytorchs(void **state)
{
    (void)state;
    size_t c;
    const json_t *of;
    assert_true(json_array_size(json_object_get(golden, "norm_gradients")) > 3);
    json_array_foreach(json_object_get(golden, "norm_gradients"), c, of)
    {
        compare_norm_gradients(of, 0);
        compare_norm_gradients(of, 0.5f); /* they are added to */
    }
}

/* A norm in double precision: its inputs, and the number whose gradients are taken, sum of dy y. */
enum { NORM_ROWS = 3, NORM_D = 19 };
typedef struct plain_norm {
    double x[NORM_ROWS * NORM_D], w[NORM_D], b[NORM_D], dy[NORM_ROWS * NORM_D];
    bool centred;
} plain_norm;

static double definition(const plain_norm *of)
{
    double total = 0;
    for (size_t r = 0; r < NORM_ROWS; r++) {
        const double *x = of->x + r * NORM_D, *dy = of->dy + r * NORM_D;
        double mean = 0, square = 0;
        for (size_t i = 0; i < NORM_D && of->centred; i++)
            mean += x[i] / NORM_D;
        for (size_t i = 0; i < NORM_D; i++)
            square += (x[i] - mean) * (x[i] - mean) / NORM_D;
        for (size_t i = 0; i < NORM_D; i++)
            total += dy[i] * ((x[i] - mean) / sqrt(square + 1e-5) * of->w[i] + of->b[i]);
    }
    return total;
}

/* Differences of four values: what they are off by falls with the fourth power of their distance. */
static double slope(const plain_norm *of, double *x)
{
    const double h = 1e-3, at = *x, steps[] = {1, -1, 2, -2};
    double value[4];
    for (size_t k = 0; k < 4; k++) {
        *x = at + steps[k] * h;
        value[k] = definition(of);
    }
    *x = at;
    return (8 * (value[0] - value[1]) - (value[2] - value[3])) / (12 * h);
}

static void assert_slopes(const plain_norm *of, double *x, const float *gradient, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        assert_close((double)gradient[i], slope(of, x + i), 5e-6, what, i);
}

static float *copied(double *to, size_t n, uint64_t seed)
{
    float *x = gaussians(n, seed);
    for (size_t i = 0; i < n; i++)
        to[i] = (double)x[i];
    return x;
}

static void gradients_of_norms_are_slopes(void **state)
{
    (void)state;
    plain_norm of = {.centred = false};
    float *x = copied(of.x, NORM_ROWS * NORM_D, 1), *w = copied(of.w, NORM_D, 2);
    float *dy = copied(of.dy, NORM_ROWS * NORM_D, 3);
    float dx[NORM_ROWS * NORM_D] = {0}, dw[NORM_D] = {0}, db[NORM_D] = {0};
    rms_norm_backward(dx, dw, dy, x, w, 1e-5f, NORM_ROWS, NORM_D);
    assert_slopes(&of, of.x, dx, NORM_ROWS * NORM_D, "dx of rms_norm");
    assert_slopes(&of, of.w, dw, NORM_D, "dw of rms_norm");
    of.centred = true;
    memset(dx, 0, sizeof dx);
    memset(dw, 0, sizeof dw);
    layer_norm_backward(dx, dw, db, dy, x, w, 1e-5f, NORM_ROWS, NORM_D);
    assert_slopes(&of, of.x, dx, NORM_ROWS * NORM_D, "dx of layer_norm");
    assert_slopes(&of, of.w, dw, NORM_D, "dw of layer_norm");
    assert_slopes(&of, of.b, db, NORM_D, "db of layer_norm");
    free(x), free(w), free(dy);
}

/* Backward is the transpose: a . turned(b) = turned back(a) . b; elements that are not turned stay. */
static void rotation_is_turned_back(void **state)
{
    (void)state;
    for (size_t half = 1; half < 40; half++) {
        size_t d = 2 * half + half % 3, n = 3 * d;
        float *a = gaussians(n, half), *b = gaussians(n, 50 + half), *angle = gaussians(half, 100 + half);
        float *cosine = zeros(half), *sine = zeros(half), *turned = zeros(n), *back = zeros(n);
        for (size_t i = 0; i < half; i++)
            cosine[i] = cosf(angle[i]), sine[i] = sinf(angle[i]);
        memcpy(turned, b, n * sizeof *b);
        memcpy(back, a, n * sizeof *a);
        rope_rotate(turned, cosine, sine, 3, d, 2 * half);
        rope_rotate_backward(back, cosine, sine, 3, d, 2 * half);
        double left = 0, right = 0;
        for (size_t i = 0; i < n; i++) {
            left += (double)a[i] * (double)turned[i];
            right += (double)back[i] * (double)b[i];
        }
        assert_close(left, right, 1e-6 * (double)n, "rope_rotate_backward", half);
        rope_rotate(back, cosine, sine, 3, d, 2 * half);
        for (size_t i = 0; i < n; i++)
            assert_close((double)back[i], (double)a[i], 1e-6, "there and back", i);
        free(a), free(b), free(angle), free(cosine), free(sine), free(turned), free(back);
    }
}

static void slopes_of_activations_are_pytorchs(void **state)
{
    (void)state;
    static const char *const names[] = {"silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu"};
    const json_t *of = json_object_get(golden, "activations");
    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        size_t n;
        float *x = json_floats(of, "x", &n), *dy = filled(n, 2);
        double *slopes = json_numbers(json_object_get(of, "slopes"), names[a], &n);
        activation f;
        assert_true(activation_find(names[a], &f));
        activate_backward(f, dy, x, n);
        for (size_t i = 0; i < n; i++)
            assert_close((double)dy[i], 2 * slopes[i], 4e-7 * fabs(slopes[i]) + 2e-7, names[a], i);
        free(x), free(dy), free(slopes);
    }
}

/* Of f(gate) up: its parts are the plain activation and its slope. */
static void gated_gradients_are_their_definition(void **state)
{
    (void)state;
    enum { N = 20000 }; /* some blocks */
    float *gate = gaussians(N, 1), *up = gaussians(N, 2), *dy = gaussians(N, 3), *y = zeros(N), *slopes = zeros(N);
    float *dgate = gaussians(N, 4), *dup = gaussians(N, 5); /* written, whatever they held */
    for (activation f = ACTIVATION_SILU; f <= ACTIVATION_QUICK_GELU; f++) {
        for (size_t i = 0; i < N; i++)
            y[i] = gate[i], slopes[i] = 1;
        activate(f, y, N);
        activate_backward(f, slopes, gate, N);
        activate_gated_backward(f, dgate, dup, dy, gate, up, N);
        for (size_t i = 0; i < N; i++) {
            double at = (double)dy[i];
            assert_close((double)dup[i], at * (double)y[i], 1e-6 * fabs(at), "dup", i);
            assert_close((double)dgate[i], at * (double)up[i] * (double)slopes[i], 1e-6 * fabs(at), "dgate", i);
        }
    }
    free(gate), free(up), free(dy), free(dgate), free(dup), free(y), free(slopes);
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

static void exp_in_double_is_the_librarys(void **state)
{
    (void)state;
    double worst = 0;
    for (double x = -707.9; x < 708.9; x += 0.0013) {
        double exact = exp(x), error = fabs(exp_fast_double(x) - exact) / (exact * 0x1p-52);
        worst = error > worst ? error : worst;
    }
    print_message("e^x in double: at most %.2f units in the last place off\n", worst);
    assert_true(worst <= 2);
    assert_true(exp_fast_double(0) == 1 && exp_fast_double(-709) == 0 && exp_fast_double(-INFINITY) == 0);
    assert_true(isfinite(exp_fast_double(DBL_MAX)) && exp_fast_double(DBL_MAX) > 1e307);
    assert_true(isnan(exp_fast_double(NAN)));
}

/* Of any number of numbers, as many as fill vectors or not. */
static void softmax_in_parts_is_its_definition(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n = n < 40 ? n + 1 : n + 31) {
        float *x = gaussians(n + 1, n), most = -INFINITY;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] *= 10;
            most = x[i] > most ? x[i] : most;
        }
        for (size_t i = 0; i < n; i++)
            sum += exp((double)x[i] - (double)most);
        assert_true(largest_of(x, n) == most);
        assert_close(sum_of_exp(x, most, n), sum, 1e-14 * sum, "sum of exp", n);
        double log_sum = (double)most + log(sum), shares = 0;
        take_shares_off(x, log_sum, n);
        for (size_t i = 0; i < n; i++)
            shares -= (double)x[i];
        assert_close(shares, n ? 1 : 0, 1e-6, "shares", n);
        free(x);
    }
    static const float bad[] = {1, NAN, INFINITY};
    assert_true(isnan(sum_of_exp(bad, 1, 2)) && isnan(sum_of_exp(bad, INFINITY, 3)));
    assert_true(largest_of(bad, 2) == 1);
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

/* A row's dx among others, and all sums over rows on any number of threads; weights' gradients may be left out. */
static void gradients_of_norms_do_not_depend_on_neighbours(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 15, 17, 64, 257, 600};
    enum { ROWS = 70 };
    for (size_t c = 0; c < 2 * sizeof widths / sizeof *widths; c++) {
        size_t d = widths[c / 2];
        float *x = gaussians(ROWS * d, 6), *w = gaussians(d, 7), *dy = gaussians(ROWS * d, 8), *dx[3], *dw[2], *db[2];
        for (size_t k = 0; k < 3; k++)
            dx[k] = gaussians(ROWS * d, 9);
        for (size_t k = 0; k < 2; k++) {
            dw[k] = gaussians(d, 10), db[k] = gaussians(d, 11);
            omp_set_num_threads(k ? 3 : 1);
            if (c % 2)
                layer_norm_backward(dx[k], dw[k], db[k], dy, x, w, 1e-6f, ROWS, d);
            else
                rms_norm_backward(dx[k], dw[k], dy, x, w, 1e-6f, ROWS, d);
        }
        omp_set_num_threads(1);
        for (size_t r = 0; r < ROWS * d; r += d)
            if (c % 2)
                layer_norm_backward(dx[2] + r, NULL, NULL, dy + r, x + r, w, 1e-6f, 1, d);
            else
                rms_norm_backward(dx[2] + r, NULL, dy + r, x + r, w, 1e-6f, 1, d);
        assert_same_bits(dx[0], dx[1], ROWS * d, "dx on threads");
        assert_same_bits(dx[0], dx[2], ROWS * d, "dx of a row");
        assert_same_bits(dw[0], dw[1], d, "dw on threads");
        assert_same_bits(db[0], db[1], d, "db on threads");
        free(x), free(w), free(dy);
        free(dx[0]), free(dx[1]), free(dx[2]), free(dw[0]), free(dw[1]), free(db[0]), free(db[1]);
    }
}

static void column_sums_are_rows_added_in_order(void **state)
{
    (void)state;
    enum { ROWS = 40, D = 700 };
    float *x = gaussians(ROWS * D, 1), *sum = gaussians(D, 2), *expected = gaussians(D, 2);
    for (size_t r = 0; r < ROWS; r++)
        add_rows(expected, x + r * D, D);
    add_column_sums(sum, x, ROWS, D);
    assert_same_bits(sum, expected, D, "add_column_sums");
    free(x), free(sum), free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_pytorchs),
        cmocka_unit_test(layer_norm_keeps_its_precision_far_from_zero),
        cmocka_unit_test(rotary_rows_are_hfs),
        cmocka_unit_test(activations_are_pytorchs),
        cmocka_unit_test(only_known_activations_are_found),
        cmocka_unit_test(gradients_of_norms_are_pytorchs),
        cmocka_unit_test(gradients_of_norms_are_slopes),
        cmocka_unit_test(rotation_is_turned_back),
        cmocka_unit_test(slopes_of_activations_are_pytorchs),
        cmocka_unit_test(gated_gradients_are_their_definition),
        cmocka_unit_test(exp_is_within_two_units_in_the_last_place),
        cmocka_unit_test(exp_ends_well),
        cmocka_unit_test(exp_in_double_is_the_librarys),
        cmocka_unit_test(softmax_in_parts_is_its_definition),
        cmocka_unit_test(activations_do_not_depend_on_place),
        cmocka_unit_test(long_activations_do_not_depend_on_blocks),
        cmocka_unit_test(norms_of_a_row_do_not_depend_on_its_neighbours),
        cmocka_unit_test(rotation_and_sums_do_not_depend_on_place),
        cmocka_unit_test(gradients_of_norms_do_not_depend_on_neighbours),
        cmocka_unit_test(column_sums_are_rows_added_in_order),
    };
    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
