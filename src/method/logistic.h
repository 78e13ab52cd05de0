/* logistic.h: a logistic fit without a penalty, by Newton's method.
 *
 * The weights that make p(right) = 1 / (1 + exp(-(intercept + weight . x))) most likely, x standardised: each feature
 * minus its mean, over its standard deviation (n below). A feature that does not vary, or that is a combination of
 * those before it, gets weight 0, since it says nothing more.
 *
 * Where a line parts the right answers from the wrong ones (or does but for some on the line itself) no weights are
 * the most likely: larger ones always are more so. Newton's steps then go on by about one unit of log odds each,
 * where near a maximum they shrink quadratically. So a fit is made when a step moved no question's log odds by more
 * than 1e-9, and is called separated when that has not come within 100 steps, when log odds pass 500, or when only
 * the questions on a line still have a curvature. */
#ifndef METHOD_LOGISTIC_H
#define METHOD_LOGISTIC_H

#include <stdbool.h>
#include <stddef.h>

enum { LOGISTIC_FEATURES = 2 };

typedef enum logistic_end {
    LOGISTIC_MADE,
    LOGISTIC_ONE_CLASS, /* all right, all wrong, or no question */
    LOGISTIC_SEPARATED
} logistic_end;

typedef struct logistic {
    logistic_end end;   /* what follows is of a fit that was made */
    double intercept, weight[LOGISTIC_FEATURES]; /* of standardised features */
    double mean[LOGISTIC_FEATURES], sd[LOGISTIC_FEATURES];
    size_t steps;
} logistic;

/* x[count][LOGISTIC_FEATURES], finite. */
logistic logistic_fit(const double *x, const bool *right, size_t count);

/* The log odds that x[LOGISTIC_FEATURES] goes with a right answer. */
double logistic_odds(const logistic *f, const double *x);

#endif
