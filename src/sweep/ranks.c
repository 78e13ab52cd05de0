/* ranks.c: see ranks.h. */
#include "sweep/ranks.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "sweep/crew.h"

void ranks_set_threads(void)
{
    const char *local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    long here = local ? atol(local) : 1;
    if (getenv("OMP_NUM_THREADS") || here < 2)
        return;
    int bound = omp_get_num_procs(), part = (int)(sysconf(_SC_NPROCESSORS_ONLN) / here);
    omp_set_num_threads(part < 1 ? 1 : part < bound ? part : bound);
}

/* ---- working ---- */

static pb_status run_unit(void *context, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err)
{
    return sweep_unit_run(context, questions, count, sink, err);
}

static void work_at(sweep_link *l, sweep_job *j)
{
    store_about about = sweep_job_about(j);
    const crew_worker worker = {run_unit, j};
    pb_error told;
    crew_work(l, &about, &worker, &told);
}

void ranks_follow(link_ranks *r, sweep_job *j)
{
    work_at(r->worker, j);
}

/* ---- leading ---- */

/* Rank 0's own worker; its failure reaches the leader as any worker's does. */
typedef struct own_worker {
    pthread_t thread;
    sweep_link *link;
    sweep_job *job;
    int threads; /* of the thread that started it: a new one would take the default */
} own_worker;

static void *work_here(void *context)
{
    own_worker *w = context;
    omp_set_num_threads(w->threads);
    work_at(w->link, w->job);
    return NULL;
}

static pb_status lead(link_ranks *r, sweep_job *j, work_share *share, const sweep_sink *sink, bool *stopped,
                      pb_error *err)
{
    own_worker own = {.link = r->worker, .job = j, .threads = omp_get_max_threads()};
    store_about about = sweep_job_about(j);
    crew_outcome outcome;
    if (pthread_create(&own.thread, NULL, work_here, &own) != 0)
        return fail(err, PB_ENOMEM, "no thread to work in");
    pb_status status = crew_lead(r->leader, share, &about, sink, &outcome, err);
    pthread_join(own.thread, NULL);
    r->gone = true;
    *stopped = outcome.interrupted;
    return status;
}

static void share_missing(work_share *share, const sweep_job *j, const sweep_unit *u, const bool *done)
{
    size_t *questions = mem_new(u->count, sizeof *questions), n = sweep_unit_missing(u, done, questions);
    double *work = mem_new(n, sizeof *work);
    for (size_t i = 0; i < n; i++)
        work[i] = sweep_job_work(j, questions[i]);
    share_add(share, questions, work, n);
    free(questions);
    free(work);
}

pb_status ranks_lead(link_ranks *r, sweep_job *j, const bool *done, const sweep_sink *sink, bool *stopped,
                     pb_error *err)
{
    size_t count;
    const sweep_unit *units = sweep_job_units(j, &count);
    work_share *share = share_new();
    for (size_t i = 0; i < count; i++)
        share_missing(share, j, &units[i], done);
    pb_status status = lead(r, j, share, sink, stopped, err);
    share_free(share);
    return status;
}

void ranks_dismiss(link_ranks *r, sweep_job *j)
{
    if (r->gone)
        return;
    const sweep_sink none = {0};
    work_share *nothing = share_new();
    pb_error ignored;
    bool stopped;
    lead(r, j, nothing, &none, &stopped, &ignored);
    share_free(nothing);
}
