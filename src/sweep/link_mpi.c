/* link_mpi.c: links between the ranks of an MPI job. See link.h.
 *
 * Rank 0 leads in the thread that called link_ranks_open, the only one of its process that calls MPI
 * (MPI_THREAD_FUNNELED), and works in another, which it reaches by a queue. Nobody waits inside of MPI, which would
 * keep a core busy: they look, and sleep between, at most 2 ms. An error of MPI ends the job (MPI_ERRORS_ARE_FATAL, the
 * default), and so does a rank that ends too early: mpirun sees to it. */
#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/process.h"
#include "sweep/link.h"

typedef struct mpi_link {
    sweep_link link;
    link_threads *local; /* of rank 0 */
} mpi_link;

static mpi_link *of(sweep_link *l)
{
    return (mpi_link *)l;
}

/* ---- sending ---- */

static pb_status send_to_rank(int rank, int kind, const void *bytes, size_t size, pb_error *err)
{
    if (size > INT_MAX)
        return fail(err, PB_EUNSUPPORTED, "a result of %zu bytes is more than MPI sends at once", size);
    MPI_Send(bytes, (int)size, MPI_BYTE, rank, kind, MPI_COMM_WORLD);
    return PB_OK;
}

static pb_status send_to_worker(sweep_link *l, size_t to, int kind, const void *bytes, size_t size, pb_error *err)
{
    sweep_link *local = link_of_leader(of(l)->local);
    return to == 0 ? local->send(local, 0, kind, bytes, size, err) : send_to_rank((int)to, kind, bytes, size, err);
}

static pb_status send_to_leader(sweep_link *l, size_t to, int kind, const void *bytes, size_t size, pb_error *err)
{
    (void)l;
    (void)to;
    return send_to_rank(0, kind, bytes, size, err);
}

/* ---- receiving ---- */

static bool receive_from_rank(sweep_message *out)
{
    MPI_Status found;
    int there, size;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &found);
    if (!there)
        return false;
    MPI_Get_count(&found, MPI_BYTE, &size);
    *out = (sweep_message){.from = (size_t)found.MPI_SOURCE, .kind = found.MPI_TAG, .size = (size_t)size};
    out->bytes = mem_new(out->size + 1, 1);
    MPI_Recv(out->bytes, size, MPI_BYTE, found.MPI_SOURCE, found.MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return true;
}

/* Looks more and more rarely: what comes at once is answered at once. */
static bool receive(sweep_link *l, double seconds, sweep_message *out)
{
    sweep_link *local = of(l)->local ? link_of_leader(of(l)->local) : NULL;
    double until = clock_now() + seconds, pause = 20e-6;
    for (;;) {
        if (receive_from_rank(out))
            return true;
        if (local && local->receive(local, seconds > 0 ? pause : 0, out))
            return true;
        if (clock_now() >= until)
            return false;
        if (!local)
            nanosleep(&(struct timespec){.tv_nsec = (long)(pause * 1e9)}, NULL);
        pause = pause < 1e-3 ? 2 * pause : 2e-3;
    }
}

/* ---- joining ---- */

pb_status link_ranks_open(link_ranks *r, pb_error *err)
{
    int done, given, rank, size;
    *r = (link_ranks){0};
    MPI_Initialized(&done);
    if (!done)
        MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given);
    MPI_Finalized(&done);
    if (done)
        return fail(err, PB_EUNSUPPORTED, "a process can take part in one sweep of several ranks only");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    mpi_link *l = mem_new(1, sizeof *l);
    *r = (link_ranks){.rank = (size_t)rank, .size = (size_t)size};
    l->link.receive = receive;
    if (rank == 0) {
        l->local = link_threads_new(1);
        l->link.workers = r->size;
        l->link.send = send_to_worker;
        r->leader = &l->link;
        r->worker = link_of_worker(l->local, 0);
    } else {
        l->link.send = send_to_leader;
        r->worker = &l->link;
    }
    return PB_OK;
}

void link_ranks_close(link_ranks *r)
{
    mpi_link *l = of(r->leader ? r->leader : r->worker);
    if (!l)
        return;
    MPI_Finalize();
    link_threads_free(l->local);
    free(l);
    *r = (link_ranks){0};
}
