/* replay.c: see replay.h.
 *
 * A fork in flight is a lane: its residual rows x[end - first][D], which live as long as its wave. What a layer does with them,
 * a chunk of lanes at a time, is chunk.c's. */
#include "engine/replay.h"

#include <omp.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/meter.h"
#include "base/on_threads.h"
#include "base/process.h"
#include "engine/chunk.h"
#include "math/matmul.h"

/* ---- the walk ---- */

enum {
    LEAST_APART = 64, /* rows for each thread, where they take chunks apart */
    LEAST_EACH = 128, /* a thread's chunk, where there are rows enough */
};

/* Rows of the largest chunk that a thread takes by itself: together half of what they would share in one chunk, unless
 * threads are so many that theirs would be too small. */
static size_t rows_each(size_t threads)
{
    size_t rows = CHUNK_ROWS / 2 / threads;
    return rows > LEAST_EACH ? rows : LEAST_EACH;
}

typedef struct walk {
    decoder *m;
    size_t threads;
    arena *memory;       /* [threads] of chunks */
    bool apart;          /* within a layer no lane needs what another one leaves behind there, or is shown in order */
    float *cosine, *sine;
    const replay_options *options;
    replay_work *work;
    double done, total;  /* row-layers, for progress */
} walk;

static size_t rows_of(const lane *lanes, size_t count)
{
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += lane_rows(&lanes[i]);
    return rows;
}

static void report_progress(const walk *k)
{
    if (k->options->progress)
        k->options->progress(k->options->context, k->total > 0 ? k->done / k->total : 1);
}

/* What is read next: a layer, or behind the last the unembedding. */
static void ask_ahead(const walk *k, size_t layer)
{
    if (layer < k->m->config.layers)
        decoder_layer_ahead(k->m, layer);
    else if (k->options->finished)
        decoder_head_ahead(k->m);
}

/* One chunk after the other, all threads at the same one: they meet in every product. */
static pb_status run_chunks(walk *k, const layer_walk *step, lane *lanes, size_t count, pb_error *err)
{
    for (size_t i = 0, n, rows; i < count; i += n) {
        n = lanes_within(lanes + i, count - i, CHUNK_ROWS, &rows);
        TRY(stop_check(err));
        TRY(chunk_run(step, lanes + i, n, err));
        k->done += (double)rows;
        report_progress(k);
    }
    return PB_OK;
}

static size_t longest_of(const lane *lanes, size_t count)
{
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = lane_rows(&lanes[i]) > longest ? lane_rows(&lanes[i]) : longest;
    return longest;
}

/* Rows of a chunk where each thread takes chunks of its own through the layer, which is faster as soon as there are rows
 * enough; else 0. A lane is never cut: where one has more than a thread's share (a question that is asked), the others would
 * wait for it. */
static size_t rows_apart(const walk *k, const lane *lanes, size_t count)
{
    size_t total = rows_of(lanes, count), most = rows_each(k->threads);
    size_t share = total / (2 * k->threads) * 9 / 8; /* more by an eighth, as chunks are of whole lanes */
    if (!k->apart || total < k->threads * LEAST_APART || longest_of(lanes, count) * k->threads > total)
        return 0;
    return share < most ? share : most;
}

/* at[count + 1] = where each chunk begins; returns how many they are. For each number of rows that the library has not seen
 * it makes new code, so cuts are where they were in the layer before: lanes that join are apart from those that did, which
 * stand where they stood. */
static size_t cut_chunks(size_t *at, const lane *lanes, size_t count, size_t layer, size_t most)
{
    size_t chunks = 0, joined = 0, rows;
    while (joined < count && lanes[joined].start < layer)
        joined++;
    for (size_t i = 0; i < count; i += lanes_within(lanes + i, (i < joined ? joined : count) - i, most, &rows))
        at[chunks++] = i;
    at[chunks] = count;
    return chunks;
}

