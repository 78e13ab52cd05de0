/* few_rows_group.h: the inner loops of few_rows.c, which includes this once for each type of number.
 *
 *     NUMBER    f32 or bf16: ends the functions' names, group_f32, and those of what they call, step_f32, widen_piece_f32
 *     TARGET    the instructions that they are compiled for
 *     EACH      numbers in a word
 *
 * `rows` is a constant to whoever calls a group, and a group becomes part of it: so all sums stay in registers. */

#define CAT_(name, number) name##_##number
#define CAT(name, number) CAT_(name, number)
#define step CAT(step, NUMBER)
#define widen_piece_as CAT(widen_piece, NUMBER)
#define add_word CAT(add_word, NUMBER)
#define add_words CAT(add_words, NUMBER)
#define add_tile CAT(add_tile, NUMBER)
#define group CAT(group, NUMBER)
#define stored_group CAT(stored_group, NUMBER)

/* sum[rows] += x[rows] w, of one word of x's rows and of sixteen outputs */
INLINE TARGET void add_word(__m512 *sum, const float *x, __m512 w, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        sum[r] = step(sum[r], x + r, w);
}

/* The same of a tile's words c[count], of x[count][rows]; left as a loop, which reads them from memory. */
INLINE TARGET void add_words(__m512 *sum, const float *x, const __m512 *c, size_t count, size_t rows)
{
#pragma GCC unroll 1
    for (size_t i = 0; i < count; i++)
        add_word(sum, x + i * rows, c[i], rows);
}

/* The same of a whole tile. */
INLINE TARGET void add_tile(__m512 *sum, const float *x, const __m512 *c, size_t rows)
{
    if (rows > ROWS_BESIDE_TILE)
        add_words(sum, x, c, WIDE, rows);
    else
        for (size_t i = 0; i < WIDE; i++)
            add_word(sum, x + i * rows, c[i], rows);
}

/* The outputs n .. n+15, as far as they are there, of `rows` rows. */
INLINE TARGET void group(const word_product *q, size_t n, size_t rows)
{
    size_t outs = outputs_at(q, n);
    const float *row[WIDE];
    __m512 total[FEW_ROWS], sum[FEW_ROWS], c[WIDE];
    for (size_t i = 0; i < WIDE; i++)
        row[i] = q->w + (n + (i < outs ? i : outs - 1)) * q->words;
    clear(total, rows);
    for (size_t k = 0; k < q->words; k += q->block) {
        size_t end = block_end(q, k);
        clear(sum, rows);
        for (size_t t = k, count; t < end; t += count) {
            count = words_of_line(row[0] + t, end - t);
            if (count == WIDE) {
                ask_for(row, t, q->words);
                transpose(c, row, t, WIDE);
                add_tile(sum, q->x + t * rows, c, rows);
            } else {
                transpose(c, row, t, count);
                add_words(sum, q->x + t * rows, c, count, rows);
            }
        }
        add_block(total, sum, rows, k == 0);
    }
    put_outputs(q->p, n, outs, rows, total);
}

/* The same of a matrix as its file has it. */
INLINE TARGET void stored_group(const word_product *q, size_t n, size_t rows)
{
    size_t outs = outputs_at(q, n);
    stored_rows from = open_rows(q->p, n, outs);
    _Alignas(64) float piece[WIDE * APART];
    const float *row[WIDE];
    __m512 total[FEW_ROWS], sum[FEW_ROWS], c[WIDE];
    for (size_t i = 0; i < WIDE; i++)
        row[i] = piece + i * APART;
    clear(total, rows);
    for (size_t k = 0; k < q->words; k += q->block) {
        size_t end = block_end(q, k);
        clear(sum, rows);
        for (size_t begin = k, words; begin < end; begin += words) {
            words = end - begin < PIECE / EACH ? end - begin : PIECE / EACH;
            widen_piece_as(piece, &from, begin * EACH, words * EACH);
            for (size_t t = 0; t < words; t += WIDE) {
                transpose(c, row, t, WIDE);
                add_tile(sum, q->x + (begin + t) * rows, c, rows);
            }
        }
        add_block(total, sum, rows, k == 0);
    }
    put_outputs(q->p, n, outs, rows, total);
}

#undef step
#undef widen_piece_as
#undef add_word
#undef add_words
#undef add_tile
#undef group
#undef stored_group
#undef CAT
#undef CAT_
#undef NUMBER
#undef TARGET
#undef EACH
