/* replay_owned.h: forks of several owners in one replay; what it takes is shared out among them. */
#ifndef ENGINE_REPLAY_OWNED_H
#define ENGINE_REPLAY_OWNED_H

#include "engine/replay.h"

/* forks: owner by owner, forks_of[owners] of each. works[owners]: added to each is its part of what the replay took, by its forks'
 * operations (replay_plan_add's). */
pb_status replay_owned(decoder *m, replay_fork *forks, const size_t *forks_of, replay_work *const *works, size_t owners,
                       const replay_options *options, pb_error *err);

/* Adds to each of the owners its part of some work, by their weights; in equal parts where all of these are 0. */
void replay_work_share(replay_work *const *works, const double *weights, size_t owners, const replay_work *done);

#endif