/* Seconds are the walk's, whose threads spend theirs at the same time. */
static void add_work(replay_work *to, const replay_work *from, int threads)
{
    to->flop += from->flop;
    to->products += from->products / threads;
    to->attention += from->attention / threads;
}

static pb_status run_chunks_apart(walk *k, const layer_walk *step, lane *lanes, size_t count, size_t most, pb_error *err)
{
    size_t *at = mem_new(count + 1, sizeof *at), chunks = cut_chunks(at, lanes, count, step->layer, most);
    meter *helpers = meter_runs() ? mem_new(k->threads, sizeof *helpers) : NULL;
    pb_status status = PB_OK;
#pragma omp parallel num_threads((int)k->threads)
    {
        int thread = omp_get_thread_num();
        replay_work work = {0};
        layer_walk own = *step;
        own.memory = &k->memory[thread];
        own.work = &work;
        omp_set_num_threads(1); /* for what this thread computes */
        if (helpers && thread > 0)
            meter_start(&helpers[thread]);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < chunks; i++) {
            pb_error failure;
            pb_status one = stop_check(&failure);
            if (!one)
                one = chunk_run(&own, lanes + at[i], at[i + 1] - at[i], &failure);
            tell_failure(&status, err, one, &failure);
#pragma omp critical(replay_chunks)
            {
                k->done += (double)rows_of(lanes + at[i], at[i + 1] - at[i]);
                if (thread == 0)
                    report_progress(k);
            }
        }
        if (helpers && thread > 0)
            meter_stop();
#pragma omp critical(replay_chunks)
        add_work(k->work, &work, omp_get_num_threads());
    }
    for (size_t i = 1; helpers && i < k->threads; i++)
        meter_add_help(&helpers[i]);
    free(helpers);
    free(at);
    return status;
}

static pb_status walk_layer(walk *k, size_t layer, lane *lanes, size_t count, pb_error *err)
{
    layer_walk step = {.c = &k->m->config, .layer = layer, .cosine = k->cosine, .sine = k->sine,
                       .memory = k->memory, .work = k->work};
    double begin = clock_now();
    TRY(stop_check(err)); /* before weights are waited for; and before each chunk */
    ask_ahead(k, layer + 1); /* before this one is waited for, so that the disk is never idle */
    TRY(decoder_read_layer_for(k->m, layer, rows_of(lanes, count), step.w, err));
    k->work->loading += clock_now() - begin;
    size_t most = rows_apart(k, lanes, count);
    TRY(most ? run_chunks_apart(k, &step, lanes, count, most, err) : run_chunks(k, &step, lanes, count, err));
    decoder_layer_leave(k->m, layer);
    return decoder_check_layer(k->m, layer, err);
}

/* Lanes are sorted by their start, so those that live in a layer stand first. */
static pb_status walk_layers(walk *k, lane *lanes, size_t count, pb_error *err)
{
    size_t L = k->m->config.layers, D = k->m->config.d_model, live = 0;
    for (size_t layer = 0; layer < L; layer++) {
        while (live < count && lanes[live].start <= layer)
            live++;
        if (live)
            TRY(walk_layer(k, layer, lanes, live, err));
    }
    for (size_t i = 0; i < count; i++) {
        TRY(chunk_enter(&lanes[i], L, L, D, err));
        lanes[i].f->read = lanes[i].x + (lanes[i].f->read_first - lanes[i].f->first) * D;
    }
    return PB_OK;
}

/* Hands a wave's forks to who reads them out. */
static pb_status finish_wave(walk *k, lane *lanes, size_t count, pb_error *err)
{
    if (!k->options->finished)
        return PB_OK;
    replay_fork **forks = mem_new(count, sizeof *forks);
    for (size_t i = 0; i < count; i++)
        forks[i] = lanes[i].f;
    pb_status status = k->options->finished(k->options->context, forks, count, err);
    free(forks);
    for (size_t i = 0; i < count; i++)
        lanes[i].f->read = NULL;
    return status;
}

/* ---- waves ---- */

