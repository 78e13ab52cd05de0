/* few_rows.c: see few_rows.h.
 *
 * Sixteen outputs, a group, stand in a vector. Sixteen words of each of their rows, a tile, are loaded and transposed
 * in registers, so that one fused step adds a word of all; the matrix is read once, along its rows. A word is four
 * bytes: a float, or two bf16. The loops over a group stand in few_rows_group.h. */
#include "math/few_rows.h"

#include "base/on_threads.h"
#include "math/bf16.h"
#include "math/multiversion.h"

void few_rows_interleave(void *to, const void *from, size_t rows, size_t words)
{
    const uint32_t *x = from;
    uint32_t *y = to;
    for (size_t k = 0; k < words; k++)
        for (size_t r = 0; r < rows; r++)
            y[k * rows + r] = x[r * words + k];
}

#if defined __x86_64__ && defined __GNUC__ && !defined __SANITIZE_ADDRESS__ && !defined PATCHBAY_BASELINE
#include <immintrin.h>

enum { WIDE = 16 }; /* words of a vector */

#define WITH_F32 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define WITH_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,avx512bf16")))

bool few_rows_f32_runs(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool few_rows_bf16_runs(void)
{
    return few_rows_f32_runs() && __builtin_cpu_supports("avx512bf16");
}

/* A product by words. */
typedef struct word_product {
    const few_rows_product *p;
    const float *x, *w;  /* [words][rows], [out][words] */
    size_t words, block; /* words of a row, of a block */
} word_product;

/* c[i] = word i of all sixteen rows; words from `count` on are not there. */
INLINE WITH_F32 void transpose(__m512 c[WIDE], const float *const row[WIDE], size_t at, size_t count)
{
    __m512 a[WIDE], b[WIDE];
    __mmask16 mask = (__mmask16)((1u << count) - 1);
    for (size_t i = 0; i < WIDE; i++)
        a[i] = count == WIDE ? _mm512_loadu_ps(row[i] + at) : _mm512_maskz_loadu_ps(mask, row[i] + at);
    for (size_t i = 0; i < WIDE; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < WIDE; i += 4)
        for (size_t j = 0; j < 2; j++) {
            __m512d low = _mm512_castps_pd(b[i + j]), high = _mm512_castps_pd(b[i + 2 + j]);
            a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    for (size_t i = 0; i < 4; i++) { /* a[4 g + i]: words i, i + 4, i + 8, i + 12 of rows 4 g .. 4 g + 3 */
        __m512 p = _mm512_shuffle_f32x4(a[i], a[4 + i], 0x88), q = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0x88);
        __m512 r = _mm512_shuffle_f32x4(a[i], a[4 + i], 0xdd), s = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0xdd);
        c[i] = _mm512_shuffle_f32x4(p, q, 0x88);
        c[i + 8] = _mm512_shuffle_f32x4(p, q, 0xdd);
        c[i + 4] = _mm512_shuffle_f32x4(r, s, 0x88);
        c[i + 12] = _mm512_shuffle_f32x4(r, s, 0xdd);
    }
}

/* One step of a chain. */
INLINE WITH_F32 __m512 step_f32(__m512 sum, const float *x, __m512 w)
{
    return _mm512_fmadd_ps(_mm512_set1_ps(*x), w, sum);
}

INLINE WITH_BF16 __m512 step_bf16(__m512 sum, const float *x, __m512 w)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_ps(*x), (__m512bh)w);
}

/* Words ahead that a row's are asked for, into the second level: matrices' rows often lie a power of two apart, where
 * the first level has room for half of sixteen. For the same reason tiles begin where a line of it does, so that each
 * line is loaded once. Behind a row's end stand those of the next sixteen. */
enum { AHEAD = 512 };

INLINE void ask_for(const float *const row[WIDE], size_t at, size_t words)
{
    size_t ahead = at + AHEAD < words ? at + AHEAD : at + AHEAD + (WIDE - 1) * words;
    for (size_t i = 0; i < WIDE; i++)
        _mm_prefetch((const char *)(row[i] + ahead), _MM_HINT_T1);
}

