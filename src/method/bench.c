/* bench.c: see bench.h. */
#include "method/bench.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "math/matmul.h"
#include "math/rate.h"
#include "method/question.h"

/* ---- the machine ---- */

/* A square matrix, for comparison with machines and models of other sizes; and the stretch that memory's rate is taken from. */
enum { SQUARE = 1024, STRETCH = 512 << 20 };

static void add_shape(bench *b, size_t n, size_t k, size_t times)
{
    for (size_t i = 0; i < b->shape_count; i++)
        if (b->shapes[i].n == n && b->shapes[i].k == k) {
            b->shapes[i].times += times;
            return;
        }
    b->shapes[b->shape_count++] = (bench_shape){n, k, times};
}

static void add_shapes(bench *b, const decoder_config *c)
{
    size_t D = c->d_model, F = c->d_ff, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    add_shape(b, q, D, 1);
    add_shape(b, kv, D, 2);
    add_shape(b, D, q, 1);
    add_shape(b, F, D, c->gated ? 2 : 1);
    add_shape(b, D, F, 1);
    add_shape(b, SQUARE, SQUARE, 0);
}

static size_t rows_of(size_t size)
{
    return (size_t)1 << size;
}

static pb_status measure_products(bench *b, bench_dtype type, size_t memory, pb_error *err)
{
    b->measured[type] = true;
    for (size_t s = 0; s < b->shape_count; s++)
        for (size_t i = 0; i < BENCH_SIZES; i++) {
            size_t m = rows_of(BENCH_FIRST + i), n = b->shapes[s].n, k = b->shapes[s].k;
            if (rate_product_bytes(m, n, k) <= memory)
                TRY(rate_product(&b->products[type][s][i], type == BENCH_BF16, m, n, k, err));
        }
    return PB_OK;
}

static void add_matrix(bench *b, const decoder *m, const tensor *t)
{
    const dtype_block *block = dtype_find(t->type);
    bench_weights *of = &b->weights[t->type];
    weight lies = decoder_in_place(m, t);
    of->matrices++;
    of->elements += t->count;
    of->bytes += t->count / block->elements * block->bytes;
    of->made += lies.f32 || lies.bf16 ? 0 : t->count * decoder_element_bytes(m, t);
}

static void add_weights(bench *b, const decoder *m)
{
    for (size_t l = 0; l < m->config.layers; l++)
        for (decoder_part part = 0; part < PART_COUNT; part++)
            if (m->layers[l].part[part] && m->layers[l].part[part]->rank == 2)
                add_matrix(b, m, m->layers[l].part[part]);
}

static size_t weight_bytes(const bench *b)
{
    size_t bytes = 0;
    for (dtype type = 0; type < DTYPE_OTHER; type++)
        bytes += b->weights[type].bytes;
    return bytes;
}

pb_status bench_open(bench *b, const model *m, size_t memory, pb_error *err)
{
    size_t budget = question_budget(memory), stretch = budget < STRETCH ? budget : STRETCH;
    *b = (bench){.dtype = m->decoder.form == FORM_F32 ? BENCH_F32 : BENCH_BF16,
                 .machine = {.cpu = process_cpu(), .cores = (size_t)omp_get_num_procs(),
                             .threads = (size_t)omp_get_max_threads(), .memory = process_machine_bytes(),
                             .library = matmul_library()}};
    add_shapes(b, &m->decoder.config);
    add_weights(b, &m->decoder);
    size_t weights = weight_bytes(b);
    pb_status status = measure_products(b, BENCH_F32, budget, err);
    if (!status && matmul_has_bf16())
        status = measure_products(b, BENCH_BF16, budget, err);
    if (!status)
        status = rate_reading(&b->reading, stretch, err);
    if (!status)
        status = rate_reading(&b->reading_weights, weights < stretch ? weights : stretch, err);
    if (status)
        bench_free(b);
    return status;
}

void bench_free(bench *b)
{
    for (size_t i = 0; i < b->phase_count; i++)
        free(b->phases[i].name);
    free(b->phases);
    free(b->machine.cpu);
    *b = (bench){0};
}

/* ---- bounds ---- */

double bench_rate(const bench *b, size_t size)
{
    bench_dtype type = b->measured[b->dtype] ? b->dtype : BENCH_F32;
    double flop = 0, seconds = 0;
    size_t i = size < BENCH_FIRST ? 0 : size - BENCH_FIRST;
    for (size_t s = 0; s < b->shape_count; s++) {
        double each = (double)(b->shapes[s].n * b->shapes[s].k * b->shapes[s].times);
        if (b->products[type][s][i] > 0) {
            flop += each;
            seconds += each / b->products[type][s][i];
        }
    }
    return seconds > 0 ? flop / seconds : 0;
}

static double best_rate(const bench *b, bench_dtype type)
{
    double best = 0;
    for (size_t s = 0; s < b->shape_count; s++)
        for (size_t i = 0; i < BENCH_SIZES; i++)
            best = b->products[type][s][i] > best ? b->products[type][s][i] : best;
    return best;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double phase_bound(const bench *b, const meter_phase *p)
{
    double flop = p->flop, bytes = p->bytes, seconds = 0;
    for (size_t size = 0; size < METER_SIZES; size++) {
        const struct meter_products *of = &p->products[size];
        double rate = bench_rate(b, size);
        seconds += larger(of->bytes / b->reading_weights, rate > 0 ? of->flop / rate : 0);
        flop -= of->flop;
        bytes -= of->bytes;
    }
    bytes = larger(bytes, 0) + p->written;
    return seconds + larger(larger(flop, 0) / best_rate(b, BENCH_F32), bytes / b->reading_weights);
}

static bench_phase *append(bench *b, const char *name, const char *part)
{
    buffer full = {0};
    buffer_printf(&full, part ? "%s.%s" : "%s", name, part);
    b->phases = mem_resize(b->phases, b->phase_count + 1, sizeof *b->phases);
    b->phases[b->phase_count] = (bench_phase){.name = full.data};
    return &b->phases[b->phase_count++];
}

void bench_add(bench *b, const char *name, const meter *work)
{
    size_t whole = b->phase_count;
    append(b, name, NULL);
    for (size_t kind = METER_REST + 1; kind <= METER_KINDS; kind++) {
        meter_kind at = kind < METER_KINDS ? (meter_kind)kind : METER_REST; /* the rest comes last */
        const meter_phase *p = &work->phase[at];
        bench_phase *part = append(b, name, meter_name(at));
        bench_phase *all = &b->phases[whole];
        part->seconds = p->seconds;
        part->flop = p->flop;
        part->bytes = p->bytes;
        part->written = p->written;
        part->bound = phase_bound(b, p);
        all->seconds += part->seconds;
        all->flop += part->flop;
        all->bytes += part->bytes;
        all->written += part->written;
        all->bound += part->bound;
    }
}
