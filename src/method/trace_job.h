/* trace_job.h: a trace under way, and its four steps, a file each.
 *
 *     trace_choose.c      what is asked: sites, layers, cells, the answer
 *     trace_references.c  the clean run and the corrupted ones, recorded
 *     trace_cells.c       a fork for each cell that is not known, and what they say
 *     trace_verify.c      some of them once more, sharing nothing */
#ifndef METHOD_TRACE_JOB_H
#define METHOD_TRACE_JOB_H

#include "engine/replay.h"
#include "method/corruption.h"
#include "method/score.h"
#include "method/trace.h"

/* A trace under way, or one that is only planned. */
typedef struct trace_job {
    trace *t;
    question *q;
    const pb_trace_options *options;
    corruption_list corruption;
    size_t samples;
    float **inputs;          /* [samples][T][D]: the corrupted inputs */
    size_t *first_changed;   /* [samples]: the first row in which an input differs from the clean one */
    recording *clean, **corrupted; /* [samples]; NULL in a plan, which runs nothing */
    replay_fork *references;        /* [1 + samples]: the clean run, then the corrupted ones */
    score clean_score, *corrupted_score; /* [samples] */
    double *clean_prob, *corrupted_prob; /* [V] of the next token, corrupted ones summed over samples */
    size_t wave_bytes, fixed_bytes; /* what forks' rows may take, and what all else does */
    replay_work work;
    double readout_seconds, readout_flop;
} trace_job;

/* ---- what is asked ---- */

/* Sites, layers and the answer, where one is named; before the corruption is prepared. */
pb_status trace_choose(trace_job *j, pb_error *err);
/* The cells, and room for what they say; after it. */
pb_status trace_choose_cells(trace_job *j, pb_error *err);

/* All steps before the first run, which a plan shares: the above, the corruptions, and the inputs below. */
pb_status trace_prepare(trace_job *j, pb_error *err);
/* Frees all but t, q and options. */
void trace_job_free(trace_job *j);

/* ---- the reference runs ---- */

/* Makes the corrupted inputs and divides the memory. */
pb_status trace_inputs(trace_job *j, pb_error *err);
/* Then records all runs, scores and summarises them; names the answer where none was. */
pb_status trace_references(trace_job *j, pb_error *err);

/* Scores of a wave's forks, in their order. */
pb_status trace_read_scores(trace_job *j, replay_fork *const *forks, size_t n, score *scores, pb_error *err);

/* ---- cells ---- */

/* Cells are numbered site by site, layer by layer, position by position. */
typedef struct trace_cell {
    size_t site, layer, column; /* indices into the trace's lists */
} trace_cell;

size_t trace_cell_total(const trace *t);
trace_cell trace_cell_at(const trace *t, size_t index);

/* Forks of many cells on their way through the engine. */
typedef struct trace_batch {
    trace_job *j;
    replay_fork *forks;      /* [most] */
    row_edit *edits;      /* [most] */
    score *scores;    /* [most], filled in when they have run */
    size_t count;
    const char *what; /* for progress */
} trace_batch;

trace_batch trace_batch_new(trace_job *j, size_t most, const char *what);
void trace_batch_free(trace_batch *b);
/* Runs the forks in waves of at most `memory` bytes of rows; 0: one at a time. */
pb_status trace_batch_run(trace_batch *b, size_t memory, pb_error *err);
/* Adds a cell in its plain form: a full forward pass that shares nothing but the source's activations. */
void trace_batch_add_plain(trace_batch *b, trace_cell c, size_t sample);

/* Adds every cell in every sample that is not known beforehand. slot[cells * samples] (or NULL) = 1 + the index of its
 * fork, 0 for a known one. */
void trace_batch_add_cells(trace_batch *b, size_t *slot);

/* Runs these, and fills the grids. */
pb_status trace_cells(trace_job *j, pb_error *err);

/* ---- verify ---- */

/* Recomputes some cells by full, unshared passes and keeps the largest relative difference in prob. */
pb_status trace_verify(trace_job *j, pb_error *err);

#endif
