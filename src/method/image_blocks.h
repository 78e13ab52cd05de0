/* image_blocks.h: the picture's patches in squares, N along a side, each restored as one cell.
 *
 * Blocks are counted line by line from the upper left, (side + N - 1) / N along a side; where N does not divide the
 * side, those at the right and the lower edge are smaller. A class row belongs to no block. */
#ifndef METHOD_IMAGE_BLOCKS_H
#define METHOD_IMAGE_BLOCKS_H

#include "method/question.h"

typedef struct image_blocks {
    size_t count;
    span *rows;   /* [count] */
    char **names; /* [count] "block 0,2": line and column of the block */
} image_blocks;

/* Of the decoder's rows, which are positions of the prompt, in whatever order the picture's rows stand. A block none of
 * whose patches became a row is left out. */
void image_blocks_of_prompt(image_blocks *b, const question *q, size_t n);
/* Of the tower's rows. */
void image_blocks_of_tower(image_blocks *b, const vision *v, size_t n);

#endif
