/* link.h: messages between the process that leads a sweep and those who do its work.
 *
 * One leads: it deals out work and writes the store. Its link reaches the workers 0 ... workers-1. Each of them has a
 * link to the leader alone. A link is used by one thread at a time. */
#ifndef SWEEP_LINK_H
#define SWEEP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"

typedef struct sweep_message {
    size_t from;  /* the worker, of what the leader receives */
    int kind;
    char *bytes;  /* [size] the receiver's: free() */
    size_t size;
} sweep_message;

typedef struct sweep_link sweep_link;
struct sweep_link {
    size_t workers; /* of a worker's link 0 */
    /* Sends to a worker; of a worker's link `to` says nothing. The bytes are the caller's. */
    pb_status (*send)(sweep_link *l, size_t to, int kind, const void *bytes, size_t size, pb_error *err);
    /* Waits at most so long for a message; false: none came. */
    bool (*receive)(sweep_link *l, double seconds, sweep_message *out);
};

/* ---- threads of one process ---- */

typedef struct link_threads link_threads;
link_threads *link_threads_new(size_t workers);
sweep_link *link_of_leader(link_threads *t);
sweep_link *link_of_worker(link_threads *t, size_t worker);
void link_threads_free(link_threads *t); /* with what nobody received */

/* ---- processes that mpirun started ---- */

typedef struct link_ranks {
    size_t rank, size;     /* this process's, and how many there are */
    sweep_link *leader;    /* of rank 0; else NULL. Its worker k is rank k, worker 0 a thread of rank 0 */
    sweep_link *worker;    /* of rank 0 for that thread */
    bool gone;             /* of rank 0: its workers have said goodbye */
} link_ranks;

/* Whether mpirun (Open MPI's) started this process, beside others. Costs nothing. */
static inline bool link_ranks_started(void)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    return size && atol(size) > 1;
}
/* Joins the others (MPI_Init), once in a process. PB_EUNSUPPORTED: the program was built without MPI. */
pb_status link_ranks_open(link_ranks *r, pb_error *err);
/* Waits until all the others close theirs too. */
void link_ranks_close(link_ranks *r);

#endif