/* How many words from row[0][at] on lie in one line, at most `left`. */
INLINE size_t words_of_line(const float *at, size_t left)
{
    size_t words = WIDE - (uintptr_t)at / sizeof *at % WIDE;
    return left < words ? left : words;
}

/* Up to this many rows, the loop over a tile's words is unrolled, so that these stay in registers. */
enum { ROWS_BESIDE_TILE = 3 };

/* Outputs from n on that are there, of sixteen. */
INLINE size_t outputs_at(const word_product *q, size_t n)
{
    return q->p->out - n < WIDE ? q->p->out - n : WIDE;
}

/* Where the block ends that begins at word k. */
INLINE size_t block_end(const word_product *q, size_t k)
{
    return q->words - k < q->block ? q->words : k + q->block;
}

INLINE WITH_F32 void clear(__m512 *sum, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        sum[r] = _mm512_setzero_ps();
}

/* total += the sums of a block; of the first one they are the totals, since 0 + -0 would be 0. */
INLINE WITH_F32 void add_block(__m512 *total, const __m512 *sum, size_t rows, bool first)
{
    for (size_t r = 0; r < rows; r++)
        total[r] = first ? sum[r] : _mm512_add_ps(total[r], sum[r]);
}

/* y[r][n ...] = the totals of `outs` outputs, with their biases. */
INLINE WITH_F32 void put_outputs(const few_rows_product *p, size_t n, size_t outs, size_t rows, const __m512 *total)
{
    __mmask16 there = (__mmask16)((1u << outs) - 1);
    for (size_t r = 0; r < rows; r++) {
        __m512 sum = p->bias ? _mm512_add_ps(total[r], _mm512_maskz_loadu_ps(there, p->bias + n)) : total[r];
        _mm512_mask_storeu_ps(p->y + r * p->out + n, there, sum);
    }
}

/* ---- matrices as their files have them ---- */

/* Elements of each of sixteen rows that are widened at a time: whole blocks of every dtype, 17 KB of floats. The rows of
 * such a piece stand a line further apart, so that they lie in different sets of the cache. */
enum { PIECE = 256, APART = PIECE + WIDE };

/* Sixteen rows of a file's matrix, and how to read them. */
typedef struct stored_rows {
    const unsigned char *at[WIDE];
    const dtype_block *block;
    block_reader *read;
    size_t bytes; /* of a row */
} stored_rows;

static stored_rows open_rows(const few_rows_product *p, size_t n, size_t outs)
{
    stored_rows s = {.block = dtype_find(p->stored->type), .read = dtype_reader(p->stored->type)};
    s.bytes = p->in / s.block->elements * s.block->bytes;
    for (size_t i = 0; i < WIDE; i++)
        s.at[i] = tensor_row(p->stored, p->stored_first + n + (i < outs ? i : outs - 1));
    return s;
}

/* Asks for the piece after the next: behind a row's end, where rows stand in order, for the next sixteen's. An address
 * that is nothing's does no harm. */
static void ask_for_piece(const stored_rows *s, size_t row, size_t begin, size_t bytes)
{
    size_t ahead = begin + 2 * bytes < s->bytes ? begin + 2 * bytes : begin + 2 * bytes + (WIDE - 1) * s->bytes;
    for (size_t line = 0; line < bytes; line += 64)
        _mm_prefetch((const char *)s->at[row] + ahead + line, _MM_HINT_T0);
}

/* piece[16][APART] = elements first .. first + count - 1 of each row. */
static void widen_piece(float *piece, const stored_rows *s, size_t first, size_t count)
{
    size_t begin = first / s->block->elements * s->block->bytes, blocks = count / s->block->elements;
    for (size_t i = 0; i < WIDE; i++) {
        ask_for_piece(s, i, begin, blocks * s->block->bytes);
        s->read(s->at[i] + begin, blocks, piece + i * APART);
    }
}

static void widen_piece_f32(float *piece, const stored_rows *s, size_t first, size_t count)
{
    widen_piece(piece, s, first, count);
}

