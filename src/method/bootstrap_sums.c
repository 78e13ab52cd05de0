/* bootstrap_sums.c: sums of resamples, as a product of counts. See bootstrap_parts.h.
 *
 * Resamples go in chunks, a thread each: how often each of the n is drawn in each of ROWS resamples, then, block by block of
 * the n, tiles of HELD resamples by a panel of statistics, held in registers. Each sum adds up its subjects in ascending
 * order, whatever the chunks and blocks. */
#include "method/bootstrap_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "math/multiversion.h"
#include "method/interval.h"

enum { ROWS = 80, HELD = 8, BLOCK = 512 };
_Static_assert(INTERVAL_RESAMPLES % ROWS == 0 && ROWS % HELD == 0, "chunks are whole");

typedef double lanes __attribute__((vector_size(BOOTSTRAP_PANEL * sizeof(double)), aligned(sizeof(double))));

/* counts[ROWS / HELD][n][HELD] of the resamples from `first` on: draw i of resample r is number r n + i of the generator. */
static void count_draws(uint64_t seed, size_t n, size_t first, double *counts)
{
    memset(counts, 0, ROWS * n * sizeof *counts);
    random_state random = random_after(seed, (uint64_t)first * n);
    for (size_t r = 0; r < ROWS; r++) {
        double *row = counts + r / HELD * n * HELD + r % HELD;
        for (size_t i = 0; i < n; i++)
            row[random_below(&random, n) * HELD] += 1;
    }
}

/* sums[HELD] += sum over k of counts[k][HELD] (x) panel[k] */
INLINE void add_tile(const double *restrict counts, const double *restrict panel, size_t k, double *restrict sums)
{
    lanes s[HELD];
    for (size_t r = 0; r < HELD; r++)
        s[r] = *(const lanes *)(sums + r * BOOTSTRAP_PANEL);
    for (size_t i = 0; i < k; i++) {
        lanes x = *(const lanes *)(panel + i * BOOTSTRAP_PANEL);
        for (size_t r = 0; r < HELD; r++)
            s[r] += counts[i * HELD + r] * x;
    }
    for (size_t r = 0; r < HELD; r++)
        *(lanes *)(sums + r * BOOTSTRAP_PANEL) = s[r];
}

/* sums[panels][ROWS][BOOTSTRAP_PANEL] of a chunk */
MULTIVERSION static void add_chunk(const double *counts, size_t n, const double *by_subject, size_t panels, double *sums)
{
    for (size_t from = 0; from < n; from += BLOCK) {
        size_t k = n - from < BLOCK ? n - from : BLOCK;
        for (size_t p = 0; p < panels; p++)
            for (size_t r = 0; r < ROWS / HELD; r++)
                add_tile(counts + (r * n + from) * HELD, by_subject + (p * n + from) * BOOTSTRAP_PANEL, k,
                         sums + (p * ROWS + r * HELD) * BOOTSTRAP_PANEL);
    }
}

/* A chunk's sums to where each statistic's resamples stand in a row. */
static void spread(const double *chunk, size_t panels, size_t first, double *sums)
{
    for (size_t p = 0; p < panels; p++)
        for (size_t c = 0; c < BOOTSTRAP_PANEL; c++)
            for (size_t r = 0; r < ROWS; r++)
                sums[(p * BOOTSTRAP_PANEL + c) * INTERVAL_RESAMPLES + first + r] =
                    chunk[(p * ROWS + r) * BOOTSTRAP_PANEL + c];
}

void bootstrap_sums(uint64_t seed, size_t n, const double *by_subject, size_t panels, double *sums)
{
    size_t width = panels * BOOTSTRAP_PANEL;
#pragma omp parallel
    {
        double *counts = mem_new(ROWS * n, sizeof *counts), *chunk = mem_new(ROWS * width, sizeof *chunk);
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < INTERVAL_RESAMPLES; first += ROWS) {
            count_draws(seed, n, first, counts);
            memset(chunk, 0, ROWS * width * sizeof *chunk);
            add_chunk(counts, n, by_subject, panels, chunk);
            spread(chunk, panels, first, sums);
        }
        free(counts);
        free(chunk);
    }
}