static pb_status run_wave(walk *k, lane *lanes, size_t count, size_t rows, pb_error *err)
{
    size_t D = k->m->config.d_model;
    float *x;
    TRY(mem_try(&x, rows, D * sizeof *x, "a wave's rows", err));
    float *at = x;
    for (size_t i = 0; i < count; i++) {
        lanes[i].x = at;
        at += lane_rows(&lanes[i]) * D;
    }
    k->work->waves++;
    k->work->rows += rows;
    ask_ahead(k, lanes->start);
    pb_status status = walk_layers(k, lanes, count, err);
    if (!status)
        status = finish_wave(k, lanes, count, err);
    free(x);
    return status;
}

/* The lanes that fit into one wave; *rows: theirs. */
static size_t wave_length(const lane *lanes, size_t count, size_t memory, size_t D, size_t *rows)
{
    return lanes_within(lanes, count, memory / (D * sizeof(float)), rows);
}

static pb_status run_waves(walk *k, lane *lanes, size_t count, pb_error *err)
{
    for (size_t i = 0, n, rows; i < count; i += n) {
        n = wave_length(lanes + i, count - i, k->options->memory, k->m->config.d_model, &rows);
        TRY(run_wave(k, lanes + i, n, rows, err));
    }
    return PB_OK;
}

static pb_status check_cuts(const replay_fork *forks, size_t count, pb_error *err)
{
    size_t row;
    for (size_t i = 0; i < count; i++)
        if (forks[i].cut_count && cuts_starve(forks[i].cuts, forks[i].cut_count, &row))
            return fail(err, PB_EINVAL, "the cut attention edges leave row %zu no row to attend to, not even itself", row);
    return PB_OK;
}

/* Whether the forks may run in any order within a layer: none rests on what another one records, none is watched. */
static bool run_apart(const replay_fork *forks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (forks[i].record || forks[i].watch)
            return false;
    return true;
}

pb_status replay_run(decoder *m, replay_fork *forks, size_t count, const replay_options *options, replay_work *work,
                     pb_error *err)
{
    TRY(check_cuts(forks, count, err));
    size_t L = m->config.layers, threads = (size_t)omp_get_max_threads();
    walk k = {.m = m, .threads = threads, .memory = mem_new(threads, sizeof *k.memory), .options = options, .work = work};
    k.apart = threads > 1 && matmul_row_invariant() && run_apart(forks, count);
    lane *lanes = lanes_sorted(forks, count, L);
    for (size_t i = 0; i < count; i++)
        k.total += (double)lane_rows(&lanes[i]) * (double)(L - lanes[i].start);
    pb_status status = layer_angles(&m->config, forks, count, &k.cosine, &k.sine, err);
    if (!status)
        status = run_waves(&k, lanes, count, err);
    if (!status)
        status = decoder_check(m, err);
    free(lanes);
    free(k.cosine);
    free(k.sine);
    for (size_t i = 0; i < threads; i++)
        arena_free(&k.memory[i]);
    free(k.memory);
    return status;
}

void replay_work_add(replay_work *to, const replay_work *done, double share)
{
    to->flop += share * done->flop;
    to->products += share * done->products;
    to->attention += share * done->attention;
    to->loading += share * done->loading;
    to->waves += done->waves;
    to->rows += (size_t)(share * (double)done->rows + 0.5);
}

/* ---- memory ---- */

size_t replay_fixed_bytes(const decoder *m, size_t longest)
{
    const decoder_config *c = &m->config;
    size_t threads = (size_t)omp_get_max_threads(), each = rows_each(threads);
    size_t together = longest > CHUNK_ROWS ? longest : CHUNK_ROWS, apart = threads * (longest > each ? longest : each);
    size_t rows = together > apart ? together : apart;
    size_t attention_width = 2 * c->heads * c->head_dim + 3 * c->kv_heads * c->head_dim;
    return rows * (5 * c->d_model + attention_width + (c->gated ? 2 : 1) * c->d_ff) * sizeof(float) + layer_bytes(m, rows);
}
