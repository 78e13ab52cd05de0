/* replay.h: any number of forks, run through the decoder in one walk over its layers.
 *
 * A fork is a run that differs from a recording: from some layer and position on. Below both it is the recording.
 * Its difference is a new input, edits of site rows, cut attention edges, changes of weights, or several of these. A fork
 * of nothing (base NULL) is a full forward pass.
 *
 *     fork f = {.base = corrupted, .first = p, .end = T, .edits = &e, .edit_count = 1, .read_first = T - 1};
 *     replay_options options = {.memory = budget, .finished = read_out};
 *     TRY(replay_run(decoder, &f, 1, &options, &work, err));     // calls read_out with f.read filled in
 *
 * All live rows of all forks go through each layer's matrices together, a chunk of forks at a time; each layer's
 * weights are read once per wave. What a fork cannot change is not computed: positions below its first, layers below
 * its first edit, and in the last layer all that only rows which are not read would see. With `plain` none of this is
 * skipped. */
#ifndef ENGINE_REPLAY_H
#define ENGINE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/cut.h"
#include "engine/recording.h"

/* Site rows put in place of a run's own: at positions[count] (ascending) in layers first_layer .. end_layer-1 the
 * site's rows are those of `source` at the same layer and position, or given. */
typedef struct row_edit {
    site site;
    size_t first_layer, end_layer;
    const size_t *positions;
    size_t position_count;
    const recording *source;
    const float *const *rows; /* [count] rows that are put in instead of source's; NULL: source's. [D]; of head_out those
                               * of its heads, [heads put in][head_dim] */
    size_t first_head, end_head; /* of head_out, which it puts in of a row, the others staying the run's own; end_head 0:
                                  * all. Where attn_out is put in as well, heads are of no effect */
} row_edit;

/* A change of low rank of one matrix, for one fork: y += sum over r of (x . a[r]) b[r] for each row x that passes it. */
typedef struct weight_term {
    size_t layer;
    decoder_part part;  /* PART_Q .. PART_DOWN, a matrix */
    size_t rank;
    const float *a, *b; /* [rank][in], [rank][out] */
} weight_term;

/* A row that is copied out while a fork runs, if it computes it or it is put in: from the layer on in which it starts. */
typedef struct tap {
    site site;
    size_t layer, position;
    float *row; /* [D]; of SITE_MLP_POST [F], of SITE_HEAD_OUT [H d] (unless attn_out is put in there) */
} tap;

/* Who is shown rows while a fork computes them, or puts them in: layer by layer from the one in which it starts, in each
 * layer a site's rows by ascending position (resid_post when the next layer begins). So what a run does can be written down
 * without being kept. An error ends the run. */
typedef struct row_watch {
    const bool *positions; /* [fork's end] the rows that are shown */
    pb_status (*seen)(void *context, site s, size_t layer, size_t position, const float *row, pb_error *err); /* row: as a
                            * tap's */
    void *context;
} row_watch;

typedef struct replay_fork {
    const recording *base; /* what it differs from; NULL: a run of its own, `first` 0 */
    size_t first, end;     /* its rows: positions first .. end-1; edits and cuts' destinations lie at or above first */
    const float *input;    /* [end - first][D] rows at layer 0; NULL: the base's, and layers below the edits are too */
    const recording *entry; /* whose residuals it starts from where it has no input; NULL: the base's. Apart from the base
                            * where the rows below `first` are of another run: one with changed weights, say */
    const row_edit *edits; /* where the first is at head_out, the base keeps heads */
    size_t edit_count;
    const edge_cut *cuts;
    size_t cut_count;
    const weight_term *terms;
    size_t term_count;
    const tap *taps;
    size_t tap_count;
    const row_watch *watch; /* NULL: none */
    recording *record;     /* filled in while it runs, from the layer on in which it starts, so whole only with an input;
                            * NULL: nothing is kept. It begins where the fork does; or it is the base itself, which has
                            * room for the fork's rows behind those that it holds: so a run grows row by row */
    size_t read_first;     /* rows read_first .. end-1 are read out at the end; `end`: none */
    const float *read;     /* [end - read_first][D], while `finished` runs: residuals after the last layer, before the
                            * final norm */
    bool plain;            /* compute every row of every layer from 0 on (needs input): the plain form that tests trust */
} replay_fork;

typedef struct replay_options {
    size_t memory;                              /* bytes that rows may take at a time (a wave) */
    /* Called with the forks of each wave when it has run, to read them out; may be NULL. */
    pb_status (*finished)(void *context, replay_fork *const *forks, size_t count, pb_error *err);
    void (*progress)(void *context, double share); /* called between chunks with the share done; may be NULL */
    void *context;
} replay_options;

/* What was done, added to by each call. */
typedef struct replay_work {
    double flop;                              /* products and attention */
    double products, attention, loading;      /* seconds */
    size_t waves, rows;                       /* rows: of all forks, that were held */
} replay_work;

/* Adds a share of what was done for several: 0 ... 1 of it. Waves count whole, as each of them went through all of those. */
void replay_work_add(replay_work *to, const replay_work *done, double share);

/* Runs the forks. A fork whose base is recorded in the same call must come after it, and start in the same layer: both have
 * inputs, or changed weights from one layer on. Cuts that leave a row no source are an error, before anything runs. */
pb_status replay_run(decoder *m, replay_fork *forks, size_t count, const replay_options *options, replay_work *work,
                     pb_error *err);

/* Bytes of working memory that do not depend on the number of forks: one chunk's rows, one layer's weights. */
size_t replay_fixed_bytes(const decoder *m, size_t longest);

#endif
