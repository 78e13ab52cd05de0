/* interrupt.c: see interrupt.h. */
#include "base/interrupt.h"

#include <signal.h>

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};

enum { WATCHED = sizeof watched / sizeof *watched };

static struct sigaction before[WATCHED], before_limit;
static unsigned depth;
static volatile sig_atomic_t noted; /* the signal that came; 0: none */

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
