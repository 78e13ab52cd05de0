/* lane.h: a fork in flight: where it starts, which of its rows are put in, and what it shares with others. Of use to
 * the walks over the layers alone, replay.c with chunk.c, and backward.c. */
#ifndef ENGINE_LANE_H
#define ENGINE_LANE_H

#include "engine/replay.h"

/* Where a fork's first edit is at attn_out or mlp_out, or its first cut, it joins within that layer: only the edited rows
 * and the cuts' destinations differ there from the base, in what is put in or attended to and in what follows from it; all
 * rows above them from the next layer on. */
typedef struct lane {
    replay_fork *f;
    float *x;     /* [end - first][D]: residual rows, or their gradients, which live as long as the lane's wave */
    size_t start; /* the first layer in which it differs from its base; L when only the last output does */
    bool joins;   /* in that layer only edited rows, and those that lose edges, are computed */
} lane;

size_t lane_rows(const lane *n);

/* The forks' lanes by ascending start; those that start together keep their order, which puts a base before what rests
 * on it. free() */
lane *lanes_sorted(replay_fork *forks, size_t count, size_t layers);
/* How many of the lanes have at most `most` rows together, but at least one; *rows: theirs. */
size_t lanes_within(const lane *lanes, size_t count, size_t most, size_t *rows);

/* The row that an edit puts at (site, layer, position); NULL when none does. Not of head_out. */
const float *lane_edited(const replay_fork *f, site s, size_t layer, size_t position);
/* The same for head_out, a row of which may be put together from several edits. What one of them puts there, [*end -
 * *first][head_dim] of heads *first .. *end-1, or NULL; whether any does; z[H d] with what all of them put in. */
const float *lane_heads(const replay_fork *f, size_t edit, size_t layer, size_t position, const decoder_config *c,
                        size_t *first, size_t *end);
bool lane_edits_heads(const replay_fork *f, size_t layer, size_t position);
void lane_put_heads(const replay_fork *f, size_t layer, size_t position, const decoder_config *c, float *z);
/* Whether the layer's attention or MLP gives a row that is not the base's by itself: something is put in, or edges are cut. */
bool lane_differs(const replay_fork *f, size_t layer, size_t position);
/* The row put into the residual stream before layer `index`: by a resid_pre edit there or a resid_post edit below. */
const float *lane_edited_residual(const replay_fork *f, size_t index, size_t layers, size_t position);
/* What edits put in of a row in one layer. */
typedef struct lane_put {
    bool attn, heads, mlp;
} lane_put;

/* What one layer has to compute of a row. */
typedef struct lane_row {
    bool needed;                       /* its output is seen by anyone */
    bool has_kv, attends, feeds;       /* a row that attends without keys of its own attends to its base's */
    bool projects;                     /* its attn_out is made of its heads: of those it has when it attended, or of its
                                        * base's, and of those that are put in */
    bool heads_given, cut;             /* some heads are put in; it loses edges */
    bool attn_of_base, mlp_of_base;    /* the site's row is the base's */
} lane_row;

/* The row at a position of a lane that lives in the layer. Both the walk (chunk.c) and plans (plan.c) ask this. */
lane_row lane_row_of(const lane *n, const decoder_config *c, size_t layer, size_t position, lane_put put);

/* The recording whose residuals the fork starts from. */
const recording *lane_entry(const replay_fork *f);
/* Copies a row to whoever asked for it. */
void lane_tap(const tap *taps, size_t count, site s, size_t layer, size_t position, const float *row, size_t width);
/* The same with a row of the fork's own run, which its watch sees too. */
pb_status lane_show(const replay_fork *f, site s, size_t layer, size_t position, const float *row, size_t width,
                    pb_error *err);

#endif
