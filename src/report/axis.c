/* axis.c: see axis.h. */
#include "report/axis.h"

#include <math.h>
#include <stdio.h>

double axis_step(double range, double parts)
{
    double power = pow(10, floor(log10(range / parts))), share = range / parts / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

void axis_round(double *from, double *to)
{
    if (!(*to > *from))
        *to = *from + 1;
    double low = *from, high = *to;
    for (size_t pass = 0; pass < 2; pass++) { /* the rounded range may have a longer step, that of the ticks */
        double step = axis_step(*to - *from, 4);
        *from = floor(low / step + 1e-9) * step;
        *to = ceil(high / step - 1e-9) * step;
    }
}

void axis_number(char out[32], double value)
{
    snprintf(out, 32, "%s%g", value < 0 ? "\u2212" : "", fabs(value));
}

const char *axis_thin(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"grid\"" : "fill=\"none\" stroke=\"#ccc\" stroke-width=\"0.4\"";
}

const char *axis_line(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"line\"" : "fill=\"none\" stroke=\"#000\" stroke-width=\"0.5\"";
}
