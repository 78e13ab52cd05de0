/* bench_words.h: what the writers of a bench share. */
#ifndef REPORT_BENCH_WORDS_H
#define REPORT_BENCH_WORDS_H

#include "method/bench.h"

static inline const char *bench_dtype_name(bench_dtype d)
{
    return d == BENCH_BF16 ? "bf16" : "f32";
}

/* How many rows the i-th measured products have. */
static inline size_t bench_rows(size_t i)
{
    return (size_t)1 << (BENCH_FIRST + i);
}

#endif
