/* replay_owned.c: see replay_owned.h. */
#include "engine/replay_owned.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/plan.h"

void replay_work_share(replay_work *const *works, const double *weights, size_t owners, const replay_work *done)
{
    double all = 0;
    for (size_t i = 0; i < owners; i++)
        all += weights[i];
    for (size_t i = 0; i < owners; i++)
        replay_work_add(works[i], done, owners == 1 ? 1 : all > 0 ? weights[i] / all : 1 / (double)owners);
}

pb_status replay_owned(decoder *m, replay_fork *forks, const size_t *forks_of, replay_work *const *works, size_t owners,
                       const replay_options *options, pb_error *err)
{
    double *flop = mem_new(owners, sizeof *flop);
    size_t total = 0;
    replay_work work = {0};
    for (size_t i = 0; i < owners; total += forks_of[i], i++)
        flop[i] = owners > 1 ? replay_plan_flop(m, forks + total, forks_of[i]) : 1;
    pb_status status = replay_run(m, forks, total, options, &work, err);
    replay_work_share(works, flop, owners, &work);
    free(flop);
    return status;
}
