/* edit_run.h: editing from end to end: what the model says before, the edits, what it says after.
 *
 *     TRY(edit_run(&r, m, &plan, &settings, false, err));
 *     ... r.found[i].loss, r.edit.layers[0].u, r.measured.results[i].edited.after.prob, r.summary ...
 *     edit_run_free(&r);
 *
 * MultEdit's edits are found, and measured, for all requests at once: a run takes its request's terms, and what each request's
 * numbers are does not depend on the others, to the bit where products keep a row's bits. Fine-tuning goes request by request,
 * or once for all together, with the decoder's weights replaced meanwhile. */
#ifndef METHOD_EDIT_RUN_H
#define METHOD_EDIT_RUN_H

#include "method/edit.h"
#include "method/measure.h"

/* What edits of one layer did, in a sweep over layers: one a request, each on its own. */
typedef struct edit_at_layer {
    size_t layer;
    measure_summary summary;
    struct edit_outcome {
        double prob;          /* P(target) after */
        bool right;
        double delta_norm;
        double rephrased;     /* share of its rephrasings and other pictures that are right; NaN without any */
        double kept;          /* share of its neighbours whose answer stays; NaN without any */
    } *outcomes;              /* [N] */
} edit_at_layer;

typedef struct edit_cost {
    double seconds, finding, asking; /* all; of it finding edits, and asking before and after */
    double flop;                     /* pictures and read-outs included */
    size_t peak_rss_bytes;
} edit_cost;

typedef struct edit_run_result {
    edit_settings settings;
    bool whole_target;
    measure_request *requests;  /* [N] the plan's, with target_id */
    size_t count;
    int32_t **targets;          /* [N][target_counts[i]] token ids in mid-sentence */
    size_t *target_counts;
    edit_request_found *found;  /* [N]: e.found of multedit */
    edit e;                     /* multedit's; else empty */
    tuning *tuning; /* fine-tuning's, of one request or of all together: until it is freed, the decoder runs with its
                     * weights; else NULL */
    edit_at_layer *layers;      /* [layer_count] of a sweep */
    size_t layer_count;
    earlier_runs earlier;       /* what the requests' questions begin with, until all edits are found */
    measure measured;           /* of a sweep: `after` is that of its last layer */
    measure_summary summary;
    edit_cost cost;
    size_t refused;             /* of a run that failed: 1 + the request that it failed for; 0: for none alone */
} edit_run_result;

/* plan's requests need no target_id: it is filled in from `target`, as key_layer is. With whole_target all of a
 * target's tokens are optimised. Fails when a target makes no token, or the model's answer to a request is its target
 * already: then r->refused is 1 + the number of that request. */
pb_status edit_run(edit_run_result *r, model *m, const measure_plan *plan, const edit_settings *settings,
                   bool whole_target, pb_error *err);
/* MultEdit at each layer of the settings' range by itself, all requests at once: fills in r->layers. What the model
 * says before is asked once. */
pb_status edit_run_layers(edit_run_result *r, model *m, const measure_plan *plan, const edit_settings *settings,
                          bool whole_target, pb_error *err);
void edit_run_free(edit_run_result *r);

/* What there is of request i, of those that were made each by itself, as if it had been alone: its part of the cost is an equal
 * one. All but its summary is r's, which must outlive it; end it with edit_run_one_free. */
edit_run_result edit_run_one(const edit_run_result *r, size_t i);
void edit_run_one_free(edit_run_result *one);

#endif
