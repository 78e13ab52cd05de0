/* trace_heads.h: of a trace of head_out, the heads that do most. */
#ifndef METHOD_TRACE_HEADS_H
#define METHOD_TRACE_HEADS_H

#include "method/trace.h"

enum { TRACE_TOP_HEADS = 10 };

/* One head of one layer, by its strongest cell. */
typedef struct trace_head {
    size_t layer, head;  /* layer: index into trace.layers, the one around which the window lies */
    size_t column;       /* the cell */
    double prob, effect; /* effect: patched - corrupted, with direction noise clean - patched */
} trace_head;

/* The grid of head_out; NULL when it was not traced. */
const trace_grid *trace_heads_grid(const trace *t);

/* The strongest cell of a head in a layer among some columns, NULL: all; false when none holds a number. */
bool trace_head_strongest(const trace *t, size_t layer, size_t head, const size_t *columns, size_t count, trace_head *out);

/* top[most] = the heads that do most, each once, strongest first, of those that do anything; of equal ones the lowest
 * layer and head. Returns how many they are. */
size_t trace_top_heads(const trace *t, trace_head *top, size_t most);

#endif
