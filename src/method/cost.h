/* cost.h: what results say they cost. */
#ifndef METHOD_COST_H
#define METHOD_COST_H

#include <stddef.h>

/* Of one run. */
typedef struct method_cost {
    double seconds, flop;                /* since the question was opened */
    size_t peak_rss_bytes;
} method_cost;

/* Of many: a trace's cells, or the points of a knockout's curves. */
typedef struct trace_cost {
    double seconds, flop, naive_flop;    /* from the picture to the last cell, without --verify; naive_flop: a full-length
                                          * forward pass of the decoder per cell */
    size_t cells, cells_skipped;         /* skipped: known without running */
    size_t waves;
    size_t peak_rss_bytes;
    double products, attention, readout, loading; /* seconds spent in each */
} trace_cost;

#endif
