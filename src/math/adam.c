/* adam.c: see adam.h. */
#include "math/adam.h"

#include <math.h>

#include "base/on_threads.h"
#include "math/multiversion.h"

#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8f

MULTIVERSION static void step_some(float *w, const float *g, float *m, float *v, size_t n, float rate, float root)
{
    for (size_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * (float)(1 - BETA1);
        v[i] = v[i] * (float)BETA2 + (float)(1 - BETA2) * (g[i] * g[i]);
        w[i] -= rate * (m[i] / (sqrtf(v[i]) / root + EPSILON));
    }
}

void adam_step(float *w, const float *g, float *m, float *v, size_t n, size_t t, double lr)
{
    enum { SOME = 1 << 14 };
    float rate = (float)(lr / (1 - pow(BETA1, (double)t))), root = (float)sqrt(1 - pow(BETA2, (double)t));
    ON_THREADS(n > SOME, schedule(static),
        for (size_t i = 0; i < n; i += SOME)
            step_some(w + i, g + i, m + i, v + i, n - i < SOME ? n - i : SOME, rate, root);)
}
