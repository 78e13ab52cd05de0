/* elementwise.c: see elementwise.h. */
#include "math/elementwise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/exp.h"
#include "math/multiversion.h"

/* So many rows are one thread's: it is done before others have woken. */
enum { ROWS_ALONE = 32 };

/* ---- sums over a row ---- */

/* They are kept in this many lanes, which are then added in order to what did not fill them: wide enough for the
 * compiler to vectorise, and the same for every machine. */
enum { LANES = 16 };

/* total + the lanes, in order */
INLINE double with_lanes(double total, const float lane[LANES])
{
    for (size_t j = 0; j < LANES; j++)
        total += (double)lane[j];
    return total;
}

INLINE double sum_of_squares(const float *x, float centre, size_t d)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (x[i + j] - centre) * (x[i + j] - centre);
    double total = 0;
    for (; i < d; i++)
        total += (double)(x[i] - centre) * (double)(x[i] - centre);
    return with_lanes(total, lane);
}

INLINE double sum(const float *x, size_t d)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += x[i + j];
    double total = 0;
    for (; i < d; i++)
        total += (double)x[i];
    return with_lanes(total, lane);
}

/* Of w dy (x - centre), and of w dy: what the norms' gradients share. */
INLINE double weighted_sum(const float *w, const float *dy, const float *x, float centre, size_t d)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += w[i + j] * dy[i + j] * (x[i + j] - centre);
    double total = 0;
    for (; i < d; i++)
        total += (double)w[i] * (double)dy[i] * (double)(x[i] - centre);
    return with_lanes(total, lane);
}

INLINE double weighted_total(const float *w, const float *dy, size_t d)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += w[i + j] * dy[i + j];
    double total = 0;
    for (; i < d; i++)
        total += (double)w[i] * (double)dy[i];
    return with_lanes(total, lane);
}

/* ---- norms ---- */

/* A norm's n = (x - mean) scale of a row: what its backward form finds on its way, and the weights' gradient needs. */
typedef struct row_norm {
    float mean, scale;
} row_norm;

enum { COLUMN_BLOCK = 256 }; /* columns of which one thread adds up the rows */

/* Backward of `y = n w`, for w: dw[d] += the sum over rows of dy n */
MULTIVERSION static void norm_weight_block(float *dw, const float *dy, const float *x, const row_norm *of, size_t rows,
                                           size_t d, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++)
            dw[i] += dy[r * d + i] * ((x[r * d + i] - of[r].mean) * of[r].scale);
}

static void norm_weight_backward(float *dw, const float *dy, const float *x, const row_norm *of, size_t rows, size_t d)
{
    ON_THREADS(rows > ROWS_ALONE, schedule(static),
        for (size_t i = 0; i < d; i += COLUMN_BLOCK)
            norm_weight_block(dw + i, dy + i, x + i, of, rows, d, d - i < COLUMN_BLOCK ? d - i : COLUMN_BLOCK);)
}

/* A norm's backward form of one row. */
typedef row_norm norm_row_backward(float *dx, const float *dy, const float *x, const float *w, float eps, size_t d);

static void norm_backward(norm_row_backward *row, float *dx, float *dw, const float *dy, const float *x, const float *w,
                          float eps, size_t rows, size_t d)
{
    row_norm *of = mem_new(rows + 1, sizeof *of);
    ON_THREADS(rows > ROWS_ALONE, schedule(static),
        for (size_t r = 0; r < rows; r++)
            of[r] = row(dx + r * d, dy + r * d, x + r * d, w, eps, d);)
    if (dw)
        norm_weight_backward(dw, dy, x, of, rows, d);
    free(of);
}

MULTIVERSION static void rms_norm_row(float *y, const float *x, const float *w, float eps, size_t d)
{
    float scale = 1.0f / sqrtf((float)(sum_of_squares(x, 0, d) / (double)d) + eps);
    for (size_t i = 0; i < d; i++)
        y[i] = w[i] * (x[i] * scale);
}

