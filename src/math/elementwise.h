/* elementwise.h: norms, rotary embedding, activations: all that happens to a row between two products.
 *
 * Rows are independent: a row's bits depend on that row alone. Sums over a row run in a fixed order. */
#ifndef MATH_ELEMENTWISE_H
#define MATH_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>

/* y[rows][d] = x / sqrt(mean(x^2) + eps) * w     (transformers: LlamaRMSNorm) */
void rms_norm(float *y, const float *x, const float *w, float eps, size_t rows, size_t d);

/* y[rows][d] = (x - mean) / sqrt(var + eps) * w + b     (PyTorch's LayerNorm) */
void layer_norm(float *y, const float *x, const float *w, const float *b, float eps, size_t rows, size_t d);

/* Rotary embedding in the half-split order of Hugging Face: for i < r/2,
 *     x[i]       <- x[i] cos(t f_i) - x[i + r/2] sin(t f_i)
 *     x[i + r/2] <- x[i + r/2] cos(t f_i) + x[i] sin(t f_i)
 * in place on the first r elements of each of one row's heads x[heads][d]; cosine and sine [r/2] are rope_angles' of the
 * row's position t. */
void rope_rotate(float *x, const float *cosine, const float *sine, size_t heads, size_t d, size_t r);
/* cosine[half], sine[half] of position t: angles in float32, as Hugging Face computes them. */
void rope_angles(float *cosine, float *sine, const float *frequency, size_t half, size_t t);

typedef enum activation {
    ACTIVATION_SILU,       /* x * sigmoid(x) */
    ACTIVATION_GELU,       /* x * Phi(x), with erf */
    ACTIVATION_GELU_TANH,  /* its tanh approximation (gelu_new, gelu_pytorch_tanh) */
    ACTIVATION_QUICK_GELU, /* x * sigmoid(1.702 x) */
} activation;

/* The activation that a config names ("silu", "gelu", "quick_gelu", ...); false when there is none. */
bool activation_find(const char *name, activation *out);

/* x[n] <- f(x) */
void activate(activation f, float *x, size_t n);
/* gate[n] <- f(gate) * up     (the gated MLP of Llama) */
void activate_gated(activation f, float *gate, const float *up, size_t n);

/* x[n] <- x + y */
void add_rows(float *x, const float *y, size_t n);

#endif
