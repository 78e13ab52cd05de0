/* bootstrap_rounded.c: resampled sums of rounded columns (bootstrap_parts.h).
 *
 * Numbers of 16 bits are multiplied with counts and added up as whole numbers of 32, two subjects a step of a processor that
 * does 16 to 64 of them at once. Whole numbers add up the same in any order. Resamples go in chunks, a thread each, their
 * subjects in blocks that stay near the processor. */
#include "method/bootstrap_parts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "math/multiversion.h"

/* ---- draws ---- */

enum { DRAWN = 512 }; /* at a time */

/* index[count] = random_below of the next draws, for n < 2^31: of n v / 2^53 with v = 2^21 high + low, the part below the point is
 * cut twice, which comes to the same. */
MULTIVERSION static void draw(uint64_t x, uint64_t n, size_t count, uint32_t *restrict index)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t z = x + (i + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        uint64_t v = (z ^ (z >> 31)) >> 11, high = v >> 21, low = v & 0x1fffff;
        index[i] = (uint32_t)((n * high + (n * low >> 21)) >> 32);
    }
}

/* Sums of counts and of their squares: at most 65536 times 255^2, which is below 2^32. */
MULTIVERSION static void add_counts(const uint8_t *times, size_t n, uint32_t *all, uint32_t *squares)
{
    uint32_t sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = times[i];
        sum += c;
        square += c * c;
    }
    *all = sum;
    *squares = square;
}

/* times[n] of resample r: draw i is number r n + i of the generator. Returns the sum of their squares; 0: some count does not
 * fit. */
static size_t count_draws(uint64_t seed, size_t n, size_t r, uint8_t *times)
{
    uint32_t index[DRAWN], all, squares;
    for (size_t from = 0; from < n; from += DRAWN) {
        size_t count = n - from < DRAWN ? n - from : DRAWN;
        draw(random_after(seed, (uint64_t)r * n + from).x, n, count, index);
        for (size_t i = 0; i < count; i++)
            times[index[i]]++;
    }
    add_counts(times, n, &all, &squares);
    return all == n ? squares : 0; /* a count of 256 would have become 0 */
}

void draws_free(draws *d)
{
    free(d->counts);
    d->counts = NULL;
    d->n = 0;
}

void draws_make(draws *d, size_t n)
{
    bool fit = true;
    size_t most = 0;
    if (d->n == n)
        return;
    draws_free(d);
    uint8_t *counts = mem_new(INTERVAL_RESAMPLES * n, sizeof *counts);
#pragma omp parallel for schedule(static) reduction(&& : fit) reduction(max : most)
    for (size_t r = 0; r < INTERVAL_RESAMPLES; r++) {
        size_t squares = count_draws(d->seed, n, r, counts + r * n);
        fit = fit && squares > 0;
        most = squares > most ? squares : most;
    }
    d->n = n;
    d->counts = counts;
    d->spread = most > n ? sqrt((double)(most - n)) : 0; /* sum of (c - 1)^2 = sum of c^2 - n */
    if (!fit) {
        free(counts);
        d->counts = NULL;
    }
}

/* ---- rounding ---- */

enum { WIDE = 16 }; /* columns of a panel: two bytes of each and of two subjects fill a line of the cache */

/* A panel is whole[pairs][WIDE][2]: subjects 2 i and 2 i + 1 side by side. */
INLINE int16_t *whole_at(int16_t *panel, size_t subject, size_t column)
{
    return panel + (subject / 2 * WIDE + column) * 2 + subject % 2;
}

typedef struct range {
    double least, most, size; /* size: the largest |x| */
    bool whole;
} range;

INLINE range range_of(const double *x, size_t n)
{
    range r = {INFINITY, -INFINITY, 0, true};
    for (size_t i = 0; i < n; i++) {
        r.least = x[i] < r.least ? x[i] : r.least;
        r.most = x[i] > r.most ? x[i] : r.most;
        r.whole &= x[i] == rint(x[i]);
    }
    r.size = fmax(fabs(r.least), fabs(r.most));
    return r;
}

INLINE bool all_finite(const double *x, size_t n)
{
    double none = 0;
    for (size_t i = 0; i < n; i++)
        none += 0 * x[i];
    return none == 0;
}

/* Rounds a column into its place in a panel. A sum in full of n products is off by at most (n + 1) half units in the last place
 * of the sum of their sizes, which is n times the largest at most: four times that is allowed for. */
