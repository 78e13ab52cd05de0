/* sink.h: who is handed the results of a sweep, one by one. */
#ifndef SWEEP_SINK_H
#define SWEEP_SINK_H

#include "data/store.h"

/* A result lives until `put` returns; its error ends the work. */
typedef struct sweep_sink {
    pb_status (*put)(void *context, const store_result *r, pb_error *err);
    void *context;
} sweep_sink;

#endif
