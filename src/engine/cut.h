/* cut.h: attention edges that a fork does without, in some layers. */
#ifndef ENGINE_CUT_H
#define ENGINE_CUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "math/attention.h"

/* In layers first_layer .. end_layer-1 no row at edges.destinations attends to one at edges.sources, of any head. */
typedef struct edge_cut {
    size_t first_layer, end_layer;
    attention_cut edges;
} edge_cut;

/* Whether some layer runs without it: one that names no layer, source or destination is none. */
bool cut_is_felt(const edge_cut *c);
/* Whether a row loses edges in a layer. */
bool cuts_touch(const edge_cut *cuts, size_t count, size_t layer, size_t position);

/* How many cuts one layer has; *out: which (NULL: only counted). */
size_t cuts_in_layer(const edge_cut *cuts, size_t count, size_t layer, attention_cut *out);

/* Whether all cuts together leave a row, in some layer, no source at all, not even itself; *row: the first such. */
bool cuts_starve(const edge_cut *cuts, size_t count, size_t *row);

#endif
