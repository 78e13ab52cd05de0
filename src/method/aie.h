/* aie.h: a trace by token class: what averages over questions, whose prompts differ, are taken of (docs/report.md, "AIE").
 *
 * A class's value is the mean over those of its positions that are cells of the trace, layer by layer. The classes:
 *
 *     bos  image  before  constraint_first  constraint_middle  constraint_last  after  last
 *
 * are disjoint (prompt_class), and `control`, the span of that name, overlaps `after`. Of the tower's sites the patches
 * are `image` and the class row is `cls`; the projector's rows are `image`. With --group each group is a class under its
 * own name; with --blocks each block is, and all blocks together are `image`. A class without a cell is left out. */
#ifndef METHOD_AIE_H
#define METHOD_AIE_H

#include "method/trace.h"

typedef struct aie_curve {
    char *name;          /* "attn_out/prob", "attn_out/logprob", with --foil "attn_out/logit_diff"; of head 3 alone
                          * "head_out:3/prob"; of the picture's side "vision.blocks.{l}.hook_attn_out/prob" */
    char *class;
    double *data;        /* [layer_count] of the site's own layers, in their order */
    size_t layer_count;
} aie_curve;

typedef struct aie {
    aie_curve *curves;   /* [count] the trace's sites in its order, then heads, measures and classes in those above */
    size_t count;
} aie;

/* p: the prompt that was traced. The curves own what they hold: aie_free. */
void aie_of_trace(aie *out, const trace *t, const prompt *p);
void aie_free(aie *a);

#endif
