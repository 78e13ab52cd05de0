/* transfer_block.h: destinations whose shares are held at a time, and all that gives to them: the same in all layers. Of use to
 * transfer.c alone. */
#ifndef ENGINE_TRANSFER_BLOCK_H
#define ENGINE_TRANSFER_BLOCK_H

#include "engine/transfer.h"

/* Rows of one recording. */
typedef struct row_stretch {
    const recording *recording;
    size_t *at;           /* [rows] positions, ascending */
    size_t rows, first;   /* first: the number of the first one in the block */
} row_stretch;

/* A row that gives, of the recording that holds it: what rests on that shares it. */
typedef struct source_row {
    const recording *holder;
    size_t position;
    size_t depth, order;  /* of the holder: how many recordings it rests on, and where it came up first */
} source_row;

/* A pair, as far as the block has destinations of it, and what they have received so far. */
typedef struct block_pair {
    size_t pair, first, rows;  /* which of the pair's destinations */
    size_t *row;               /* [rows] where each stands in the block */
    size_t *source;            /* [source_count] where each source that any of these rows sees stands among the block's */
    size_t source_count, next; /* next: the first that has not given yet */
    float *norm, *head_norm, *total, *attended; /* as in struct transfer */
} block_pair;

typedef struct row_block {
    row_stretch *stretches; /* [stretch_count] */
    size_t stretch_count, rows, keys; /* keys: no row sees more */
    block_pair *pairs;      /* [pair_count] */
    size_t pair_count;
    source_row *sources;    /* [source_count] of a pair's the lower positions first */
    size_t source_count;
} row_block;

typedef struct row_blocks {
    row_block *items; /* [count] */
    size_t count;
} row_blocks;

/* All destinations of all pairs, recording by recording, at most `most` in a block. */
row_blocks row_blocks_make(const transfer_pair *pairs, size_t count, size_t most);
void row_blocks_free(row_blocks *b);

/* The recording that has the position: r, or below its first one a base. */
const recording *row_holder(const recording *r, size_t position);

/* Distinct destinations of all pairs, and the most keys that one of them sees. */
size_t count_destinations(const transfer_pair *pairs, size_t count, size_t *keys);

#endif
