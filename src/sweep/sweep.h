/* sweep.h: a method over a data set, question by question, into a results store.
 *
 *     sweep_job *j;
 *     TRY(sweep_job_open(&j, model, "questions.jsonl", &options, err));   // reads the rows; nothing is run
 *     status = sweep_run(j, "results.db", &summary, err);                 // does what the store lacks
 *     sweep_job_free(j);
 *
 * A job is what every process of a sweep knows, the same in each: the rows, the options, each question's counterpart,
 * and the units of work. Its results depend on nothing but that: not on the order in which units are run, nor on who
 * runs them. */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "data/store.h"
#include "model/model.h"
#include "patchbay/patchbay.h"
#include "sweep/sink.h"

typedef struct sweep_job sweep_job;

/* Questions that are best run together. Those that share a picture share the tower's rows and what they begin with; of
 * a picture with many, or of questions without one, so many at a time; where pictures have few, those of several. */
typedef struct sweep_unit {
    size_t *questions; /* [count] ascending */
    size_t count;
    double work;       /* floating-point operations, roughly: to say what is left, and to share work out */
} sweep_unit;

/* The model and all texts of the options must outlive the job. Fails on a data set that cannot be read, and on options
 * that are wrong whatever the question. */
pb_status sweep_job_open(sweep_job **out, model *m, const char *dataset, const pb_sweep_options *options,
                         pb_error *err);
void sweep_job_free(sweep_job *j);

/* What the store is of; it lives as long as the job. */
store_about sweep_job_about(const sweep_job *j);
/* How many rows are taken: those within the limit. */
size_t sweep_job_question_count(const sweep_job *j);
/* Row i as the store has it; its texts live as long as the job. */
store_question sweep_job_question(const sweep_job *j, size_t i);
/* The units of these rows, without those of other shards. */
const sweep_unit *sweep_job_units(const sweep_job *j, size_t *count);
/* missing[u->count]: those of its questions that are not done yet; returns how many. */
size_t sweep_unit_missing(const sweep_unit *u, const bool *done, size_t *missing);
/* One question's part of its unit's work. */
double sweep_job_work(const sweep_job *j, size_t i);

/* Runs questions of one unit, those that are still to be done, as many at a time as memory holds, and hands over each
 * result as soon as it is there, also of those that fail. When it is told to stop (stop_wanted()), it gives up what it
 * has in hand within a layer of the model, as if that had not begun, and returns PB_OK early. What it fails with is no
 * question's failure: the sink's error, or PB_ENOMEM where the memory allowed is too small. */
pb_status sweep_unit_run(sweep_job *j, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err);

/* All that the store lacks, by this process, or by all those that mpirun started:
 * then each of them must call it, once. */
pb_status sweep_run(sweep_job *j, const char *store_path, pb_sweep_summary *summary, pb_error *err);

/* Puts stores of one work together (store.h: store_merge_all), and counts what there is then. */
pb_status sweep_merge(const char *path, const char *const *stores, size_t count, pb_sweep_summary *summary,
                      pb_error *err);

#endif
