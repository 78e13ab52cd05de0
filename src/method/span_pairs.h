/* span_pairs.h: from which rows to which: what flows are measured between, and which edges are cut. */
#ifndef METHOD_SPAN_PAIRS_H
#define METHOD_SPAN_PAIRS_H

#include "method/question.h"

typedef struct span_pair {
    char *from, *to;            /* as asked for: "image", "constraint:0" */
    span sources, destinations; /* they may overlap: a row attends to itself too */
} span_pair;

typedef struct span_pairs {
    span_pair *items;
    size_t count;
} span_pairs;

/* The pairs asked for; none: image > constraint and constraint > last, so far as the question has a picture and a
 * constraint. Fails where a span is empty, and where every source lies behind every destination: attention is causal, so
 * nothing flows there, and the error says so. */
pb_status span_pairs_choose(span_pairs *p, const prompt *from, const pb_span_pair *asked, size_t count, pb_error *err);
void span_pairs_free(span_pairs *p);

/* The first row of any destination. */
size_t span_pairs_first_destination(const span_pairs *p);

#endif