void rms_norm(float *y, const float *x, const float *w, float eps, size_t rows, size_t d)
{
    ON_THREADS(rows > ROWS_ALONE, schedule(static),
        for (size_t r = 0; r < rows; r++)
            rms_norm_row(y + r * d, x + r * d, w, eps, d);)
}

/* Backward of `y = w (x scale)`, where scale is a function of x too. */
MULTIVERSION static row_norm rms_norm_row_backward(float *dx, const float *dy, const float *x, const float *w,
                                                   float eps, size_t d)
{
    float scale = 1.0f / sqrtf((float)(sum_of_squares(x, 0, d) / (double)d) + eps);
    float back = (float)(weighted_sum(w, dy, x, 0, d) / (double)d) * scale * scale;
    for (size_t i = 0; i < d; i++)
        dx[i] += scale * (w[i] * dy[i] - x[i] * back);
    return (row_norm){0, scale};
}

void rms_norm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, float eps, size_t rows,
                       size_t d)
{
    norm_backward(rms_norm_row_backward, dx, dw, dy, x, w, eps, rows, d);
}

MULTIVERSION static void layer_norm_row(float *y, const float *x, const float *w, const float *b, float eps, size_t d)
{
    float mean = (float)(sum(x, d) / (double)d);
    float scale = 1.0f / sqrtf((float)(sum_of_squares(x, mean, d) / (double)d) + eps);
    for (size_t i = 0; i < d; i++)
        y[i] = (x[i] - mean) * scale * w[i] + b[i];
}

void layer_norm(float *y, const float *x, const float *w, const float *b, float eps, size_t rows, size_t d)
{
    ON_THREADS(rows > ROWS_ALONE, schedule(static),
        for (size_t r = 0; r < rows; r++)
            layer_norm_row(y + r * d, x + r * d, w, b, eps, d);)
}

/* Backward of `y = (x - mean) scale w + b`, where mean and scale are functions of x too. */
MULTIVERSION static row_norm layer_norm_row_backward(float *dx, const float *dy, const float *x, const float *w,
                                                     float eps, size_t d)
{
    float mean = (float)(sum(x, d) / (double)d);
    float scale = 1.0f / sqrtf((float)(sum_of_squares(x, mean, d) / (double)d) + eps);
    float level = (float)(weighted_total(w, dy, d) / (double)d);
    float back = (float)(weighted_sum(w, dy, x, mean, d) / (double)d) * scale * scale;
    for (size_t i = 0; i < d; i++)
        dx[i] += scale * (w[i] * dy[i] - level - (x[i] - mean) * back);
    return (row_norm){mean, scale};
}

void layer_norm_backward(float *dx, float *dw, float *db, const float *dy, const float *x, const float *w, float eps,
                         size_t rows, size_t d)
{
    norm_backward(layer_norm_row_backward, dx, dw, dy, x, w, eps, rows, d);
    if (db)
        add_column_sums(db, dy, rows, d);
}

/* ---- rotary embedding ---- */

MULTIVERSION static void rotate_head(float *x, const float *cosine, const float *sine, size_t half)
{
    for (size_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + half] = b * cosine[i] + a * sine[i];
    }
}

void rope_rotate(float *x, const float *cosine, const float *sine, size_t heads, size_t d, size_t r)
{
    for (size_t h = 0; h < heads; h++)
        rotate_head(x + h * d, cosine, sine, r / 2);
}

/* Backward of rotate_head: its transpose. */
MULTIVERSION static void rotate_head_backward(float *dx, const float *cosine, const float *sine, size_t half)
{
    for (size_t i = 0; i < half; i++) {
        float a = dx[i], b = dx[i + half];
        dx[i] = a * cosine[i] + b * sine[i];
        dx[i + half] = b * cosine[i] - a * sine[i];
    }
}

