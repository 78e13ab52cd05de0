/* cut.c: see cut.h. */
#include "engine/cut.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool cut_is_felt(const edge_cut *c)
{
    return c->first_layer < c->end_layer && c->edges.source_count && c->edges.destination_count;
}

static bool is_live(const edge_cut *c, size_t layer)
{
    return cut_is_felt(c) && c->first_layer <= layer && layer < c->end_layer;
}

bool cuts_touch(const edge_cut *cuts, size_t count, size_t layer, size_t position)
{
    for (size_t i = 0; i < count; i++)
        if (is_live(&cuts[i], layer) && attention_cut_reaches(&cuts[i].edges, position))
            return true;
    return false;
}

size_t cuts_in_layer(const edge_cut *cuts, size_t count, size_t layer, attention_cut *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_live(&cuts[i], layer))
            continue;
        if (out)
            out[n] = cuts[i].edges;
        n++;
    }
    return n;
}

/* Whether a layer's cuts leave the row nothing. gone[row + 1] is scratch. */
static bool is_starved(const edge_cut *cuts, size_t count, size_t layer, size_t row, bool *gone)
{
    size_t left = row + 1;
    memset(gone, 0, (row + 1) * sizeof *gone);
    for (size_t i = 0; i < count; i++) {
        const attention_cut *edges = &cuts[i].edges;
        if (!is_live(&cuts[i], layer) || !attention_cut_reaches(edges, row))
            continue;
        for (size_t k = 0; k < edges->source_count && edges->sources[k] <= row; k++) {
            left -= !gone[edges->sources[k]];
            gone[edges->sources[k]] = true;
        }
    }
    return left == 0;
}

/* A set of cuts that meet in one layer meets in that in which the last of them begins: no other layer need be looked at. */
bool cuts_starve(const edge_cut *cuts, size_t count, size_t *row)
{
    size_t found = SIZE_MAX, longest = 0;
    for (size_t i = 0; i < count; i++)
        if (cut_is_felt(&cuts[i])) {
            size_t last = cuts[i].edges.destinations[cuts[i].edges.destination_count - 1];
            longest = last >= longest ? last + 1 : longest;
        }
    bool *gone = mem_new(longest, sizeof *gone);
    for (size_t i = 0; i < count; i++) {
        const attention_cut *edges = &cuts[i].edges;
        for (size_t d = 0; cut_is_felt(&cuts[i]) && d < edges->destination_count && edges->destinations[d] < found; d++)
            if (is_starved(cuts, count, cuts[i].first_layer, edges->destinations[d], gone))
                found = edges->destinations[d];
    }
    free(gone);
    *row = found;
    return found != SIZE_MAX;
}
