/* together.h: several questions about one model, run together, by whatever method.
 *
 * Questions are taken on one after the other, as long as there is room. Then all that were taken on are run; where that fails, each
 * is run by itself, so that a failure is one question's, unless they were told to stop (PB_EINTERRUPTED). What these steps are a
 * method says in a table; while they go on it holds the questions' jobs in a list of its own. Where products keep a row's bits, every
 * number is the one that the question gives by itself, to the bit. Of what a list costs each question has its part, by the operations
 * of its runs. */
#ifndef METHOD_TOGETHER_H
#define METHOD_TOGETHER_H

#include "method/fork_batch.h"
#include "method/run_plan.h"

/* One of the questions. What is handed over to a method begins with it: a flowing, a knocking_out, a tracing. Each has options
 * of its own; but the first one's options.run is that of all. */
typedef struct together_one {
    question *q;
    pb_status status;    /* filled in: PB_OK, or nothing can be said of the question, and `why` says why */
    pb_error why;
} together_one;

/* What a method's list begins with. */
typedef struct together_list {
    const struct together_method *method;
    together_one **of;   /* [count] the jobs' questions */
    fork_owner **owners; /* [count] and what their runs are counted to: filled in by `join` */
    size_t count;
    double began;
} together_list;

typedef struct together_method {
    size_t one_size, list_size;
    /* An empty list becomes one with room for so many jobs; and what it holds beside them is freed. */
    void (*open)(together_list *l, size_t most);
    void (*close)(together_list *l);
    /* Whether a list that has jobs may grow by this question, as far as can be seen before it is looked at. */
    bool (*has_room)(const together_list *l, const together_one *one);
    /* Makes it job number `count`, as far as nothing has to be held: what is asked. */
    pb_status (*prepare)(together_list *l, together_one *one, pb_error *err);
    /* It joins the others, as far as memory holds them all; else the list is as it was. */
    pb_status (*join)(together_list *l, pb_error *err);
    /* Plans what running the jobs will take; returns how many units that is. */
    size_t (*foresee)(together_list *l, run_plan *plan);
    const char *unit; /* the name of one: "cell", "point" */
    pb_status (*run)(together_list *l, pb_error *err);
    /* Frees what a job holds, prepared or run, but for the result; and the result. */
    void (*release)(together_list *l, size_t job);
    void (*forget)(together_list *l, size_t job);
} together_method;

/* Runs the first of n questions, at least one; returns how many, so that the caller goes on with the rest. */
size_t together_some(const together_method *m, together_one *first, size_t n);
/* How a question fared, for who ran it alone. */
pb_status together_status(const together_one *one, pb_error *err);
/* What running the question will take; run_plan_free. */
pb_status together_foresee(const together_method *m, together_one *one, run_plan *plan, pb_error *err);

/* For `run`: says before what running the jobs will take, where the first one's options tell progress. */
pb_status together_announce(together_list *l, const pb_run_options *run, pb_error *err);

/* Seconds since the i-th job's question was opened; of those since the list began its part, by the operations of its runs. */
double together_seconds(const together_list *l, size_t i);

#endif
