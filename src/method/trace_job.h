/* trace_job.h: traces under way, and their four steps, a file each. A step takes on all jobs of a list at once: their forks go
 * through the engine in one walk over the layers.
 *
 *     trace_choose.c      what is asked: sites, layers, cells, the answer
 *     trace_references.c  the clean run and the corrupted ones, recorded
 *     trace_cells.c       a fork for each cell that is not known, and what they say
 *     trace_verify.c      some of them once more, sharing nothing */
#ifndef METHOD_TRACE_JOB_H
#define METHOD_TRACE_JOB_H

#include "engine/replay.h"
#include "engine/tower.h"
#include "method/corruption.h"
#include "method/fork_batch.h"
#include "method/run_plan.h"
#include "method/trace.h"

/* What a reference run rests on. */
typedef struct trace_base {
    const recording *run; /* another job's, or one from before; NULL: of a corrupted run its own clean one, else nothing */
    size_t rows;          /* those that both begin with */
} trace_base;

/* A trace under way, or one that is only planned. */
typedef struct trace_job {
    trace *t;
    question *q;
    const pb_trace_options *options;
    corruption_list corruption;
    size_t samples;
    float **inputs;          /* [samples][T][D]: the corrupted inputs */
    trace_base clean_base, *corrupted_bases; /* [samples]: what the runs rest on */
    size_t *first_changed;   /* [samples]: the first row in which an input differs from the clean one */
    recording *clean, **corrupted; /* [samples]; NULL in a plan, which runs nothing. A run may rest on one of an earlier job in
                                    * the list, as far as both begin alike */
    replay_fork *references;        /* [1 + samples]: the clean run, then the corrupted ones */
    size_t first_run;               /* the number of the first of them among those of all jobs, while they run */
    score clean_score, *corrupted_score; /* [samples] */
    double *clean_prob, *corrupted_prob; /* [V] of the next token, corrupted ones summed over samples */
    const size_t *cells;            /* [cell_count] the decoder's cells that are run, ascending; NULL: all */
    size_t cell_count;
    size_t wave_bytes, fixed_bytes; /* what forks' rows may take, and what all else does: of all jobs of the list */
    size_t held_bytes;              /* its recordings and inputs, which stay */
    size_t (*least_after)(const struct trace_job *j); /* what goes on after the references takes at least, with what is
                                                       * held; NULL: cells alone */
    tower_recording *tower_clean, **tower_corrupted; /* [samples]; NULL where no site of the tower is traced */
    float **pixels;                 /* [samples] the corrupted picture, normalised; NULL likewise */
    fork_owner own;                 /* its question, and what running and reading took */
    double vision_flop;
} trace_job;

/* ---- what is asked ---- */

/* Sites, layers and the answer, where one is named; before the corruption is prepared. */
pb_status trace_choose(trace_job *j, pb_error *err);
/* The cells, and room for what they say; after it. */
pb_status trace_choose_cells(trace_job *j, pb_error *err);

/* All steps before the first run, which a plan shares: the above, the corruptions, and the corrupted inputs. */
pb_status trace_prepare(trace_job *j, pb_error *err);
/* What the rest will take, once all are prepared and nothing has been run; returns how many cells there are. The plan has not been
 * timed yet; run_plan_free. */
size_t trace_plan_jobs(run_plan *plan, trace_job *jobs, size_t count);
/* cells[all of them]: those that cannot be known before anything has run, ascending; returns how many they are. */
size_t trace_plan_run_cells(const trace_job *j, size_t *cells);
/* Fills in t->cost, but for the numbers of cells. */
void trace_fill_cost(trace_job *j, double seconds);
/* Frees all but t, q and options. */
void trace_job_free(trace_job *j);

/* ---- the reference runs ---- */

/* Makes the corrupted inputs. */
pb_status trace_inputs(trace_job *j, pb_error *err);
/* Divides the memory: fails where it does not hold all that these jobs need together. */
pb_status trace_divide(trace_job *jobs, size_t count, pb_error *err);
/* The last of the jobs, which is prepared, joins the others: finds what its runs rest on, divides the memory, and makes room for
 * its recordings. Where that fails the others stay as they were, but for what the memory leaves to a wave. */
pb_status trace_join(trace_job *jobs, size_t count, pb_error *err);
/* Then records all runs, scores and summarises them; names the answers where none was. */
pb_status trace_references(trace_job *jobs, size_t count, pb_error *err);

/* The same runs' shapes, for plans: shapes[1 + samples], which hold nothing, and forks[1 + samples] that record into them. */
void trace_reference_shapes(const trace_job *j, recording *shapes, replay_fork *forks);

/* ---- cells ---- */

/* The run into which a sample's activations are put, and the one that they are from (NULL in a plan); and what the
 * former says without them. */
const recording *trace_patched_run(const trace_job *j, size_t sample);
const recording *trace_source_run(const trace_job *j, size_t sample);
const score *trace_unpatched_score(const trace_job *j, size_t sample);

/* Cells are numbered site by site, layer by layer, position by position, head by head. */
trace_cell trace_cell_at(const trace *t, size_t index);

/* How many of them a job runs. */
size_t trace_cells_wanted(const trace_job *j);

/* Forks of many cells on their way through the engine, job by job. */
typedef struct trace_batch {
    trace_job *jobs;      /* [job_count] */
    fork_owner **owners;  /* [job_count] theirs */
    fork_batch forks;
    row_edit (*edits)[2]; /* [most forks]: what the cell puts in, and what is held after it */
} trace_batch;

trace_batch trace_batch_new(trace_job *jobs, size_t job_count, size_t most, const char *what);
void trace_batch_free(trace_batch *b);
/* Adds a job's cell in its plain form: a full forward pass that shares nothing but the source's activations. */
void trace_batch_add_plain(trace_batch *b, size_t job, trace_cell c, size_t sample);

/* Adds a job's cells, in every sample in which they are not known beforehand. slot[cells wanted * samples] (or NULL) = 1 + the
 * index of its fork, 0 for a known one. */
void trace_batch_add_cells(trace_batch *b, size_t job, size_t *slot);

/* Puts what the samples of a cell say into the grid's arrays. */
void trace_store(trace_grid *g, size_t at, const score *scores, size_t samples);

/* Runs the same of all jobs, and fills them in in the grids. */
pb_status trace_cells(trace_job *jobs, size_t count, pb_error *err);

/* ---- verify ---- */

/* Recomputes some cells of each by full, unshared passes and keeps the largest relative difference in prob. */
pb_status trace_verify(trace_job *jobs, size_t count, pb_error *err);

#endif
