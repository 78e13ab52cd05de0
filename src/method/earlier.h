/* earlier.h: runs of the model as it is that later ones rest on, because their prompts begin with the same rows: a
 * picture's keys and values are computed once.
 *
 *     earlier_runs earlier = {.limit = budget / 2};
 *     options.earlier = &earlier;
 *     TRY(ask_many(m, list, n, &options, &work, err));                  // keeps what list's questions say
 *     const recording *base = earlier_find(&earlier, q, position, &rows);
 *     replay_fork f = {.base = base, .first = rows, .input = q->input + rows * D, ...};
 *     earlier_free(&earlier);
 *
 * They hold keys and values alone, and none of them rests on another. D is d_model. */
#ifndef METHOD_EARLIER_H
#define METHOD_EARLIER_H

#include <stdbool.h>

#include "engine/recording.h"
#include "method/question.h"

typedef struct earlier_run {
    recording *run; /* of rows 0 .. run->end-1 */
    float *input;   /* [run->end][D] */
} earlier_run;

typedef struct earlier_runs {
    earlier_run *items;  /* [count] */
    size_t count;
    size_t bytes, limit; /* what they take, and the most that they may: the caller's to set */
} earlier_runs;

/* Keeps the run of a question's first rows, and owns it from then on. False: it does not fit, and stays the
 * caller's. */
bool earlier_keep(earlier_runs *e, recording *run, const question *q);

/* The run that has the most rows in common with the question, at most `most`; *rows: how many. NULL, and 0, where none
 * has any, or e is NULL. It may hold more rows; earlier_free ends it. */
const recording *earlier_find(const earlier_runs *e, const question *q, size_t most, size_t *rows);

/* With how many rows, at most `most`, two inputs [.][D] begin alike, to the bit. */
size_t input_rows_alike(const float *a, const float *b, size_t most, size_t D);

/* Frees the runs; the limit stays. */
void earlier_free(earlier_runs *e);

#endif