MULTIVERSION static rounding round_column(const double *x, const draws *d, int16_t *panel, size_t column)
{
    enum { MOST = 32767 };
    size_t n = d->n;
    range r = range_of(x, n);
    bool whole = r.whole && r.size <= MOST;
    double count = (double)n, sum = 0, squares = 0; /* squares: in steps, so that none of them is too small for a number */
    double middle = whole ? 0 : r.least / 2 + r.most / 2;
    double step = whole ? 1 : fmax((r.most - middle) / MOST, r.size * DBL_EPSILON);
    if (!all_finite(x, n) || (!whole && !(r.size > 1e-280 && r.size < 1e280)))
        return (rounding){0, 0, INFINITY};
    for (size_t i = 0; i < n; i++) {
        double rounded = rint(fmin(MOST, fmax(-MOST, (x[i] - middle) / step)));
        double off = x[i] - (middle + step * rounded), steps = off / step;
        sum += off;
        squares += steps * steps;
        *whole_at(panel, i, column) = (int16_t)rounded;
    }
    double error = whole ? 0 : d->spread * sqrt(squares) * step * (1 + 1e-6) + 4 * count * (count + 4) * (DBL_EPSILON / 2) * r.size;
    return (rounding){count * middle + sum, step, error};
}

/* ---- the product ---- */

enum { ROWS = 80, HELD = 10, BLOCK = 512 }; /* resamples of a chunk, of a tile in registers; pairs of subjects of a block */
_Static_assert(INTERVAL_RESAMPLES % ROWS == 0 && ROWS % HELD == 0, "chunks are whole");

/* A block's counts: pairs[ROWS / HELD][BLOCK][HELD], each two numbers of 16 bits. */
typedef uint32_t block_counts[ROWS / HELD][BLOCK][HELD];

static void take_block(const uint8_t *counts, size_t n, size_t first_pair, size_t pairs, block_counts out)
{
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *row = counts + r * n;
        size_t whole = 2 * (first_pair + pairs) > n ? pairs - 1 : pairs;
        for (size_t i = 0; i < whole; i++) {
            const uint8_t *two = row + 2 * (first_pair + i);
            out[r / HELD][i][r % HELD] = two[0] | (uint32_t)two[1] << 16;
        }
        if (whole < pairs)
            out[r / HELD][whole][r % HELD] = row[n - 1];
    }
}

/* One block of a chunk: sums[panels][ROWS][WIDE] += counts . whole[panels][all_pairs][WIDE][2], from `first_pair` on. */
typedef struct block_product {
    const uint32_t (*counts)[BLOCK][HELD];
    const int16_t *whole;
    size_t panels, all_pairs, first_pair, pairs;
    int32_t *sums;
} block_product;

#if defined __x86_64__ && defined __GNUC__
#include <immintrin.h>

typedef int32_t lanes4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t lanes16 __attribute__((vector_size(64), aligned(4), may_alias));

#define STEP4(sum, c, x) (sum) += (lanes4)_mm_madd_epi16(_mm_set1_epi32((int)(c)), (__m128i)(x))
#define STEP8(sum, c, x) (sum) += (lanes8)_mm256_madd_epi16(_mm256_set1_epi32((int)(c)), (__m256i)(x))
#define STEP16(sum, c, x) (sum) += (lanes16)_mm512_madd_epi16(_mm512_set1_epi32((int)(c)), (__m512i)(x))
#define STEP16_FUSED(sum, c, x) (sum) = (lanes16)_mm512_dpwssd_epi32((__m512i)(sum), _mm512_set1_epi32((int)(c)), (__m512i)(x))

/* Where vector v of a row of all panels stands: a panel's row has `per` of them, and panels are so many bytes. */
static inline size_t vector_at(size_t v, size_t per, size_t panel_bytes)
{
    return v / per * panel_bytes + v % per * (WIDE * 4 / per);
}