/* The same, rounded: two numbers in a float's place. */
static void widen_piece_bf16(float *piece, const stored_rows *s, size_t first, size_t count)
{
    float wide[WIDE * APART];
    widen_piece(wide, s, first, count);
    for (size_t i = 0; i < WIDE; i++)
        bf16_round((uint16_t *)(void *)(piece + i * APART), wide + i * APART, count);
}

/* ---- sixteen outputs at a time ---- */

#define NUMBER f32
#define TARGET WITH_F32
#define EACH 1
#include "math/few_rows_group.h"
#define NUMBER bf16
#define TARGET WITH_BF16
#define EACH 2
#include "math/few_rows_group.h"

/* The outputs first .. end - 1 of all rows, whose number becomes a constant of a group. */
#define DEFINE_RANGE(name, TARGET)                                                                                     \
    TARGET static void name##_range(const word_product *q, size_t first, size_t end)                                   \
    {                                                                                                                  \
        for (size_t n = first; n < end; n += WIDE)                                                                     \
            switch (q->p->rows) {                                                                                      \
            case 1: name(q, n, 1); break;                                                                              \
            case 2: name(q, n, 2); break;                                                                              \
            case 3: name(q, n, 3); break;                                                                              \
            case 4: name(q, n, 4); break;                                                                              \
            case 5: name(q, n, 5); break;                                                                              \
            case 6: name(q, n, 6); break;                                                                              \
            case 7: name(q, n, 7); break;                                                                              \
            case 8: name(q, n, 8); break;                                                                              \
            case 9: name(q, n, 9); break;                                                                              \
            case 10: name(q, n, 10); break;                                                                            \
            case 11: name(q, n, 11); break;                                                                            \
            case 12: name(q, n, 12); break;                                                                            \
            case 13: name(q, n, 13); break;                                                                            \
            case 14: name(q, n, 14); break;                                                                            \
            case 15: name(q, n, 15); break;                                                                            \
            default: name(q, n, FEW_ROWS); break;                                                                      \
            }                                                                                                          \
    }

DEFINE_RANGE(group_f32, WITH_F32)
DEFINE_RANGE(group_bf16, WITH_BF16)
DEFINE_RANGE(stored_group_f32, WITH_F32)
DEFINE_RANGE(stored_group_bf16, WITH_BF16)

enum {
    OUTPUTS = 64,          /* that a thread takes at a time */
    SMALL_WORDS = 1 << 16, /* of a matrix: read before another thread has woken */
};

static void share_out(const word_product *q, void (*range)(const word_product *q, size_t first, size_t end))
{
    size_t out = q->p->out;
    ON_THREADS(out * q->words > SMALL_WORDS, schedule(static),
        for (size_t n = 0; n < out; n += OUTPUTS)
            range(q, n, out - n < OUTPUTS ? out : n + OUTPUTS);)
}

void few_rows_f32(const few_rows_product *p)
{
    share_out(&(word_product){p, p->x, p->w, p->in, p->block}, group_f32_range);
}

void few_rows_bf16(const few_rows_product *p)
{
    share_out(&(word_product){p, p->x, p->w, p->in / 2, p->block / 2 + p->block % 2}, group_bf16_range);
}

void few_rows_stored_f32(const few_rows_product *p)
{
    share_out(&(word_product){p, p->x, NULL, p->in, p->block}, stored_group_f32_range);
}

void few_rows_stored_bf16(const few_rows_product *p)
{
    share_out(&(word_product){p, p->x, NULL, p->in / 2, p->block / 2 + p->block % 2}, stored_group_bf16_range);
}

#else

bool few_rows_f32_runs(void)
{
    return false;
}

bool few_rows_bf16_runs(void)
{
    return false;
}

void few_rows_f32(const few_rows_product *p)
{
    (void)p;
}

void few_rows_bf16(const few_rows_product *p)
{
    (void)p;
}

void few_rows_stored_f32(const few_rows_product *p)
{
    (void)p;
}

void few_rows_stored_bf16(const few_rows_product *p)
{
    (void)p;
}

#endif
