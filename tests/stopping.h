/* stopping.h: work that is told to stop at its n-th look. */
#ifndef TESTS_STOPPING_H
#define TESTS_STOPPING_H

#include "base/interrupt.h"

typedef struct stopping {
    size_t at;    /* the look at which it is told; 0: never */
    size_t looks; /* how often it has looked */
    stop_listener listener;
} stopping;

static inline bool stopping_heard(void *context)
{
    stopping *s = context;
    s->looks++;
    return s->at && s->looks >= s->at;
}

/* Of what this thread does until stop_listen(NULL). */
static inline void stop_at(stopping *s, size_t at)
{
    *s = (stopping){.at = at, .listener = {stopping_heard, s}};
    stop_listen(&s->listener);
}

#endif
