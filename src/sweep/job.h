/* job.h: what the files of this room share: a job, a question of it made concrete, a result in the making. */
#ifndef SWEEP_JOB_H
#define SWEEP_JOB_H

#include "data/rows.h"
#include "method/ask.h"
#include "method/run_plan.h"
#include "report/about.h"
#include "sweep/sweep.h"

struct sweep_job {
    model *model;
    pb_sweep_options options;
    rows rows;
    char *folder;             /* of the data set's file, absolute: fields that name pictures are relative to it */
    size_t count;             /* of the rows, those within the limit */
    size_t *other;            /* [rows.count] counterparts; NULL where no option wants one */
    double *work;             /* [count] */
    sweep_unit *units;        /* [unit_count] */
    size_t unit_count;
    char **row_texts;         /* [count] rows as JSON, as they are wanted */
    json_t *about_model, *about_options, *about_dataset;
    picture_cache pictures;
    struct edits_shared *edits; /* what edits share (methods.h); NULL of other methods */
};

/* ---- a question made concrete (asked.c) ---- */

/* A row's question with all that the options say of it, each @ replaced. Texts are the row's, the options', or `made`. */
typedef struct sweep_asked {
    pb_question question;
    pb_answer_choice answer;
    const char *foil, *target;
    const char **corruptions;  /* [corruption_count] */
    size_t corruption_count;
    char **made;               /* [made_count] owned */
    size_t made_count;
} sweep_asked;

/* Fails where a field or a counterpart is not there; the error says what is missing. */
pb_status sweep_ask(sweep_asked *a, const sweep_job *j, size_t at, pb_error *err);
void sweep_asked_free(sweep_asked *a);
/* Whether any option names another question. */
bool sweep_wants_other(const pb_sweep_options *o);

/* ---- results (result.c) ---- */

/* A result with all that it points to; r's lists are the result's. */
typedef struct sweep_result {
    store_result r;
    const char *folder; /* of the data set, which texts leave out: results do not depend on where it lies */
    store_value *values;
    store_curve *curves;
    store_grid *grids;
    void **kept;    /* [kept_count] owned */
    size_t kept_count;
} sweep_result;

void sweep_result_free(sweep_result *s);
void result_status(sweep_result *s, const char *status, const char *reason); /* reason: copied; NULL: none */
void result_value(sweep_result *s, const char *name, double value);
/* Names and numbers are copied. */
void result_curve(sweep_result *s, const char *name, const char *class, const double *data, size_t count);
void result_grid(sweep_result *s, const char *name, const size_t *shape, size_t dimensions, const double *data);
/* The text of a method's own JSON, which is released: without its model, which is the store's, what it cost, and what can be worked
 * out anew. */
void result_detail(sweep_result *s, json_t *tree);

/* ---- one question of a unit ---- */

/* A question that is open, and what the model says to it. */
typedef struct sweep_item {
    size_t row;
    sweep_asked asked;
    question q;
    asking asking;   /* filled in once the unit's questions have been asked together; empty where the method asks */
    buffer text;     /* the greedy answer */
    int correct;     /* 1, 0; -1: not known */
} sweep_item;

/* What came of a question. */
typedef struct sweep_outcome {
    sweep_result result; /* of one that has failed nothing */
    pb_status status;    /* PB_OK, or */
    pb_error why;
} sweep_outcome;

/* What a method does with the first questions of those that are left of a unit, as many as it takes on together, at least
 * one: it fills in of each detail, values, curves and grids, and the probabilities, or how it failed. Returns how many it
 * took. memory: the budget, of which what the unit holds is held back already (question_budget_hold). */
typedef size_t sweep_work(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out);

/* Adds what a method's part of a question will take to a plan of it, where it can be said without running it: of a method that asks
 * itself, all of it. Where questions go together the plan may be that of several, plan->times being the question's share. NULL:
 * nothing beside asking it. */
typedef pb_status sweep_foresee(sweep_job *j, sweep_item *item, run_plan *plan, pb_error *err);

/* Whether the answer contains one of the row's accepted ones: 1, 0; -1 where there are none. */
int sweep_judge(const row *r, const char *text);

/* A method as a sweep sees it: a row of the table in methods.c. */
typedef struct sweep_method {
    const char *name;       /* "trace" */
    bool skips_wrong;       /* questions that are answered wrongly, unless --include-wrong */
    bool asks;              /* it asks its questions itself, and says what they were answered; of others the unit asks them all */
    /* Adds what of its options decides results to o. */
    void (*options)(const sweep_job *j, json_t *o);
    sweep_work *run;
    /* Floating-point operations for a prompt of so many rows, of which the last `behind` come after the picture: roughly. */
    double (*work)(const sweep_job *j, size_t length, size_t behind);
    sweep_foresee *foresee;
} sweep_method;

const sweep_method *sweep_method_of(const pb_sweep_options *o);

/* ---- about (about_job.c) ---- */

/* 64-bit FNV-1a: begins at DIGEST_BEGIN. A text counts with its end, NULL as an empty one. */
#define DIGEST_BEGIN 0xcbf29ce484222325u
void digest_add(uint64_t *d, const void *bytes, size_t n);
void digest_text(uint64_t *d, const char *text);
json_t *digest_json(uint64_t d);

/* What stands in the store of model, options and data set; new references. */
json_t *sweep_model_json(const model *m, pb_error *err);
json_t *sweep_options_json(const sweep_job *j);
json_t *sweep_dataset_json(const sweep_job *j);

/* Adds up how the store's questions ended (merge.c). */
pb_status sweep_count_results(store *s, pb_sweep_summary *summary, pb_error *err);

/* ---- what it takes (foresee.c) ---- */

/* Where the run has a progress function, says what the `missing` questions of so much `work` will take (run_plan.h): as one of them,
 * the one of row `first`, stands for all; processes: that share them. */
pb_status sweep_announce(sweep_job *j, size_t first, size_t missing, double work, size_t processes, pb_error *err);

/* ---- units (units.c) ---- */

enum { UNIT_MOST = 32 }; /* questions of a unit */

void sweep_make_units(sweep_job *j);

#endif