void rope_rotate_backward(float *dx, const float *cosine, const float *sine, size_t heads, size_t d, size_t r)
{
    for (size_t h = 0; h < heads; h++)
        rotate_head_backward(dx + h * d, cosine, sine, r / 2);
}

void rope_angles(float *cosine, float *sine, const float *frequency, size_t half, size_t t)
{
    for (size_t i = 0; i < half; i++) {
        float angle = (float)t * frequency[i];
        cosine[i] = (float)cos((double)angle);
        sine[i] = (float)sin((double)angle);
    }
}

/* ---- activations ---- */

static const struct {
    const char *name;
    activation f;
} activation_names[] = {
    {"silu", ACTIVATION_SILU},           {"swish", ACTIVATION_SILU},
    {"gelu", ACTIVATION_GELU},           {"gelu_python", ACTIVATION_GELU},
    {"gelu_new", ACTIVATION_GELU_TANH},  {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
    {"quick_gelu", ACTIVATION_QUICK_GELU},
};

bool activation_find(const char *name, activation *out)
{
    for (size_t i = 0; i < sizeof activation_names / sizeof *activation_names; i++)
        if (strcmp(name, activation_names[i].name) == 0) {
            *out = activation_names[i].f;
            return true;
        }
    return false;
}

INLINE float sigmoid(float x)
{
    return 1.0f / (1.0f + exp_fast(-x));
}

MULTIVERSION static void silu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * sigmoid(x[i]);
}

/* (x s(u))' = s + x s (1 - s) slope, s the sigmoid, slope = u'(x). 1 - s is e^-u s, which loses no digits. */
INLINE float swish_slope(float x, float u, float slope)
{
    float e = exp_fast(-u), s = 1.0f / (1.0f + e);
    return s + x * s * (e * s) * slope;
}

MULTIVERSION static void silu_backward(float *dy, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] *= swish_slope(x[i], x[i], 1.0f);
}

MULTIVERSION static void quick_gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * sigmoid(1.702f * x[i]);
}

MULTIVERSION static void quick_gelu_backward(float *dy, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] *= swish_slope(x[i], 1.702f * x[i], 1.702f);
}

/* u of gelu's (1 + tanh(u)) / 2, which is sigmoid(2 u), and its slope; SQRT_2_PI is the root of 2 / pi. */
#define SQRT_2_PI 0.7978845608f

INLINE float tanh_argument(float x)
{
    return SQRT_2_PI * (x + 0.044715f * x * x * x);
}

INLINE float tanh_argument_slope(float x)
{
    return SQRT_2_PI * (1.0f + 0.134145f * x * x);
}

MULTIVERSION static void gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * sigmoid(2.0f * tanh_argument(x[i]));
}

MULTIVERSION static void gelu_tanh_backward(float *dy, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] *= swish_slope(x[i], 2.0f * tanh_argument(x[i]), 2.0f * tanh_argument_slope(x[i]));
}

/* x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2. Not MULTIVERSION: erff is a call for each number. */
static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}

/* (x Phi(x))' = Phi(x) + x phi(x), phi the normal density, 0.39894228 exp(-x^2 / 2) */
static void gelu_backward(float *dy, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] *= 0.5f * (1.0f + erff(x[i] * 0.70710678f)) + x[i] * 0.39894228f * exp_fast(-0.5f * x[i] * x[i]);
}

MULTIVERSION static void multiply(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= y[i];
}

static void activate_block(activation f, float *x, size_t n)
{
    switch (f) {
    case ACTIVATION_SILU: silu(x, n); break;
    case ACTIVATION_GELU: gelu(x, n); break;
    case ACTIVATION_GELU_TANH: gelu_tanh(x, n); break;
    case ACTIVATION_QUICK_GELU: quick_gelu(x, n); break;
    }
}

