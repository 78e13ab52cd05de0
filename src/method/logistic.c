/* logistic.c: see logistic.h. */
#include "method/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { TERMS = LOGISTIC_FEATURES + 1, STEPS = 100, HALVINGS = 40 };

/* ---- features ---- */

static void standardise(logistic *f, const double *x, size_t count)
{
    for (size_t j = 0; j < LOGISTIC_FEATURES; j++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++)
            sum += x[i * LOGISTIC_FEATURES + j];
        f->mean[j] = sum / (double)count;
        for (size_t i = 0; i < count; i++) {
            double d = x[i * LOGISTIC_FEATURES + j] - f->mean[j];
            squares += d * d;
        }
        f->sd[j] = sqrt(squares / (double)count);
    }
}

/* terms[TERMS]: 1 and the standardised features. Nothing of a feature that hardly varies beside its own size. */
static void terms_of(const logistic *f, const double *x, double *terms)
{
    terms[0] = 1;
    for (size_t j = 0; j < LOGISTIC_FEATURES; j++)
        terms[j + 1] = f->sd[j] > 1e-12 * fabs(f->mean[j]) ? (x[j] - f->mean[j]) / f->sd[j] : 0;
}

/* ---- Newton ---- */

/* log(1 + exp(z)) without overflow. */
static double softplus(double z)
{
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

/* 1 / (1 + exp(-z)), which keeps its digits near 0; near 1 they are those of sigmoid(-z). */
static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (size_t j = 0; j < TERMS; j++)
        sum += a[j] * b[j];
    return sum;
}

typedef struct problem {
    const double *terms; /* [count][TERMS] */
    const bool *right;
    size_t count;
} problem;

/* -log likelihood: sum of log(1 + exp(-z)) over the right answers, log(1 + exp(z)) over the wrong ones. */
static double loss(const problem *p, const double *w)
{
    double sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        double z = dot(p->terms + i * TERMS, w);
        sum += softplus(p->right[i] ? -z : z);
    }
    return sum;
}

/* gradient = sum (p - y) t, hessian = sum p (1 - p) t t', p = sigmoid(w t). */
static void derivatives(const problem *p, const double *w, double gradient[TERMS], double hessian[TERMS][TERMS])
{
    memset(gradient, 0, TERMS * sizeof *gradient);
    memset(hessian, 0, TERMS * sizeof *hessian);
    for (size_t i = 0; i < p->count; i++) {
        const double *t = p->terms + i * TERMS;
        double z = dot(t, w), missed = p->right[i] ? -sigmoid(-z) : sigmoid(z), curvature = sigmoid(z) * sigmoid(-z);
        for (size_t j = 0; j < TERMS; j++) {
            gradient[j] += missed * t[j];
            for (size_t k = 0; k < TERMS; k++)
                hessian[j][k] += curvature * t[j] * t[k];
        }
    }
}

/* h = l l' (Cholesky). Returns TERMS; or the first term whose curvature all lies in those before it. Terms that are 0
 * everywhere are left out. */
static size_t factor(double h[TERMS][TERMS], double l[TERMS][TERMS])
{
    memset(l, 0, TERMS * sizeof *l);
    for (size_t j = 0; j < TERMS; j++) {
        double pivot = h[j][j];
        if (pivot == 0)
            continue;
        for (size_t k = 0; k < j; k++)
            pivot -= l[j][k] * l[j][k];
        if (!(pivot > 1e-12 * h[j][j]))
            return j;
        l[j][j] = sqrt(pivot);
        for (size_t i = j + 1; i < TERMS; i++) {
            double sum = h[i][j];
            for (size_t k = 0; k < j; k++)
                sum -= l[i][k] * l[j][k];
            l[i][j] = sum / l[j][j];
        }
    }
    return TERMS;
}

/* step = h^-1 g: l y = g, then l' step = y. */
static void solve(double l[TERMS][TERMS], const double g[TERMS], double step[TERMS])
{
    double y[TERMS];
    for (size_t j = 0; j < TERMS; j++) {
        double sum = g[j];
        for (size_t k = 0; k < j; k++)
            sum -= l[j][k] * y[k];
        y[j] = l[j][j] > 0 ? sum / l[j][j] : 0;
    }
    for (size_t j = TERMS; j-- > 0;) {
        double sum = y[j];
        for (size_t k = j + 1; k < TERMS; k++)
            sum -= l[k][j] * step[k];
        step[j] = l[j][j] > 0 ? sum / l[j][j] : 0;
    }
}

/* Makes terms 0 that are combinations of those before them. Of all weights 0 every question has the same curvature,
 * so there it shows. */
static void drop_dependent(double *terms, const bool *right, size_t count)
{
    const double none[TERMS] = {0};
    double gradient[TERMS], hessian[TERMS][TERMS], l[TERMS][TERMS];
    for (size_t j;;) {
        derivatives(&(problem){terms, right, count}, none, gradient, hessian);
        if ((j = factor(hessian, l)) == TERMS)
            return;
        for (size_t i = 0; i < count; i++)
            terms[i * TERMS + j] = 0;
    }
}

/* The most that a question's log odds have in them, or are moved by. */
static double largest(const problem *p, const double *w)
{
    double most = 0;
    for (size_t i = 0; i < p->count; i++)
        most = fmax(most, fabs(dot(p->terms + i * TERMS, w)));
    return most;
}

/* Takes the step, halved until the loss is no larger. */
static void descend(const problem *p, double *w, double *step)
{
    double before = loss(p, w), next[TERMS];
    for (size_t h = 0; h < HALVINGS; h++) {
        for (size_t j = 0; j < TERMS; j++)
            next[j] = w[j] - step[j];
        if (loss(p, next) <= before * (1 + 1e-14))
            break;
        for (size_t j = 0; j < TERMS; j++)
            step[j] /= 2;
    }
    memcpy(w, next, sizeof next);
}

static logistic_end minimise(const problem *p, double *w, size_t *steps)
{
    for (*steps = 1; *steps <= STEPS; ++*steps) {
        double gradient[TERMS], hessian[TERMS][TERMS], l[TERMS][TERMS], step[TERMS];
        derivatives(p, w, gradient, hessian);
        if (factor(hessian, l) < TERMS) /* what is left of the curvature lies on a line between the classes */
            break;
        solve(l, gradient, step);
        descend(p, w, step);
        if (largest(p, step) <= 1e-9)
            return LOGISTIC_MADE;
        if (largest(p, w) > 500)
            break;
    }
    return LOGISTIC_SEPARATED;
}

/* ---- fit ---- */

logistic logistic_fit(const double *x, const bool *right, size_t count)
{
    logistic f = {.end = LOGISTIC_ONE_CLASS};
    size_t yes = 0;
    for (size_t i = 0; i < count; i++)
        yes += right[i];
    if (yes == 0 || yes == count)
        return f;
    standardise(&f, x, count);
    double *terms = mem_new(count * TERMS, sizeof *terms), w[TERMS] = {0};
    for (size_t i = 0; i < count; i++)
        terms_of(&f, x + i * LOGISTIC_FEATURES, terms + i * TERMS);
    drop_dependent(terms, right, count);
    f.end = minimise(&(problem){terms, right, count}, w, &f.steps);
    f.intercept = w[0];
    memcpy(f.weight, w + 1, sizeof f.weight);
    free(terms);
    return f;
}

double logistic_odds(const logistic *f, const double *x)
{
    double terms[TERMS], w[TERMS] = {f->intercept};
    memcpy(w + 1, f->weight, sizeof f->weight);
    terms_of(f, x, terms);
    return dot(terms, w);
}
