/* sweep.c: a sweep: what the store lacks, by this process unit by unit,
 * or by those that mpirun started. See sweep.h. */
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "sweep/job.h"
#include "sweep/ranks.h"

typedef struct sweep_loop {
    sweep_job *j;
    link_ranks *ranks;   /* NULL: this process does it all */
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

/* The first question that is to be run. */
static size_t first_missing(const sweep_loop *l)
{
    size_t units;
    const sweep_unit *u = sweep_job_units(l->j, &units);
    for (size_t k = 0; k < units; k++)
        for (size_t i = 0; i < u[k].count; i++)
            if (!l->done[u[k].questions[i]] && sweep_job_work(l->j, u[k].questions[i]) > 0)
                return u[k].questions[i];
    return 0;
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

/* What it will take; that it is told to stop meanwhile is seen by the loop. */
static pb_status announce(const sweep_loop *l, pb_error *err)
{
    if (l->work == 0)
        return PB_OK;
    size_t processes = l->ranks ? l->ranks->leader->workers : 1;
    pb_status status = sweep_announce(l->j, first_missing(l), l->missing, l->work, processes, err);
    return status == PB_EINTERRUPTED ? PB_OK : status;
}

/* ---- the loop ---- */

/* Units are small where several processes could share them: one that is alone takes as many at once as make
 * a large one. */
static pb_status run_units(sweep_loop *l, const sweep_sink *sink, pb_error *err)
{
    size_t units, missing[UNIT_MOST];
    const sweep_unit *u = sweep_job_units(l->j, &units);
    pb_status status = PB_OK;
    for (size_t k = 0; k < units && !status && !interrupted();) {
        size_t count = 0;
        do
            count += sweep_unit_missing(&u[k++], l->done, missing + count);
        while (k < units && count + u[k].count <= UNIT_MOST);
        status = sweep_unit_run(l->j, missing, count, sink, err);
    }
    return status;
}

static pb_status run_store(sweep_loop *l, pb_sweep_summary *summary, pb_error *err)
{
    const sweep_sink sink = {put, l};
    size_t n = sweep_job_question_count(l->j);
    TRY(add_questions(l, err));
    l->done = mem_new(n, sizeof *l->done);
    TRY(store_done(l->store, l->done, n, err));
    count_missing(l);
    TRY(announce(l, err));
    if (l->missing)
        report_progress(l);
    TRY(l->ranks ? ranks_lead(l->ranks, l->j, l->done, &sink, &summary->interrupted, err) : run_units(l, &sink, err));
    TRY(sweep_count_results(l->store, summary, err));
    summary->added = l->added;
    return PB_OK;
}

/* Opens the store and does what it lacks; ranks: NULL, or those that do it. */
static pb_status run_into(sweep_job *j, link_ranks *ranks, const char *store_path, pb_sweep_summary *summary,
                          pb_error *err)
{
    sweep_loop l = {.j = j, .ranks = ranks};
    store_about about = sweep_job_about(j);
    pb_status status = store_open_for(&l.store, store_path, &about, err);
    if (!status)
        status = run_store(&l, summary, err);
    summary->interrupted = summary->interrupted || interrupted();
    if (status && ranks)
        ranks_dismiss(ranks, j);
    store_close(l.store);
    free(l.done);
    return status;
}

/* The ranks other than 0 tell it of their failures, and keep quiet themselves. */
static pb_status run_ranks(sweep_job *j, const char *store_path, pb_sweep_summary *summary, pb_error *err)
{
    link_ranks ranks;
    pb_status status = PB_OK;
    TRY(link_ranks_open(&ranks, err));
    if (j->options.run.threads == 0)
        ranks_set_threads();
    if (ranks.rank == 0)
        status = run_into(j, &ranks, store_path, summary, err);
    else
        ranks_follow(&ranks, j);
    summary->follower = ranks.rank > 0;
    link_ranks_close(&ranks);
    return status;
}

pb_status sweep_run(sweep_job *j, const char *store_path, pb_sweep_summary *summary, pb_error *err)
{
    *summary = (pb_sweep_summary){0};
    interrupt_watch();
    pb_status status = link_ranks_started() ? run_ranks(j, store_path, summary, err)
                                            : run_into(j, NULL, store_path, summary, err);
    interrupt_release();
    return status;
}
