/* interrupt.h: work that must be cleared away when it is interrupted, and work that is given up then.
 *
 *     interrupt_watch();
 *     while (more && !interrupted())
 *         ... write ...
 *     ... remove what is half done ...
 *     interrupt_release();         // the signal, if there was one, does now what it would have done then
 *
 * Watched are SIGINT, SIGTERM and SIGHUP, of the whole process; a signal that is ignored stays ignored. A limit on the
 * size of files (SIGXFSZ) becomes an error of the writing. What is called inside of a watch may watch itself: the
 * outermost one counts. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>

#include "base/error.h"

void interrupt_watch(void);
bool interrupted(void);
/* PB_EIO "PATH: writing it was interrupted" where it was. */
pb_status interrupt_check(const char *path, pb_error *err);
void interrupt_release(void);

/* ---- long work ----
 *
 * What computes for long looks between its steps, of a second or so, whether it is to go on, and gives up what it has
 * in hand where not:
 *
 *     for (size_t layer = 0; layer < L; layer++) {
 *         TRY(stop_check(err));
 *         ... a layer ...
 *
 * To look costs nanoseconds. Where nobody watches, nobody is told: a signal does then what it does. */

/* Whether the process was told to stop (interrupted()), or the listener of this thread has heard so. */
bool stop_wanted(void);
/* PB_EINTERRUPTED where it was: no failure of what was computed, and no result. */
pb_status stop_check(pb_error *err);

/* Another way for the calling thread's work to be told, by a message, say. heard() is called in that thread, often, and once
 * it has said true it stays with that. */
typedef struct stop_listener {
    bool (*heard)(void *context);
    void *context;
} stop_listener;

/* Listens in the calling thread until it is told otherwise; NULL: no more. *l is the caller's. */
void stop_listen(const stop_listener *l);

#endif
