/* attention.h: softmax(q k^T * scale) v over keys that lie in several places; and its gradients. Edges between rows may be
 * cut.
 *
 * A fork's rows attend to positions of its base run, of the base's base, and of their own: each stretch is a segment.
 * A row's result is the same bits however its keys are cut into segments and whichever rows are computed beside it:
 * every sum runs over head dimensions, or positions, in ascending order. */
#ifndef MATH_ATTENTION_H
#define MATH_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "math/kv.h"

/* Edges that are cut: no row at `destinations` attends to any at `sources`, whose scores are -inf before softmax; what it
 * still attends to gets all of the shares. Both ascending; sources behind a destination, which it never saw, change
 * nothing. */
typedef struct attention_cut {
    const size_t *sources, *destinations;
    size_t source_count, destination_count;
} attention_cut;

/* Whether the position is one of the destinations. */
bool attention_cut_reaches(const attention_cut *cut, size_t position);

/* The rows of one run that attend to the same keys. */
typedef struct attention_job {
    size_t heads, kv_heads, head_dim;
    float scale;                 /* 1 / sqrt(head_dim) */
    bool causal;                 /* a row sees positions up to its own; else all */
    const kv_segment *segments;  /* in ascending order, without gaps, from position 0 */
    size_t segment_count;
    size_t rows;
    const float *q;              /* [rows][heads * head_dim], rotated */
    const size_t *positions;     /* [rows], ascending; not read unless causal */
    const attention_cut *cuts;   /* [cut_count] of a causal job; they leave each of its rows a source */
    size_t cut_count;
    float *z;                    /* [rows][heads * head_dim], written: each head's mixed values */
} attention_job;

void attention(const attention_job *jobs, size_t count);

/* What the mix is made with: p[rows][heads][stride] = each row's and head's softmax over the positions that it sees, 0 of
 * those that it does not, up to the last segment's end, which stride is at least. The job's v and z are not used. The
 * same bits as attention's. */
void attention_shares(const attention_job *job, float *p, size_t stride);

/* What the backward form of one job takes and gives. With p = softmax(q k^T * scale), of z = p v:
 *     dv = p^T dz,  dp = dz v^T,  ds = p (dp - sum over positions of p dp) scale,  dq = ds k,  dk = ds^T q
 * Keys and values before `first` are a recording's, and get no gradient. */
typedef struct attention_gradient {
    const float *dz; /* [rows][heads * head_dim] */
    float *dq;       /* [rows][heads * head_dim], written: of q as given, rotated */
    size_t first;
    float *dk, *dv;  /* [end - first][kv_heads * head_dim], added to; end is the last segment's */
} attention_gradient;

/* The gradients of attention(jobs), whose q and keys it computes p from anew: the job's z is not used. gradients[count]
 * are the jobs'; no two may add to the same memory. The same bits however keys are cut into segments and on any number
 * of threads: sums over a run's rows run in ascending order too. */
void attention_backward(const attention_job *jobs, const attention_gradient *gradients, size_t count);

#endif
