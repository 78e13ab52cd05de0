/* fork_batch.c: see fork_batch.h. */
#include "method/fork_batch.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/replay_owned.h"

fork_batch fork_batch_new(fork_owner *const *owners, size_t owner_count, size_t most)
{
    return (fork_batch){.owners = owners, .owner_count = owner_count, .forks = mem_new(most, sizeof(replay_fork)),
                        .owner_of = mem_new(most, sizeof(size_t)), .forks_of = mem_new(owner_count, sizeof(size_t)),
                        .scores = mem_new(most, sizeof(score))};
}

void fork_batch_free(fork_batch *b)
{
    free(b->forks);
    free(b->owner_of);
    free(b->forks_of);
    free(b->scores);
}

void fork_batch_add(fork_batch *b, size_t owner, replay_fork f)
{
    b->owner_of[b->count] = owner;
    b->forks[b->count++] = f;
    b->forks_of[owner]++;
}

/* ---- reading out ---- */

static fork_owner *owner_of(const fork_batch *b, const replay_fork *f)
{
    return b->owners[b->owner_of[f - b->forks]];
}

static decoder *decoder_of(const fork_batch *b)
{
    return &b->owners[0]->q->model->decoder;
}

/* To each fork's owner its part of the seconds since `begin`, and a read-out of so many tokens. */
static void charge(const fork_batch *b, const replay_fork *f, double seconds, size_t tokens)
{
    fork_owner *o = owner_of(b, f);
    o->readout_seconds += seconds;
    o->readout_flop += (double)tokens * decoder_readout_flop(&decoder_of(b)->config);
}

pb_status fork_batch_next(const fork_batch *b, replay_fork *const *forks, size_t n, double *const *prob, pb_error *err)
{
    const float **rows = mem_new(n, sizeof *rows);
    double begin = clock_now();
    for (size_t i = 0; i < n; i++)
        rows[i] = forks[i]->read;
    pb_status status = score_add_probabilities(decoder_of(b), rows, n, prob, err);
    double seconds = (clock_now() - begin) / (double)n;
    for (size_t i = 0; i < n; i++)
        charge(b, forks[i], seconds, 1);
    free(rows);
    return status;
}

/* targets[n], rows[n], scores[n]: of these forks */
static pb_status score_forks(const fork_batch *b, replay_fork *const *forks, size_t n, score_target *targets, const float **rows,
                             score *scores, pb_error *err)
{
    double begin = clock_now();
    for (size_t i = 0; i < n; i++) {
        const fork_owner *o = owner_of(b, forks[i]);
        rows[i] = forks[i]->read;
        targets[i] = (score_target){o->q->answer, o->q->answer_count, o->foil};
    }
    TRY(score_runs(decoder_of(b), rows, n, targets, scores, err));
    double seconds = (clock_now() - begin) / (double)n;
    for (size_t i = 0; i < n; i++) {
        b->scores[forks[i] - b->forks] = scores[i];
        charge(b, forks[i], seconds, targets[i].count);
    }
    return PB_OK;
}

static pb_status read_out(void *context, replay_fork *const *forks, size_t n, pb_error *err)
{
    const fork_batch *b = context;
    if (b->before)
        TRY(b->before(b->context, forks, n, err));
    score_target *targets = mem_new(n, sizeof *targets);
    const float **rows = mem_new(n, sizeof *rows);
    score *scores = mem_new(n, sizeof *scores);
    pb_status status = score_forks(b, forks, n, targets, rows, scores, err);
    free(targets);
    free(rows);
    free(scores);
    return status;
}

/* ---- running ---- */

static void report_progress(void *context, double share)
{
    const fork_batch *b = context;
    double total = b->total > 0 ? b->total : (double)b->count, end = b->total > 0 ? b->end : total;
    b->run->progress(b->run->context, b->what, b->begin + share * (end - b->begin), total);
}

pb_status fork_batch_run(fork_batch *b, size_t memory, pb_error *err)
{
    if (b->count == 0)
        return PB_OK;
    replay_options options = {.memory = memory, .finished = read_out, .context = b,
                              .progress = b->run && b->run->progress ? report_progress : NULL};
    replay_work **works = mem_new(b->owner_count, sizeof *works);
    for (size_t i = 0; i < b->owner_count; i++)
        works[i] = &b->owners[i]->work;
    pb_status status = replay_owned(decoder_of(b), b->forks, b->forks_of, works, b->owner_count, &options, err);
    free(works);
    return status;
}

/* ---- cost ---- */

double fork_owner_part(fork_owner *const *owners, size_t count, size_t i)
{
    double all = 0;
    for (size_t k = 0; k < count; k++)
        all += owners[k]->work.flop;
    return all > 0 ? owners[i]->work.flop / all : 1;
}

void fork_owner_cost(const fork_owner *o, double vision_flop, trace_cost *cost)
{
    cost->flop = o->work.flop + o->readout_flop + vision_flop;
    cost->waves = o->work.waves;
    cost->peak_rss_bytes = process_peak_bytes();
    cost->products = o->work.products;
    cost->attention = o->work.attention;
    cost->loading = o->work.loading;
    cost->readout = o->readout_seconds;
}