/* Takes tiles of `held` resamples by two vectors of columns. */
#define DEFINE_PRODUCT(name, TARGET, lanes, held, STEP)                                                                \
    TARGET static void name(const block_product *b)                                                                    \
    {                                                                                                                  \
        enum { PER = WIDE * 4 / sizeof(lanes), LINE = WIDE * 4 };                                                      \
        for (size_t v = 0; v < b->panels * PER; v += 2) {                                                              \
            const char *whole = (const char *)b->whole + b->first_pair * LINE;                                         \
            const char *x = whole + vector_at(v, PER, b->all_pairs * LINE);                                            \
            const char *y = whole + vector_at(v + 1, PER, b->all_pairs * LINE);                                        \
            for (size_t r = 0; r < ROWS; r += (held)) {                                                                \
                char *to_x = (char *)b->sums + vector_at(v, PER, ROWS * LINE) + r * LINE;                              \
                char *to_y = (char *)b->sums + vector_at(v + 1, PER, ROWS * LINE) + r * LINE;                          \
                const uint32_t *counts = &b->counts[r / HELD][0][r % HELD];                                            \
                lanes p[held], q[held];                                                                                \
                for (size_t i = 0; i < (held); i++) {                                                                  \
                    p[i] = *(const lanes *)(to_x + i * LINE);                                                          \
                    q[i] = *(const lanes *)(to_y + i * LINE);                                                          \
                }                                                                                                      \
                for (size_t k = 0; k < b->pairs; k++) {                                                                \
                    lanes one = *(const lanes *)(x + k * LINE), other = *(const lanes *)(y + k * LINE);                \
                    for (size_t i = 0; i < (held); i++) {                                                              \
                        STEP(p[i], counts[k * HELD + i], one);                                                         \
                        STEP(q[i], counts[k * HELD + i], other);                                                       \
                    }                                                                                                  \
                }                                                                                                      \
                for (size_t i = 0; i < (held); i++) {                                                                  \
                    *(lanes *)(to_x + i * LINE) = p[i];                                                                \
                    *(lanes *)(to_y + i * LINE) = q[i];                                                                \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_PRODUCT(product_sse2, , lanes4, 5, STEP4)
#ifndef PATCHBAY_BASELINE
DEFINE_PRODUCT(product_avx2, __attribute__((target("avx2"))), lanes8, 5, STEP8)
DEFINE_PRODUCT(product_avx512, __attribute__((target("avx512f,avx512bw"))), lanes16, 10, STEP16)
DEFINE_PRODUCT(product_vnni, __attribute__((target("avx512f,avx512bw,avx512vnni"))), lanes16, 10, STEP16_FUSED)
#endif

typedef void product(const block_product *b);

static product *product_of_processor(void)
{
#ifndef PATCHBAY_BASELINE
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    if (wide && __builtin_cpu_supports("avx512vnni"))
        return product_vnni;
    if (wide)
        return product_avx512;
    if (__builtin_cpu_supports("avx2"))
        return product_avx2;
#endif
    return product_sse2;
}

bool rounded_runs(void)
{
    return true;
}

#else

typedef void product(const block_product *b);

static product *product_of_processor(void)
{
    return NULL;
}

bool rounded_runs(void)
{
    return false;
}

#endif

/* Where each column's resamples stand in a row. */
static void spread(const int32_t *chunk, size_t columns, size_t first, int32_t *sums)
{
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < ROWS; r++)
            sums[c * INTERVAL_RESAMPLES + first + r] = chunk[(c / WIDE * ROWS + r) * WIDE + c % WIDE];
}

static void multiply(const draws *d, const int16_t *whole, size_t panels, size_t columns, int32_t *sums)
{
    product *add = product_of_processor();
    size_t pairs = (d->n + 1) / 2, size = panels * ROWS * WIDE;
#pragma omp parallel
    {
        block_counts *counts = mem_new(1, sizeof *counts);
        int32_t *chunk = mem_new(size, sizeof *chunk);
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < INTERVAL_RESAMPLES; first += ROWS) {
            memset(chunk, 0, size * sizeof *chunk);
            for (size_t k = 0; k < pairs; k += BLOCK) {
                size_t taken = pairs - k < BLOCK ? pairs - k : BLOCK;
                take_block(d->counts + first * d->n, d->n, k, taken, *counts);
                add(&(block_product){(const uint32_t (*)[BLOCK][HELD])*counts, whole, panels, pairs, k, taken, chunk});
            }
            spread(chunk, columns, first, sums);
        }
        free(counts);
        free(chunk);
    }
}

void rounded_sums(const draws *d, const double *const *columns, size_t count, rounding *how, int32_t *sums)
{
    size_t panels = (count + 2 * WIDE - 1) / (2 * WIDE) * 2, size = (d->n + 1) / 2 * WIDE * 2; /* an even number: tiles are two wide */
    int16_t *whole = mem_new(panels * size, sizeof *whole);
#pragma omp parallel for schedule(static)
    for (size_t c = 0; c < count; c++)
        how[c] = round_column(columns[c], d, whole + c / WIDE * size, c % WIDE);
    multiply(d, whole, panels, count, sums);
    free(whole);
}

/* ---- in full ---- */

enum { BESIDE = 8 }; /* sums that are added up beside each other, as each waits for itself */

void drawn_sums(const draws *d, const double *column, const uint32_t *resamples, size_t count, double *sums)
{
    for (size_t from = 0; from < count; from += BESIDE) {
        const uint8_t *times[BESIDE];
        double s[BESIDE] = {0};
        for (size_t i = 0; i < BESIDE; i++)
            times[i] = d->counts + resamples[from + i < count ? from + i : from] * d->n;
        for (size_t k = 0; k < d->n; k++)
            for (size_t i = 0; i < BESIDE; i++)
                s[i] += times[i][k] * column[k];
        for (size_t i = 0; i < BESIDE && from + i < count; i++)
            sums[from + i] = s[i];
    }
}
