/* dump.h: activations of a run, handed on as they are computed.
 *
 *     TRY(dump_choose(&d, &q, &options, err));
 *     ... open a file for each of d.sites ...
 *     TRY(dump_run(&d, &q, &sink, budget, err));     // calls sink.row in each file's own order
 *
 * Nothing is kept but one layer's rows: a dump may be larger than memory. */
#ifndef METHOD_DUMP_H
#define METHOD_DUMP_H

#include "engine/tower.h"
#include "method/clean_run.h"

/* Whose rows a site's are. The tower's are all of its rows, the class row first where there is one, then the patches line by
 * line, in the layers that the features pass (of these `--layers`); the projector's are the picture's rows as the decoder gets them. */
typedef enum dump_part { DUMP_DECODER, DUMP_TOWER, DUMP_PROJECTOR } dump_part;

typedef struct dump_site {
    const char *name, *hook;    /* "vision.attn_out", "vision.blocks.{l}.hook_attn_out" */
    dump_part part;
    site site;
    size_t first;               /* the layer of its own stack that its file begins with */
    size_t layers, rows, width; /* of its file */
    size_t not_finite;          /* of its numbers, those that are NaN or infinite: they are handed on as they are */
} dump_site;

typedef struct dump {
    dump_site *sites; /* [site_count], in the order asked for */
    size_t site_count;
    size_t *layers, layer_count; /* of the decoder's sites; and their rows */
    span positions;
    int32_t top_id[RUN_TOP]; /* the most likely next tokens, best first; all -1 where its logits are not finite */
    double top_prob[RUN_TOP];
    method_cost cost;
} dump;

/* Who takes the rows: of each site layer by layer, in a layer by ascending position. An error ends the run. */
typedef struct dump_sink {
    pb_status (*row)(void *context, size_t site, const float *row, pb_error *err); /* site: its index; row: [width] */
    void *context;
} dump_sink;

/* What is asked for, of an open question; nothing is run. Free with dump_free. */
pb_status dump_choose(dump *d, const question *q, const pb_dump_options *options, pb_error *err);
pb_status dump_run(dump *d, question *q, const dump_sink *sink, const pb_run_options *run, pb_error *err);
void dump_free(dump *d);

#endif
