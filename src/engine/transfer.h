/* transfer.h: what rows give each other through attention, layer by layer, taken from recordings.
 *
 *     c_l(i <- j) = sum over heads h of A_l,h[i, j] (v_l,h[j] W_O,h)                [D]
 *
 * is what source row j adds to destination row i in layer l. The output projection's bias belongs to no source: over all j
 * the c's sum to attn_out without it.
 *
 *     transfer_pair pair = {r, sources, destinations, source_count, destination_count};
 *     transfer_request t = {.pairs = &pair, .pair_count = 1, .end_layer = L, .take = take, .context = me};
 *     TRY(transfer_run(decoder, &t, &work, err));        // calls take for each layer, pair and block of destinations
 *
 * Nothing is run again but the destinations' queries: keys and values are the recording's, of its own rows and its base's.
 * Each source's values go through each head's part of W_O once, in blocks of sources, for all destinations and pairs, of
 * whichever recordings: rows of a base are those of all that rest on it. */
#ifndef ENGINE_TRANSFER_H
#define ENGINE_TRANSFER_H

#include "engine/plan.h"

typedef struct transfer_pair {
    const recording *recording; /* which has resid_pre and attn_out of the destinations */
    const size_t *sources, *destinations; /* positions, ascending; sources that a destination does not see give it nothing */
    size_t source_count, destination_count;
} transfer_pair;

/* From all sources of a pair to some of its destinations, in one layer. */
typedef struct transfer {
    size_t layer, pair;
    size_t first, rows;     /* destinations first .. first + rows - 1 of the pair's */
    const float *norm;      /* [rows][source_count] |c(i <- j)| */
    const float *head_norm; /* [rows][H] sum over sources of |A_h v_h W_O,h| */
    const float *total;     /* [rows][D] sum over sources of c(i <- j) */
    const float *attended;  /* [rows][D] attn_out as recorded, without the bias: the total of all sources */
} transfer;

typedef struct transfer_request {
    const transfer_pair *pairs;
    size_t pair_count;
    size_t first_layer, end_layer;
    void (*take)(void *context, const transfer *t);
    void (*progress)(void *context, double share); /* after each layer; may be NULL */
    void *context;
} transfer_request;

pb_status transfer_run(decoder *m, const transfer_request *t, replay_work *work, pb_error *err);

/* Adds to a plan what transfer_run will take. Recordings need not have been run. */
void transfer_foresee(replay_plan *plan, const decoder *m, const transfer_request *t);

/* Bytes of working memory that it takes: linear in the destinations, up to a block of them. */
size_t transfer_bytes(const decoder *m, const transfer_pair *pairs, size_t count);

#endif
