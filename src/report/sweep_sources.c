/* sweep_sources.c: which rows of the picture give most (the paper's late visual tokens), at the layer where a pair's
 * sum of norms is highest. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/sweep_parts.h"

/* Where the contributions of all sources together are highest. */
static size_t highest_layer(const sweep_source_sums *from)
{
    size_t highest = 0;
    double most = 0;
    for (size_t l = 0; l < from->layers; l++) {
        double sum = 0;
        for (size_t i = 0; i < from->rows; i++)
            sum += from->sum[l * from->rows + i];
        if (l == 0 || sum > most) {
            highest = l;
            most = sum;
        }
    }
    return highest;
}

/* The layer's number in the model, as the pair's series has it. */
static size_t layer_number(const sweep_summary *s, const char *pair, size_t at)
{
    for (size_t i = 0; i < s->series_count; i++)
        if (strcmp(s->series[i].name, pair) == 0 && at < s->series[i].layer_count)
            return s->series[i].layers[at];
    return at;
}

void sweep_sources_make(sweep_summary *s)
{
    const sweep_rows *r = s->rows;
    s->sources = mem_new(r->source_count, sizeof *s->sources);
    for (size_t k = 0; k < r->source_count; k++) {
        const sweep_source_sums *from = &r->sources[k];
        size_t at = highest_layer(from);
        sweep_sources *to = &s->sources[s->source_count++];
        *to = (sweep_sources){.pair = mem_text(from->pair), .layer = layer_number(s, from->pair, at),
                              .rows = from->rows, .mean = mem_new(from->rows, sizeof *to->mean),
                              .strongest = mem_new(from->rows, sizeof *to->strongest), .questions = from->questions};
        for (size_t i = 0; i < from->rows; i++) {
            to->mean[i] = from->sum[at * from->rows + i] / (double)from->questions;
            to->strongest[i] = from->strongest[at * from->rows + i];
        }
    }
}

void sweep_sources_free(sweep_summary *s)
{
    for (size_t i = 0; i < s->source_count; i++) {
        free(s->sources[i].pair);
        free(s->sources[i].mean);
        free(s->sources[i].strongest);
    }
    free(s->sources);
}
