/* fork_batch.h: forks of several questions on their way through the layers together, and what each says of its question's answer.
 *
 *     fork_batch b = fork_batch_new(owners, owner_count, most_forks);
 *     fork_batch_add(&b, i, fork) ...                            of the i-th question, one after the other
 *     TRY(fork_batch_run(&b, memory_for_rows, err));
 *     ... b.scores[k] of the fork that was added as the k-th ...
 *     fork_batch_free(&b);
 *
 * What running and reading takes goes to the owners: their part of a replay by their forks' operations. */
#ifndef METHOD_FORK_BATCH_H
#define METHOD_FORK_BATCH_H

#include "engine/replay.h"
#include "method/cost.h"
#include "method/question.h"
#include "method/score.h"

/* A question on its way. */
typedef struct fork_owner {
    question *q;
    int32_t foil;            /* -1: none */
    replay_work work;        /* its part of what replays took; added to by who goes on from here */
    double readout_seconds, readout_flop;
} fork_owner;

typedef struct fork_batch {
    fork_owner *const *owners; /* [owner_count] */
    size_t owner_count;
    replay_fork *forks;      /* [count] */
    size_t *owner_of;        /* [count] the number of each one's owner */
    size_t *forks_of;        /* [owner_count] how many each has */
    score *scores;           /* [count] filled in */
    size_t count;

    /* Called with a wave's forks before they are scored, where a question's answer is still to be found, say; may be NULL. */
    pb_status (*before)(void *context, replay_fork *const *forks, size_t n, pb_error *err);
    void *context;

    const pb_run_options *run;  /* whom progress is told; NULL: nobody */
    const char *what;           /* that it names */
    double begin, end, total;   /* from where to where the batch goes, of how many; total 0: its own forks */
} fork_batch;

/* Room for so many forks; the owners stay the caller's. */
fork_batch fork_batch_new(fork_owner *const *owners, size_t owner_count, size_t most);
void fork_batch_free(fork_batch *b);
void fork_batch_add(fork_batch *b, size_t owner, replay_fork f);

/* Runs the forks in waves of at most `memory` bytes of rows (0: one at a time), and scores them. */
pb_status fork_batch_run(fork_batch *b, size_t memory, pb_error *err);

/* For `before`: prob[i][V] += the probabilities of the token after the fork's read row; some of prob may be the same. */
pb_status fork_batch_next(const fork_batch *b, replay_fork *const *forks, size_t n, double *const *prob, pb_error *err);

/* What part of the operations of several owners is the i-th's; 1 where nothing was run. */
double fork_owner_part(fork_owner *const *owners, size_t count, size_t i);
/* Fills in what running and reading took, and the picture's side by vision_flop; not seconds, nor what cells are. */
void fork_owner_cost(const fork_owner *o, double vision_flop, trace_cost *cost);

#endif
