/* sweep.c: a sweep in one process: what the store lacks, unit by unit. See sweep.h. */
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "sweep/job.h"

typedef struct sweep_loop {
    sweep_job *j;
    store *store;
    bool *done;          /* [questions] */
    size_t missing, added;
    double work, worked; /* of those that are missing, and of those that have been done since */
} sweep_loop;

/* ---- what is missing ---- */

static pb_status add_questions(const sweep_loop *l, pb_error *err)
{
    size_t n = sweep_job_question_count(l->j);
    store_question *list = mem_new(n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = sweep_job_question(l->j, i);
    pb_status status = store_add_questions(l->store, list, n, err);
    free(list);
    return status;
}

static size_t missing_of(const sweep_loop *l, const sweep_unit *u, size_t *missing)
{
    size_t n = 0;
    for (size_t i = 0; i < u->count; i++)
        if (!l->done[u->questions[i]])
            missing[n++] = u->questions[i];
    return n;
}

static void count_missing(sweep_loop *l)
{
    size_t units;
    const sweep_unit *u = sweep_job_units(l->j, &units);
    for (size_t k = 0; k < units; k++)
        for (size_t i = 0; i < u[k].count; i++)
            if (!l->done[u[k].questions[i]]) {
                l->missing++;
                l->work += sweep_job_work(l->j, u[k].questions[i]);
            }
}

/* ---- progress ---- */

/* Questions count by their work, so that the rate and the time left are the work's. */
static void report_progress(const sweep_loop *l)
{
    const pb_run_options *run = &l->j->options.run;
    double share = l->work > 0 ? l->worked / l->work : (double)l->added / (double)l->missing;
    if (run->progress)
        run->progress(run->context, "questions", share * (double)l->missing, (double)l->missing);
}

static pb_status put(void *context, const store_result *r, pb_error *err)
{
    sweep_loop *l = context;
    TRY(store_put(l->store, r, err));
    l->added++;
    l->worked += sweep_job_work(l->j, r->question.number);
    report_progress(l);
    return PB_OK;
}

/* ---- the loop ---- */

static pb_status run_units(sweep_loop *l, pb_error *err)
{
    size_t units, most = 0;
    const sweep_unit *u = sweep_job_units(l->j, &units);
    const sweep_sink sink = {put, l};
    for (size_t k = 0; k < units; k++)
        most = u[k].count > most ? u[k].count : most;
    size_t *missing = mem_new(most, sizeof *missing);
    pb_status status = PB_OK;
    for (size_t k = 0; k < units && !status && !interrupted(); k++)
        status = sweep_unit_run(l->j, missing, missing_of(l, &u[k], missing), &sink, err);
    free(missing);
    return status;
}

static pb_status count_one(void *context, const store_result *r, pb_error *err)
{
    pb_sweep_summary *s = context;
    (void)err;
    s->questions++;
    if (!r->status) {
        s->pending++;
        return PB_OK;
    }
    s->done++;
    if (strcmp(r->status, STORE_DONE) == 0)
        s->finished++;
    else if (strcmp(r->status, STORE_WRONG) == 0)
        s->wrong++;
    else if (strcmp(r->status, STORE_MARKED) == 0)
        s->marked++;
    else
        s->failed++;
    return PB_OK;
}

static pb_status run_store(sweep_loop *l, pb_sweep_summary *summary, pb_error *err)
{
    size_t n = sweep_job_question_count(l->j);
    TRY(add_questions(l, err));
    l->done = mem_new(n, sizeof *l->done);
    TRY(store_done(l->store, l->done, n, err));
    count_missing(l);
    if (l->missing)
        report_progress(l);
    TRY(run_units(l, err));
    TRY(store_each(l->store, 0, count_one, summary, err));
    summary->added = l->added;
    return PB_OK;
}

pb_status sweep_run(sweep_job *j, const char *store_path, pb_sweep_summary *summary, pb_error *err)
{
    sweep_loop l = {.j = j};
    store_about about = sweep_job_about(j);
    *summary = (pb_sweep_summary){0};
    TRY(store_open_for(&l.store, store_path, &about, err));
    interrupt_watch();
    pb_status status = run_store(&l, summary, err);
    summary->interrupted = interrupted();
    store_close(l.store);
    free(l.done);
    interrupt_release();
    return status;
}
