/* bootstrap_ends.c: values at a place of many in order (bootstrap_parts.h). */
#include "method/bootstrap_parts.h"

#include <math.h>

#include "math/multiversion.h"

/* x[low .. high - 1] is parted so that x[k] is what it would be if they were sorted, with none above it before and none below
 * it behind (Hoare's quickselect, the pivot the middle of three). */
static void select_value(double *x, size_t low, size_t high, size_t k)
{
    while (high - low > 1) {
        double a = x[low], m = x[low + (high - low) / 2], z = x[high - 1];
        double pivot = fmax(fmin(a, m), fmin(fmax(a, m), z));
        size_t i = low, j = high - 1;
        for (;;) {
            while (x[i] < pivot)
                i++;
            while (pivot < x[j])
                j--;
            if (i >= j)
                break;
            double swapped = x[i];
            x[i++] = x[j];
            x[j--] = swapped;
        }
        /* x[low .. i - 1] <= pivot <= x[i .. high - 1] */
        if (k < i)
            high = i;
        else if (i > low)
            low = i;
        else if (k > low)
            low++;
        else
            return; /* the pivot, the least of all, stands there */
    }
}

double value_in_order(double *x, size_t count, size_t k)
{
    select_value(x, 0, count, k);
    return x[k];
}

/* ---- both ends ---- */

enum { LANES = 8 };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double))));
_Static_assert(INTERVAL_RESAMPLES % LANES == 0, "vectors are whole");

/* Mean and standard deviation, roughly: they only say where to look. NAN where some value is none or infinite. */
MULTIVERSION static void rough_moments(const double *x, double *mean, double *deviation)
{
    lanes sum = {0}, square = {0};
    double first = x[0], total = 0, squares = 0;
    for (size_t i = 0; i < INTERVAL_RESAMPLES; i += LANES) {
        lanes v = *(const lanes *)(x + i) - first;
        sum += v;
        square += v * v;
    }
    for (size_t i = 0; i < LANES; i++) {
        total += sum[i];
        squares += square[i];
    }
    total /= INTERVAL_RESAMPLES;
    *mean = first + total;
    *deviation = sqrt(fmax(0, squares / INTERVAL_RESAMPLES - total * total)) + 0 * total;
}

/* Those below one bound and those above another one: there, most values need not be looked at any further. */
typedef struct tails {
    double below[INTERVAL_RESAMPLES + 1], above[INTERVAL_RESAMPLES + 1]; /* above: each negated */
    size_t below_count, above_count;
} tails;

static void take_tails(const double *x, double low, double high, tails *t)
{
    size_t below = 0, above = 0;
    for (size_t i = 0; i < INTERVAL_RESAMPLES; i++) {
        t->below[below] = x[i];
        below += x[i] < low;
        t->above[above] = -x[i];
        above += x[i] > high;
    }
    t->below_count = below;
    t->above_count = above;
}

/* All values but NAN; returns how many there are. */
static size_t take_numbers(const double *x, double *numbers)
{
    size_t kept = 0;
    for (size_t i = 0; i < INTERVAL_RESAMPLES; i++) {
        numbers[kept] = x[i];
        kept += isnan(x[i]) ? 0 : 1;
    }
    return kept;
}

void find_ends(const double *values, double *low, double *high)
{
    tails t;
    double mean, deviation;
    rough_moments(values, &mean, &deviation);
    take_tails(values, mean - 1.7 * deviation, mean + 1.7 * deviation, &t);
    size_t from_above = INTERVAL_RESAMPLES - 1 - INTERVAL_HIGH;
    if (isfinite(deviation) && t.below_count > INTERVAL_LOW && t.above_count > from_above) {
        *low = value_in_order(t.below, t.below_count, INTERVAL_LOW);
        *high = -value_in_order(t.above, t.above_count, from_above);
        return;
    }
    size_t count = take_numbers(values, t.below);
    *low = INTERVAL_LOW < count ? value_in_order(t.below, count, INTERVAL_LOW) : NAN;
    *high = INTERVAL_HIGH < count ? value_in_order(t.below, count, INTERVAL_HIGH) : NAN;
}