static void activate_block_backward(activation f, float *dy, const float *x, size_t n)
{
    switch (f) {
    case ACTIVATION_SILU: silu_backward(dy, x, n); break;
    case ACTIVATION_GELU: gelu_backward(dy, x, n); break;
    case ACTIVATION_GELU_TANH: gelu_tanh_backward(dy, x, n); break;
    case ACTIVATION_QUICK_GELU: quick_gelu_backward(dy, x, n); break;
    }
}

enum { BLOCK = 4096 }; /* elements that one thread takes at a time; they stay in its first-level cache */

void activate(activation f, float *x, size_t n)
{
    ON_THREADS(n > 4 * BLOCK, schedule(static),
        for (size_t i = 0; i < n; i += BLOCK)
            activate_block(f, x + i, n - i < BLOCK ? n - i : BLOCK);)
}

void activate_backward(activation f, float *dy, const float *x, size_t n)
{
    ON_THREADS(n > 4 * BLOCK, schedule(static),
        for (size_t i = 0; i < n; i += BLOCK)
            activate_block_backward(f, dy + i, x + i, n - i < BLOCK ? n - i : BLOCK);)
}

void activate_gated(activation f, float *gate, const float *up, size_t n)
{
    ON_THREADS(n > 4 * BLOCK, schedule(static),
        for (size_t i = 0; i < n; i += BLOCK) {
            size_t m = n - i < BLOCK ? n - i : BLOCK;
            activate_block(f, gate + i, m);
            multiply(gate + i, up + i, m);
        })
}

void activate_gated_backward(activation f, float *dgate, float *dup, const float *dy, const float *gate,
                             const float *up, size_t n)
{
    ON_THREADS(n > 4 * BLOCK, schedule(static),
        for (size_t i = 0; i < n; i += BLOCK) {
            size_t m = n - i < BLOCK ? n - i : BLOCK;
            memcpy(dup + i, gate + i, m * sizeof *dup);
            activate_block(f, dup + i, m);
            multiply(dup + i, dy + i, m);
            memcpy(dgate + i, dy + i, m * sizeof *dgate);
            multiply(dgate + i, up + i, m);
            activate_block_backward(f, dgate + i, gate + i, m);
        })
}

/* ---- softmax in parts ---- */

MULTIVERSION float largest_of(const float *x, size_t n)
{
    float lane[LANES], most = -INFINITY;
    size_t i = 0;
    for (size_t j = 0; j < LANES; j++)
        lane[j] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
#pragma omp simd
        for (size_t j = 0; j < LANES; j++)
            lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t j = 0; j < LANES; j++)
        most = lane[j] > most ? lane[j] : most;
    return most;
}

MULTIVERSION double sum_of_exp(const float *x, float most, size_t n)
{
    double lane[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += exp_fast_double((double)x[i + j] - (double)most);
    for (; i < n; i++)
        total += exp_fast_double((double)x[i] - (double)most);
    for (size_t j = 0; j < LANES; j++)
        total += lane[j];
    return total;
}

MULTIVERSION void take_shares_off(float *x, double log_sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)-exp_fast_double((double)x[i] - log_sum);
}

/* ---- rows added ---- */

MULTIVERSION static void add_block(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

void add_rows(float *x, const float *y, size_t n)
{
    ON_THREADS(n > 4 * BLOCK, schedule(static),
        for (size_t i = 0; i < n; i += BLOCK)
            add_block(x + i, y + i, n - i < BLOCK ? n - i : BLOCK);)
}

MULTIVERSION static void add_column_block(float *sum, const float *x, size_t rows, size_t d, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++)
            sum[i] += x[r * d + i];
}

void add_column_sums(float *sum, const float *x, size_t rows, size_t d)
{
    ON_THREADS(rows > ROWS_ALONE, schedule(static),
        for (size_t i = 0; i < d; i += COLUMN_BLOCK)
            add_column_block(sum + i, x + i, rows, d, d - i < COLUMN_BLOCK ? d - i : COLUMN_BLOCK);)
}
