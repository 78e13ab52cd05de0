/* adam.h: Adam (Kingma and Ba 2015), as torch.optim.Adam steps in float32. */
#ifndef MATH_ADAM_H
#define MATH_ADAM_H

#include <stddef.h>

/* Step t = 1, 2, ...: of w[n] with gradient g[n]; m and v [n] are 0 before the first.
 *     m <- m + (g - m)(1 - 0.9),  v <- 0.999 v + 0.001 g^2
 *     w <- w - lr / (1 - 0.9^t) m / (sqrt(v) / sqrt(1 - 0.999^t) + 1e-8) */
void adam_step(float *w, const float *g, float *m, float *v, size_t n, size_t t, double lr);

#endif
