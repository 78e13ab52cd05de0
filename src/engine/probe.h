/* probe.h: how long a walk over the layers takes on this machine: the model's first layers are run and timed, with few rows
 * and with as many as go through a layer together. So everything counts that a walk does: products at their shapes, in their form,
 * attention, norms, activations, and what it takes to have the weights. */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "engine/plan.h"

typedef struct layer_rates {
    double few_flop, few_seconds;   /* of a layer with few rows, attention apart */
    double many_flop, many_seconds; /* and with many: as long as it takes for each multiple of them */
    double attention;               /* seconds of one of attention's operations */
    double load_first, load;        /* seconds to have a layer's weights, for the first time and again */
} layer_rates;

/* Times a layer with the first rows of input[length][D], `most` rows or about as many as make up `length` once or more. */
pb_status probe_layers(layer_rates *r, decoder *m, const float *input, size_t length, size_t most, pb_error *err);

/* Seconds of one layer in which so much is to be computed, beside attention. */
double probe_layer_seconds(const layer_rates *r, double flop);
/* Seconds of a plan's walks, without read-outs. */
double probe_plan_seconds(const layer_rates *r, const replay_plan *plan);

#endif
