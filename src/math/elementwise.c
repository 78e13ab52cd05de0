/* elementwise.c: see elementwise.h. */
#include "math/elementwise.h"

#include <math.h>
#include <string.h>

#include "math/exp.h"
#include "math/multiversion.h"

/* Sums over a row are kept in this many lanes, which are then added in order: wide enough for the compiler to
 * vectorise, and the same for every machine. */
enum { LANES = 16 };

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
    for (size_t j = 0; j < LANES; j++)
        total += (double)lane[j];
    return total;
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
    for (size_t j = 0; j < LANES; j++)
        total += (double)lane[j];
    return total;
}

MULTIVERSION static void rms_norm_row(float *y, const float *x, const float *w, float eps, size_t d)
{
    float scale = 1.0f / sqrtf((float)(sum_of_squares(x, 0, d) / (double)d) + eps);
    for (size_t i = 0; i < d; i++)
        y[i] = w[i] * (x[i] * scale);
}

void rms_norm(float *y, const float *x, const float *w, float eps, size_t rows, size_t d)
{
#pragma omp parallel for if (rows > 32)
    for (size_t r = 0; r < rows; r++)
        rms_norm_row(y + r * d, x + r * d, w, eps, d);
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
#pragma omp parallel for if (rows > 32)
    for (size_t r = 0; r < rows; r++)
        layer_norm_row(y + r * d, x + r * d, w, b, eps, d);
}

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

MULTIVERSION static void quick_gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * sigmoid(1.702f * x[i]);
}

MULTIVERSION static void gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float inner = 0.7978845608f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
        x[i] = x[i] * sigmoid(2.0f * inner); /* (1 + tanh(u)) / 2 = sigmoid(2u) */
    }
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
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

enum { BLOCK = 4096 }; /* elements that one thread takes at a time; they stay in its first-level cache */

void activate(activation f, float *x, size_t n)
{
#pragma omp parallel for if (n > 4 * BLOCK)
    for (size_t i = 0; i < n; i += BLOCK)
        activate_block(f, x + i, n - i < BLOCK ? n - i : BLOCK);
}

void activate_gated(activation f, float *gate, const float *up, size_t n)
{
#pragma omp parallel for if (n > 4 * BLOCK)
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t m = n - i < BLOCK ? n - i : BLOCK;
        activate_block(f, gate + i, m);
        multiply(gate + i, up + i, m);
    }
}

MULTIVERSION void add_rows(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}
