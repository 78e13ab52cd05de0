/* lens.h: the logit lens (nostalgebraist 2020): what the model's own end, its final norm and its unembedding, makes of rows
 * from inside the decoder.
 *
 *     logits(site, l, p) = unembedding(norm(site's row at layer l and position p))
 *
 * At the last layer's resid_post these are the run's own logits; before, a reading by a head that was trained for that place
 * alone (docs/lens.md). */
#ifndef METHOD_LENS_H
#define METHOD_LENS_H

#include "method/clean_run.h"

enum { LENS_TOP = 5 }; /* tokens of a cell, where it is not said */

typedef struct lens {
    site site;                  /* of d_model numbers */
    size_t *layers, layer_count;
    span positions;
    size_t top;                 /* tokens kept of each cell: K, V at most */
    int32_t *top_id;            /* [layer][position][K], the most likely first */
    double *top_prob;           /* likewise */
    double *answer_prob;        /* [layer][position] of the answer's first token */
    int32_t *answer;            /* [answer_count] */
    size_t answer_count;
    run_says clean;             /* of the whole answer, at `last` */
    method_cost cost;
} lens;

/* Runs the question once and reads the cells out, many at a time; its answer is set here. Rows of the cells are all that
 * is held of the run: an error says where they do not fit into the budget. Free with lens_free. */
pb_status lens_run_question(lens *n, question *q, const pb_lens_options *options, pb_error *err);
void lens_free(lens *n);

#endif
