/* plan.h: what forks would take, by their shapes alone: nothing is run and no recording is looked at, so a base that is still
 * to be made may be NULL, and one that a fork is to record needs no room: its `first`, `end` and `sites_first` are enough.
 *
 *     replay_plan plan = {0};
 *     replay_plan_add(&plan, decoder, forks, count, wave_bytes);
 *     ... plan.flop ...                              // and probe.h: how long that takes on this machine
 *     replay_plan_free(&plan);
 *
 * Which rows a layer computes is decided where chunk.c decides it (lane_row_of), so operations are those that a run counts. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "engine/replay.h"

/* One layer of one wave. */
typedef struct plan_step {
    double products, attention; /* operations */
    bool first;                 /* nobody has had this layer's weights before */
} plan_step;

typedef struct replay_plan {
    size_t waves, rows, largest; /* rows: of all forks; largest: of the largest wave */
    double flop;
    double weight_bytes;         /* of the layers' weights, each time that they are read */
    plan_step *steps;            /* [step_count] */
    size_t step_count;
} replay_plan;

/* Adds the forks' run in waves of at most `memory` bytes of rows. */
void replay_plan_add(replay_plan *plan, const decoder *m, replay_fork *forks, size_t count, size_t memory);
/* Adds the way back over the same forks (backward.h), without gradients of weights. It counts no waves, as a run counts none. */
void replay_plan_add_backward(replay_plan *plan, const decoder *m, replay_fork *forks, size_t count, size_t memory);
/* Adds to each of the last `layers` layers that were added so many operations of products: gradients of weights, say. */
void replay_plan_add_to_last(replay_plan *plan, size_t layers, double products);
/* Adds a walk over layers of which nothing is known but its operations, in equal parts; read: the share of a layer's weights. */
void replay_plan_add_walk(replay_plan *plan, const decoder *m, size_t layers, double products, double attention, double read);
/* Adds the same as many times more as was added since `from`, the plan as it was before. */
void replay_plan_repeat(replay_plan *plan, const replay_plan *from, size_t times);
/* Frees the steps alone. */
void replay_plan_free(replay_plan *plan);

/* The forks' operations alone. */
double replay_plan_flop(const decoder *m, replay_fork *forks, size_t count);

#endif
