/* bench.h: what limits the work on a model here: the machine's own rates, and the phases of some work against them.
 *
 *     bench b;
 *     TRY(bench_open(&b, m, memory, err));       // measures the machine, at this model's shapes
 *     meter_start(&meter); ... work ...; meter_stop();
 *     bench_add(&b, "trace", &meter);            // b.phases: the whole, then its parts
 *     bench_free(&b);
 *
 * A phase's bound is the time it would take if nothing but the machine's rates limited it: products of so many rows at
 * the rate of such products, or, where that takes longer, their weights read at the bandwidth; other arithmetic at the
 * best rate of f32; weights that are brought into another form, read and written at the bandwidth. A product of few rows may
 * read the file's form, and then it counts the file's bytes. */
#ifndef METHOD_BENCH_H
#define METHOD_BENCH_H

#include "base/meter.h"
#include "model/model.h"

/* Products are measured with 2^BENCH_FIRST .. 2^(METER_SIZES-1) rows: 16 to 4096. Below, reading limits them. */
enum { BENCH_FIRST = 4, BENCH_SIZES = METER_SIZES - BENCH_FIRST, BENCH_SHAPES = 7 };

/* m rows times a matrix [n][k]; `times`: how many such matrices a layer has (0: none, it is measured for comparison). */
typedef struct bench_shape {
    size_t n, k, times;
} bench_shape;

typedef enum bench_dtype { BENCH_F32, BENCH_BF16, BENCH_DTYPES } bench_dtype;

/* The matrices of the decoder's layers that are of one dtype in the file. */
typedef struct bench_weights {
    size_t matrices, elements, bytes; /* in the file */
    size_t made;                      /* bytes that a walk makes of those that do not lie as products take them; 0: all do */
} bench_weights;

typedef struct bench_machine {
    char *cpu;              /* as the system calls it */
    size_t cores, threads;
    size_t memory;          /* bytes */
    const char *library;
} bench_machine;

typedef struct bench_phase {
    char *name;             /* "trace", and its parts: "trace.products" */
    double seconds, flop, bytes, written, bound;
} bench_phase;

typedef struct bench {
    bench_machine machine;
    bench_dtype dtype;      /* of the model's products */
    bench_weights weights[DTYPE_OTHER];
    bench_shape shapes[BENCH_SHAPES];
    size_t shape_count;
    bool measured[BENCH_DTYPES];                          /* whether this dtype's products are */
    double products[BENCH_DTYPES][BENCH_SHAPES][BENCH_SIZES]; /* flop a second; 0: too large for the memory */
    double reading;         /* bytes a second from memory, */
    double reading_weights; /* and from a stretch as long as the decoder's weights in the file, which a cache may hold */
    bench_phase *phases;    /* [phase_count] */
    size_t phase_count;
} bench;

/* Measures the machine. memory: bytes of working memory; 0: 8 GiB. */
pb_status bench_open(bench *b, const model *m, size_t memory, pb_error *err);
void bench_free(bench *b);

/* The rate of the model's products, all matrices of a layer in turn, with 2^size rows: flop a second. Where a processor
 * has none of the model's dtype, they are f32's. */
double bench_rate(const bench *b, size_t size);

/* Appends the work's phases. */
void bench_add(bench *b, const char *name, const meter *work);

#endif
