/* edit_solve.c: the closed form of an edit, of several solved together, and MEMIT's spread over layers.
 *
 *     W* = argmin |W* K + b - V|^2 + lambda |W* - W|^2  =  W + R (K^T K + lambda I)^-1 K^T,    R = V - V0
 *
 * with keys and values as columns: K [F][N], R [D][N]. Of one request (v - v0) k^T / (k.k + lambda). So W* - W = U K^T with U
 * of N columns, and nothing of F x F is ever made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/replay.h"
#include "method/edit_parts.h"

static double dot_of(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* ---- one request ---- */

static void solve_alone(const edit_layer *l, size_t i, double lambda, size_t D, size_t F)
{
    const float *k = l->key + i * F, *v = l->v + i * D, *v0 = l->v0 + i * D;
    double scale = 1 / (dot_of(k, k, F) + lambda);
    for (size_t d = 0; d < D; d++)
        l->u[i * D + d] = (float)(((double)v[d] - (double)v0[d]) * scale);
}

/* ---- several together ---- */

/* g[n][n] becomes its Cholesky factor, below and on the diagonal; false when it is not positive definite. */
static bool factor(double *g, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = g[i * n + j];
            for (size_t k = 0; k < j; k++)
                sum -= g[i * n + k] * g[j * n + k];
            if (i == j && !(sum > 0))
                return false;
            g[i * n + j] = i == j ? sqrt(sum) : sum / g[j * n + j];
        }
    return true;
}

/* x[n] becomes (L L^T)^-1 x. */
static void substitute(const double *factor_of, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            x[i] -= factor_of[i * n + k] * x[k];
        x[i] /= factor_of[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            x[i] -= factor_of[k * n + i] * x[k];
        x[i] /= factor_of[i * n + i];
    }
}

/* K^T K [n][n]. free() */
static double *gram(const edit_layer *l, size_t n, size_t F)
{
    double *g = mem_new(n * n, sizeof *g);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            g[i * n + j] = g[j * n + i] = dot_of(l->key + i * F, l->key + j * F, F);
    return g;
}

/* The largest cosine between two of the keys whose products are g[n][n]. */
static double largest_cosine(const double *g, size_t n)
{
    double largest = -1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double both = sqrt(g[i * n + i] * g[j * n + j]), cosine = both > 0 ? g[i * n + j] / both : 0;
            largest = cosine > largest ? cosine : largest;
        }
    return largest;
}

static pb_status solve_together(edit *e, const edit_layer *l, pb_error *err)
{
    size_t n = e->count, D = e->model->decoder.config.d_model;
    double *g = gram(l, n, e->model->decoder.config.d_ff), *r = mem_new(n, sizeof *r), cosine = largest_cosine(g, n);
    if (n > 1 && cosine > e->largest_key_cosine)
        e->largest_key_cosine = cosine;
    for (size_t i = 0; i < n; i++)
        g[i * n + i] += e->settings.lambda;
    pb_status status = factor(g, n) ? PB_OK
                                    : fail(err, PB_EINVAL, "layer %zu: the requests' keys depend on each other so much that "
                                           "lambda = %g is too small to tell them apart", l->layer, e->settings.lambda);
    for (size_t d = 0; d < D && !status; d++) {
        for (size_t i = 0; i < n; i++)
            r[i] = (double)l->v[i * D + d] - (double)l->v0[i * D + d];
        substitute(g, r, n);
        for (size_t i = 0; i < n; i++)
            l->u[i * D + d] = (float)r[i];
    }
    free(r);
    free(g);
    return status;
}

static pb_status solve_layer(edit *e, const edit_layer *l, pb_error *err)
{
    const decoder_config *c = &e->model->decoder.config;
    if (e->settings.together)
        return solve_together(e, l, err);
    for (size_t i = 0; i < e->count; i++)
        solve_alone(l, i, e->settings.lambda, c->d_model, c->d_ff);
    return PB_OK;
}

/* ---- a range of layers ---- */

/* What a request's run with the layers edited so far says at the key's position. */
typedef struct spread {
    float *goal, *now; /* [N][D] resid_post of the last layer: as it is to be, as it is */
} spread;

/* Runs all requests up to the key's row with the terms of layers below the k-th, whose key and v0 it fills in, as it does
 * s->now. */
static pb_status run_edited(edit *e, question *const *questions, size_t k, spread *s, pb_error *err)
{
    const decoder_config *c = &e->model->decoder.config;
    edit_layer *l = &e->layers[k];
    size_t D = c->d_model, F = c->d_ff, last = e->settings.end_layer - 1, count;
    replay_fork *forks = mem_new(e->count, sizeof *forks);
    tap *taps = mem_new(3 * e->count, sizeof *taps);
    for (size_t i = 0; i < e->count; i++) {
        size_t p = e->found[i].key_position;
        taps[3 * i] = (tap){SITE_MLP_POST, l->layer, p, l->key + i * F};
        taps[3 * i + 1] = (tap){SITE_MLP_OUT, l->layer, p, l->v0 + i * D};
        taps[3 * i + 2] = (tap){SITE_RESID_POST, last, p, s->now + i * D};
        forks[i] = (replay_fork){.end = p + 1, .input = questions[i]->input, .read_first = p + 1, .terms = edit_terms(e, i, &count),
                                 .term_count = k, .taps = taps + 3 * i, .tap_count = 3};
    }
    replay_options options = {.memory = question_budget(e->settings.memory)};
    replay_work work = {0};
    pb_status status = replay_run(&e->model->decoder, forks, e->count, &options, &work, err);
    free(forks);
    free(taps);
    return status;
}

/* Each layer from the first on takes its share of what is still missing at the last one (Meng et al. 2023, algorithm 1). */
static pb_status spread_over(edit *e, question *const *questions, spread *s, pb_error *err)
{
    size_t K = e->layer_count, D = e->model->decoder.config.d_model;
    const edit_layer *found = &e->layers[K - 1];
    for (size_t i = 0; i < e->count * D; i++)
        s->goal[i] = found->v[i] - found->v0[i]; /* delta; the run without edits adds resid_post below */
    for (size_t k = 0; k < K; k++) {
        edit_layer *l = &e->layers[k];
        TRY(run_edited(e, questions, k, s, err));
        for (size_t i = 0; i < e->count * D; i++) {
            s->goal[i] += k == 0 ? s->now[i] : 0;
            l->v[i] = l->v0[i] + (s->goal[i] - s->now[i]) / (float)(K - k);
        }
        TRY(solve_layer(e, l, err));
    }
    return PB_OK;
}

pb_status edit_solve(edit *e, question *const *questions, pb_error *err)
{
    size_t D = e->model->decoder.config.d_model;
    if (e->layer_count == 1)
        return solve_layer(e, &e->layers[0], err);
    spread s = {0};
    pb_status status = mem_try(&s.goal, e->count, D * sizeof *s.goal, "values", err);
    if (!status)
        status = mem_try(&s.now, e->count, D * sizeof *s.now, "values", err);
    if (!status)
        status = spread_over(e, questions, &s, err);
    free(s.goal);
    free(s.now);
    return status;
}
