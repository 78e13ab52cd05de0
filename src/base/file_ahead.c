/* file_ahead.c: see file_ahead.h. */
#define _GNU_SOURCE /* preadv2 */
#include "base/file_ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

/* What is asked for. When the queue is full the oldest wish gives way: its reader has come by already. */
typedef struct wish {
    int fd;
    const unsigned char *map;
    size_t at, end; /* in bytes of the map */
    bool leave;     /* what is to be done with them */
} wish;

enum { WISHES = 256, STRETCH = 2 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wished = PTHREAD_COND_INITIALIZER, idle = PTHREAD_COND_INITIALIZER;
static wish queue[WISHES];
static size_t first, count;         /* queue[(first + i) % WISHES], i < count */
static const unsigned char *busy;   /* the map that the thread is at work on */
static pid_t owner;                 /* the process that has the thread: a child that it forks has not */

/* Whether a byte of the stretch is in memory: then nothing is to be done, as a look costs far less than a walk over pages
 * that are there. Where the file system cannot tell it counts as missing. */
static bool is_in_memory(const wish *w, size_t size)
{
#ifdef RWF_NOWAIT
    unsigned char byte;
    struct iovec one = {&byte, 1};
    return preadv2(w->fd, &one, 1, (off_t)(w->at + size / 2), RWF_NOWAIT) == 1;
#else
    return false;
#endif
}

/* Pages that a shorter file has lost are no signal here, but an error, which the reader will find by himself. */
static void bring(const wish *w, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), begin = w->at / page * page;
    void *from = (void *)(size_t)(w->map + begin);
    if (!is_in_memory(w, size) && madvise(from, w->at + size - begin, MADV_POPULATE_READ) != 0 && errno == EINVAL)
        madvise(from, w->at + size - begin, MADV_WILLNEED);
}

/* The system keeps a file's pages while they are mapped: so first they are no more. */
static void let_go(const wish *w, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), begin = (w->at + page - 1) / page * page, end = (w->at + size) / page * page;
    if (begin < end && madvise((void *)(size_t)(w->map + begin), end - begin, MADV_DONTNEED) == 0)
        posix_fadvise(w->fd, (off_t)begin, (off_t)(end - begin), POSIX_FADV_DONTNEED);
}

/* The next stretch of the oldest wish. */
static wish next_stretch(size_t *size)
{
    wish *w = &queue[first], taken = *w;
    *size = w->leave || w->end - w->at < STRETCH ? w->end - w->at : STRETCH;
    w->at += *size;
    if (w->at == w->end) {
        first = (first + 1) % WISHES;
        count--;
    }
    return taken;
}

static void *work(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        size_t size;
        while (count == 0)
            pthread_cond_wait(&wished, &lock);
        wish w = next_stretch(&size);
        busy = w.map;
        pthread_mutex_unlock(&lock);
        (w.leave ? let_go : bring)(&w, size);
        pthread_mutex_lock(&lock);
        busy = NULL;
        pthread_cond_broadcast(&idle);
    }
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start(void)
{
    sigset_t all, old;
    pthread_attr_t apart;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&apart);
    pthread_attr_setdetachstate(&apart, PTHREAD_CREATE_DETACHED);
    bool there = pthread_create(&thread, &apart, work, NULL) == 0;
    pthread_attr_destroy(&apart);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return there;
}

static void enqueue(wish next)
{
    pthread_mutex_lock(&lock);
    if (!owner)
        owner = start() ? getpid() : -1;
    if (owner == getpid()) {
        if (count == WISHES) {
            first = (first + 1) % WISHES;
            count--;
        }
        queue[(first + count++) % WISHES] = next;
        pthread_cond_signal(&wished);
    }
    pthread_mutex_unlock(&lock);
}

void ahead_ask(int fd, const unsigned char *map, size_t from, size_t size)
{
    enqueue((wish){fd, map, from, from + size, false});
}

void ahead_leave(int fd, const unsigned char *map, size_t from, size_t size)
{
    enqueue((wish){fd, map, from, from + size, true});
}

void ahead_forget(const file_map *map)
{
    pthread_mutex_lock(&lock);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (queue[(first + i) % WISHES].map != map->data)
            queue[(first + kept++) % WISHES] = queue[(first + i) % WISHES];
    count = kept;
    while (owner == getpid() && busy == map->data)
        pthread_cond_wait(&idle, &lock);
    pthread_mutex_unlock(&lock);
}
