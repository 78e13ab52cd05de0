/* contribution.c: see contribution.h.
 *
 * Columns are cut into tiles, a thread each: a source's heads are laid beside each other for one tile, and all rows that see
 * the source take their share of them. */
#include "math/contribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/on_threads.h"
#include "math/multiversion.h"

enum {
    COLUMNS = 64, /* of a tile; those beyond the width are 0 */
    LANES = 16,   /* sums over columns are kept in as many */
};

/* One row's share of one source, in a tile: adds c to total, returns the sum of its squares. g[heads][COLUMNS] */
INLINE float add_source(float *total, const float *share, const float *g, size_t heads)
{
    float c[COLUMNS] = {0}, square[LANES] = {0}, sum = 0;
    for (size_t h = 0; h < heads; h++)
        for (size_t k = 0; k < COLUMNS; k++)
            c[k] += share[h] * g[h * COLUMNS + k];
    for (size_t k = 0; k < COLUMNS; k++)
        total[k] += c[k];
    for (size_t k = 0; k < COLUMNS; k += LANES)
        for (size_t l = 0; l < LANES; l++)
            square[l] += c[k + l] * c[k + l];
    for (size_t l = 0; l < LANES; l++)
        sum += square[l];
    return sum;
}

/* to[count][COLUMNS] = some columns of rows that lie `down` apart, and back. */
static void take_columns(float *to, const float *from, size_t down, size_t count, size_t columns)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * COLUMNS, from + i * down, columns * sizeof *to);
        memset(to + i * COLUMNS + columns, 0, (COLUMNS - columns) * sizeof *to);
    }
}

static void put_columns(float *to, size_t down, const float *from, size_t count, size_t columns)
{
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * down, from + i * COLUMNS, columns * sizeof *to);
}

/* square[rows][sources] = the squares of c summed over the tile's columns; room: [heads + rows][COLUMNS] */
MULTIVERSION static void add_tile(const contribution_block *b, size_t column, float *room, float *square, float *total)
{
    size_t columns = b->width - column < COLUMNS ? b->width - column : COLUMNS;
    float *g = room, *sums = room + b->heads * COLUMNS;
    take_columns(sums, total + column, b->width, b->rows, columns);
    for (size_t s = 0; s < b->sources; s++) {
        take_columns(g, b->given + b->at[s] * b->width + column, b->head_down, b->heads, columns);
        for (size_t r = 0; r < b->seen_from[s]; r++)
            square[r * b->sources + s] = 0;
        for (size_t r = b->seen_from[s]; r < b->rows; r++)
            square[r * b->sources + s] =
                add_source(sums + r * COLUMNS, b->shares + (s * b->rows + r) * b->heads, g, b->heads);
    }
    put_columns(total + column, b->width, sums, b->rows, columns);
}

pb_status contribution_add(const contribution_block *b, float *norm, size_t norm_down, float *total, pb_error *err)
{
    size_t tiles = (b->width + COLUMNS - 1) / COLUMNS, cells = b->rows * b->sources;
    size_t room = (b->heads + b->rows) * COLUMNS;
    float *squares;
    TRY(mem_try(&squares, tiles, (cells + room) * sizeof *squares, "contributions of a block of sources", err));
    ON_THREADS(tiles > 1, schedule(static),
        for (size_t i = 0; i < tiles; i++)
            add_tile(b, i * COLUMNS, squares + tiles * cells + i * room, squares + i * cells, total);)
    for (size_t r = 0; r < b->rows; r++)
        for (size_t s = 0; s < b->sources; s++) {
            double sum = 0;
            for (size_t i = 0; i < tiles; i++)
                sum += (double)squares[i * cells + r * b->sources + s];
            norm[r * norm_down + s] = (float)sqrt(sum);
        }
    free(squares);
    return PB_OK;
}

void contribution_add_heads(const contribution_block *b, const float *given_norm, size_t norm_down, float *head_norm)
{
    for (size_t s = 0; s < b->sources; s++)
        for (size_t r = b->seen_from[s]; r < b->rows; r++)
            for (size_t h = 0; h < b->heads; h++)
                head_norm[r * b->heads + h] += b->shares[(s * b->rows + r) * b->heads + h] *
                                               given_norm[h * norm_down + b->at[s]];
}
