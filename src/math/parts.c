/* parts.c: see parts.h. */
#include "math/parts.h"

#include <omp.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/meter.h"
#include "base/on_threads.h"
#include "math/matmul.h"

enum {
    LEAST_ROWS = 128, /* of a part: below, each thread reads the matrix for too few */
    BLOCK_ROWS = 16,  /* a part's rows are a multiple of so many, but for the last one's */
};

/* Rows of a part; 0: they are not parted. */
static size_t part_rows(size_t rows, size_t threads)
{
    if (threads == 1 || rows < threads * LEAST_ROWS || !matmul_row_invariant())
        return 0;
    return ((rows + threads - 1) / threads + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
}

pb_status rows_in_parts(rows_part part, const void *job, size_t rows, pb_error *err)
{
    size_t threads = (size_t)omp_get_max_threads(), most = part_rows(rows, threads);
    if (!most)
        return part(job, 0, rows, err);
    meter *helpers = meter_runs() ? mem_new(threads, sizeof *helpers) : NULL;
    meter_kind phase = meter_now();
    pb_status status = PB_OK;
#pragma omp parallel for schedule(static, 1)
    for (size_t i = 0; i < threads; i++) {
        pb_error failure;
        size_t first = i * most, left = first < rows ? rows - first : 0;
        bool helps = helpers && omp_get_thread_num() > 0;
        omp_set_num_threads(1); /* for what this thread computes */
        if (helps) {
            meter_start(&helpers[i]);
            meter_enter(phase);
        }
        pb_status one = left ? part(job, first, left < most ? left : most, &failure) : PB_OK;
        if (helps)
            meter_stop();
        tell_failure(&status, err, one, &failure);
    }
    for (size_t i = 1; helpers && i < threads; i++)
        meter_add_help(&helpers[i]);
    free(helpers);
    return status;
}
