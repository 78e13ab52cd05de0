/* link_threads.c: links between threads of one process: a queue for each to receive from. See link.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "sweep/link.h"

typedef struct queued {
    sweep_message message;
    struct queued *next;
} queued;

typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    queued *first, **last;
} queue;

/* A link puts into others' queues and takes from its own. */
typedef struct thread_link {
    sweep_link link;
    link_threads *all;
    size_t worker; /* of a worker's: which */
    queue inbox;
} thread_link;

struct link_threads {
    thread_link leader, *workers;
};

/* ---- queues ---- */

static void queue_open(queue *q)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    q->last = &q->first;
}

static void queue_put(queue *q, size_t from, int kind, const void *bytes, size_t size)
{
    queued *one = mem_new(1, sizeof *one);
    one->message = (sweep_message){.from = from, .kind = kind, .bytes = mem_text_n(size ? bytes : "", size),
                                   .size = size};
    pthread_mutex_lock(&q->lock);
    *q->last = one;
    q->last = &one->next;
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

static struct timespec moment_in(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)seconds;
    t.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static bool queue_take(queue *q, double seconds, sweep_message *out)
{
    struct timespec until = moment_in(seconds);
    pthread_mutex_lock(&q->lock);
    while (!q->first && seconds > 0 && pthread_cond_timedwait(&q->filled, &q->lock, &until) == 0)
        ;
    queued *one = q->first;
    if (one) {
        q->first = one->next;
        if (!q->first)
            q->last = &q->first;
        *out = one->message;
    }
    pthread_mutex_unlock(&q->lock);
    free(one);
    return one != NULL;
}

static void queue_close(queue *q)
{
    sweep_message left;
    while (queue_take(q, 0, &left))
        free(left.bytes);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
}

/* ---- links ---- */

static pb_status send_to_worker(sweep_link *l, size_t to, int kind, const void *bytes, size_t size, pb_error *err)
{
    (void)err;
    queue_put(&((thread_link *)l)->all->workers[to].inbox, 0, kind, bytes, size);
    return PB_OK;
}

static pb_status send_to_leader(sweep_link *l, size_t to, int kind, const void *bytes, size_t size, pb_error *err)
{
    thread_link *own = (thread_link *)l;
    (void)to;
    (void)err;
    queue_put(&own->all->leader.inbox, own->worker, kind, bytes, size);
    return PB_OK;
}

static bool receive(sweep_link *l, double seconds, sweep_message *out)
{
    return queue_take(&((thread_link *)l)->inbox, seconds, out);
}

link_threads *link_threads_new(size_t workers)
{
    link_threads *t = mem_new(1, sizeof *t);
    t->workers = mem_new(workers, sizeof *t->workers);
    t->leader = (thread_link){.link = {.workers = workers, .send = send_to_worker, .receive = receive}, .all = t};
    queue_open(&t->leader.inbox);
    for (size_t i = 0; i < workers; i++) {
        t->workers[i] = (thread_link){.link = {.send = send_to_leader, .receive = receive}, .all = t, .worker = i};
        queue_open(&t->workers[i].inbox);
    }
    return t;
}

sweep_link *link_of_leader(link_threads *t)
{
    return &t->leader.link;
}

sweep_link *link_of_worker(link_threads *t, size_t worker)
{
    return &t->workers[worker].link;
}

void link_threads_free(link_threads *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->leader.link.workers; i++)
        queue_close(&t->workers[i].inbox);
    queue_close(&t->leader.inbox);
    free(t->workers);
    free(t);
}
