/* backward.h: gradients through a replay: of what its forks' read rows say, with respect to their site rows and to the
 * decoder's weights.
 *
 * A fork is run first, with a recording of all its rows and sites; then the walk goes back over its layers, from the last
 * to the one in which it starts, and only over its own rows: what lies below is a constant.
 *
 *     recording_new(&r, &m->config, base, p, T, p, err)
 *     replay_fork f = {.base = base, .first = p, .end = T, .edits = &e, .edit_count = 1, .record = r, .read_first = T - 1};
 *     replay_run(m, &f, 1, ...)                        // read out: decoder_readout, decoder_readout_backward give d_read
 *     tap t = {SITE_MLP_OUT, layer, p, delta_gradient};
 *     fork_gradient g = {.d_read = d_read, .taps = &t, .tap_count = 1};
 *     backward_run(m, &f, &g, 1, NULL, memory, &work, err)
 *
 * The gradient of a site's row is that of the row as it went into the residual stream, whether computed or put in. Through a
 * row that was put in no gradient flows to what would have been computed in its place. */
#ifndef ENGINE_BACKWARD_H
#define ENGINE_BACKWARD_H

#include "engine/replay.h"

typedef struct fork_gradient {
    const float *d_read; /* [end - read_first][D]: the gradient of what was read, before the final norm */
    const tap *taps;     /* filled in: gradients of sites resid_pre, head_out, attn_out, mlp_out, resid_post, from the layer on in which
                          * the fork starts; in one that it joins, of the rows alone that are edited or lose edges */
    size_t tap_count;
    /* Called with each of these gradients d[D] as it comes by, rows of a layer in no promised order; NULL: not wanted. Where
     * gradients of thousands of rows are summed up, taps would be looked for in vain. */
    void (*each)(void *context, site s, size_t layer, size_t position, const float *d);
    void *context;
} fork_gradient;

/* Sums to which the gradients of weights are added, over all forks' rows: [L][PART_COUNT], NULL where not wanted. Norms
 * and biases are parts like matrices. */
typedef float *(*weight_gradients)[PART_COUNT];

/* gradients[count] are forks[count]'s. Forks must have been run with `record`, of all their rows and sites (sites_first ==
 * first), and without terms: changes that the whole decoder has are seen. weights may be NULL; a fork that joins its base
 * by a cut has no gradients of weights, and the error says so. memory: bytes that rows may take at a time, as in
 * replay_options. */
pb_status backward_run(decoder *m, replay_fork *forks, const fork_gradient *gradients, size_t count,
                       weight_gradients weights, size_t memory, replay_work *work, pb_error *err);

/* Bytes of working memory that do not depend on the number of forks. */
size_t backward_fixed_bytes(const decoder *m, size_t longest);

#endif
