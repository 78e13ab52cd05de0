/* interrupt.c: see interrupt.h. */
#include "base/interrupt.h"

#include <signal.h>
#include <stdatomic.h>

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};

enum { WATCHED = sizeof watched / sizeof *watched };

static struct sigaction before[WATCHED], before_limit;
static atomic_uint depth;
static atomic_int noted; /* the signal that came; 0: none */
static _Thread_local const stop_listener *listener;

static void note(int signal)
{
    noted = signal;
}

void interrupt_watch(void)
{
    struct sigaction ours = {.sa_handler = note, .sa_flags = SA_RESTART};
    if (depth++ > 0)
        return;
    noted = 0;
    for (int i = 0; i < WATCHED; i++) {
        sigaction(watched[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(watched[i], &ours, NULL);
    }
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, &before_limit);
}

bool interrupted(void)
{
    return depth > 0 && noted != 0;
}

pb_status interrupt_check(const char *path, pb_error *err)
{
    return interrupted() ? fail(err, PB_EIO, "%s: writing it was interrupted", path) : PB_OK;
}

bool stop_wanted(void)
{
    return interrupted() || (listener && listener->heard(listener->context));
}

pb_status stop_check(pb_error *err)
{
    return stop_wanted() ? fail(err, PB_EINTERRUPTED, "told to stop before it was done") : PB_OK;
}

void stop_listen(const stop_listener *l)
{
    listener = l;
}

void interrupt_release(void)
{
    if (depth == 0 || --depth > 0)
        return;
    for (int i = 0; i < WATCHED; i++)
        sigaction(watched[i], &before[i], NULL);
    sigaction(SIGXFSZ, &before_limit, NULL);
    if (noted)
        raise(noted);
}
