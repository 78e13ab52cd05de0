/* elementwise.h: norms, rotary embedding, activations: all that happens to a row between two products; and each one's
 * backward form.
 *
 * Rows are independent: a row's bits depend on that row alone. Sums over a row, and over rows, run in a fixed order. */
#ifndef MATH_ELEMENTWISE_H
#define MATH_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>

/* y[rows][d] = x / sqrt(mean(x^2) + eps) * w     (transformers: LlamaRMSNorm) */
void rms_norm(float *y, const float *x, const float *w, float eps, size_t rows, size_t d);
/* Backward of y = x s w, s = 1 / sqrt(mean(x^2) + eps): dx[rows][d] += s (w dy - x s^2 mean(w dy x)); dw[d] += the sum
 * over rows of dy x s (NULL: not wanted). */
void rms_norm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, float eps, size_t rows,
                       size_t d);

/* y[rows][d] = (x - mean) / sqrt(var + eps) * w + b     (PyTorch's LayerNorm) */
void layer_norm(float *y, const float *x, const float *w, const float *b, float eps, size_t rows, size_t d);
/* Backward of y = n w + b, n = (x - mean) s, s = 1 / sqrt(var + eps): dx[rows][d] += s (w dy - mean(w dy)
 * - n mean(w dy n)); dw[d] += the sum over rows of dy n, db[d] += that of dy (each NULL: not wanted). */
void layer_norm_backward(float *dx, float *dw, float *db, const float *dy, const float *x, const float *w, float eps,
                         size_t rows, size_t d);

/* Rotary embedding in the half-split order of Hugging Face: for i < r/2,
 *     x[i]       <- x[i] cos(t f_i) - x[i + r/2] sin(t f_i)
 *     x[i + r/2] <- x[i + r/2] cos(t f_i) + x[i] sin(t f_i)
 * in place on the first r elements of each of one row's heads x[heads][d]; cosine and sine [r/2] are rope_angles' of the
 * row's position t. */
void rope_rotate(float *x, const float *cosine, const float *sine, size_t heads, size_t d, size_t r);
/* Backward of those two lines: the turn the other way, in place on the gradients dx[heads][d]. */
void rope_rotate_backward(float *dx, const float *cosine, const float *sine, size_t heads, size_t d, size_t r);
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
/* Backward of it: dy[n] <- dy f'(x), x before the activation. */
void activate_backward(activation f, float *dy, const float *x, size_t n);
/* gate[n] <- f(gate) * up     (the gated MLP of Llama) */
void activate_gated(activation f, float *gate, const float *up, size_t n);
/* Backward of it: dgate[n] = dy up f'(gate), dup[n] = dy f(gate), gate before the activation. Neither may be one of the
 * arrays that are read. */
void activate_gated_backward(activation f, float *dgate, float *dup, const float *dy, const float *gate,
                             const float *up, size_t n);

/* What softmax over many numbers is made of, which are never stored: the largest of x[n] (-inf of none; NaN counts for
 * nothing), and the sum of exp(x - most) in double. */
float largest_of(const float *x, size_t n);
double sum_of_exp(const float *x, float most, size_t n);
/* x[n] <- -exp(x - log_sum): less the shares that softmax gives, where log_sum is the log of the sum of exp(x) */
void take_shares_off(float *x, double log_sum, size_t n);

/* x[n] <- x + y */
void add_rows(float *x, const float *y, size_t n);
/* sum[d] += the sum of x[rows][d]'s rows: the backward form of adding one row, a bias, to all */
void add_column_sums(float *sum, const float *x, size_t rows, size_t d);

#endif
