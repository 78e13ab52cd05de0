/* edit_solve.c: the closed form of an edit, of several solved together, of rows that are to stay, and MEMIT's spread
 * over layers.
 *
 *     W* = argmin |W* K + b - V|^2 + lambda |W* - W|^2  =  W + R (K^T K + lambda I)^-1 K^T,    R = V - V0
 *
 * with keys and values as columns: K [F][N], R [D][N]. Of one request it is (v - v0) k^T / (k.k + lambda). Where rows
 * with keys K' [F][M] are to stay, changes are measured by what they do to these rows, C = K' K'^T / mu + I (as ROME
 * measures them by all text), mu the settings' keep_lambda:
 *
 *     W* = argmin |W* K + b - V|^2 + lambda tr((W* - W) C (W* - W)^T)  =  W + R (K^T Q + lambda I)^-1 Q^T
 *     Q  = C^-1 K = K - K' (K'^T K' + mu I)^-1 K'^T K
 *
 * So W* - W = U Q^T with U of N columns, and nothing of F x F is ever made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
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

/* ---- symmetric systems ---- */

/* g[n][n] becomes its Cholesky factor, below and on the diagonal; false when it is not positive definite. */
static bool factor(double *g, size_t n)
{
    for (size_t i = 0; i < n && !stop_wanted(); i++)
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

/* x[n][F]'s products with y[m][F], [n][m]; free() */
static double *products(const float *x, size_t n, const float *y, size_t m, size_t F)
{
    double *g = mem_new(n * m, sizeof *g);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            g[i * m + j] = dot_of(x + i * F, y + j * F, F);
    return g;
}

/* g[n][n] + ridge I, factored. */
static pb_status factor_ridge(double *g, size_t n, double ridge, const char *name, const edit_layer *l, pb_error *err)
{
    for (size_t i = 0; i < n; i++)
        g[i * n + i] += ridge;
    bool definite = factor(g, n);
    TRY(stop_check(err)); /* which may have ended it */
    return definite ? PB_OK
                    : fail(err, PB_EINVAL,
                           "layer %zu: keys depend on each other so much that %s %g is too small to tell them apart",
                           l->layer, name, ridge);
}

/* ---- rows that are to stay ---- */

/* along = key - K' share */
static void take_off(const edit_layer *l, size_t i, const double *share, size_t F)
{
    const float *key = l->key + i * F;
    float *along = l->along + i * F;
    double *sum = mem_new(F, sizeof *sum);
    for (size_t j = 0; j < l->kept_count; j++)
        for (size_t x = 0; x < F; x++)
            sum[x] += share[j] * (double)l->kept[j * F + x];
    for (size_t x = 0; x < F; x++)
        along[x] = (float)((double)key[x] - sum[x]);
    free(sum);
}

/* along = Q of all requests. */
static pb_status turn_from_kept(const edit *e, const edit_layer *l, pb_error *err)
{
    size_t M = l->kept_count, F = e->model->decoder.config.d_ff;
    memcpy(l->along, l->key, e->count * F * sizeof *l->along);
    if (M == 0)
        return PB_OK;
    double *g = products(l->kept, M, l->kept, M, F), *share = products(l->key, e->count, l->kept, M, F);
    pb_status status = factor_ridge(g, M, e->settings.keep_lambda, "--keep-lambda", l, err);
    for (size_t i = 0; i < e->count && !status; i++) {
        substitute(g, share + i * M, M);
        take_off(l, i, share + i * M, F);
    }
    free(g);
    free(share);
    return status;
}

/* ---- requests ---- */

static void solve_alone(const edit *e, const edit_layer *l, size_t i)
{
    size_t D = e->model->decoder.config.d_model, F = e->model->decoder.config.d_ff;
    double scale = 1 / (dot_of(l->key + i * F, l->along + i * F, F) + e->settings.lambda);
    for (size_t d = i * D; d < (i + 1) * D; d++)
        l->u[d] = (float)(((double)l->v[d] - (double)l->v0[d]) * scale);
}

/* The largest cosine between two keys. */
static double largest_cosine(const edit *e, const edit_layer *l)
{
    size_t n = e->count, F = e->model->decoder.config.d_ff;
    double largest = -1, *g = products(l->key, n, l->key, n, F);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double both = sqrt(g[i * n + i] * g[j * n + j]), cosine = both > 0 ? g[i * n + j] / both : 0;
            largest = cosine > largest ? cosine : largest;
        }
    free(g);
    return largest;
}

static pb_status solve_together(edit *e, const edit_layer *l, pb_error *err)
{
    size_t n = e->count, D = e->model->decoder.config.d_model, F = e->model->decoder.config.d_ff;
    double *g = products(l->key, n, l->along, n, F), *r = mem_new(n, sizeof *r),
           cosine = n > 1 ? largest_cosine(e, l) : 0;
    if (cosine > e->largest_key_cosine)
        e->largest_key_cosine = cosine;
    pb_status status = factor_ridge(g, n, e->settings.lambda, "--lambda", l, err);
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
    TRY(turn_from_kept(e, l, err));
    if (e->settings.together)
        return solve_together(e, l, err);
    for (size_t i = 0; i < e->count; i++)
        solve_alone(e, l, i);
    return PB_OK;
}

/* ---- a range of layers ---- */

/* What a request's run with the layers edited so far says at the key's position. */
typedef struct spread {
    float *goal, *now; /* [N][D] resid_post of the last layer: as it is to be, as it is */
} spread;

/* Runs all requests up to the key's row with the terms of layers below the k-th, whose key and v0 it fills in, as it
 * does s->now. */
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
        forks[i] = (replay_fork){.end = p + 1,
                                 .input = questions[i]->input,
                                 .read_first = p + 1,
                                 .terms = edit_terms(e, i, &count),
                                 .term_count = k,
                                 .taps = taps + 3 * i,
                                 .tap_count = 3};
    }
    replay_options options = {.memory = question_budget(e->settings.memory)};
    replay_work work = {0};
    pb_status status = replay_run(&e->model->decoder, forks, e->count, &options, &work, err);
    e->flop += work.flop;
    free(forks);
    free(taps);
    return status;
}

/* Each layer from the first on takes its share of what is still missing at the last one (Meng et al. 2023, algorithm
 * 1). */
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
