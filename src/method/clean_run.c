/* clean_run.c: see clean_run.h. */
#include "method/clean_run.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/earlier.h"

/* ---- reading out ---- */

enum { DISTRIBUTIONS_HELD = 16 }; /* over the vocabulary, at a time */

/* Runs on their way through the engine. */
typedef struct run_batch {
    clean_run *const *runs; /* [count], each with one fork */
    fork_batch forks;
} run_batch;

/* The next tokens of at most DISTRIBUTIONS_HELD runs, and the answers, where none was named; all[n][V] are zeros. */
static pb_status read_some(const run_batch *b, replay_fork *const *forks, size_t n, double *all, pb_error *err)
{
    size_t V = b->runs[0]->own.q->model->decoder.config.vocab;
    double *prob[DISTRIBUTIONS_HELD];
    for (size_t i = 0; i < n; i++)
        prob[i] = all + i * V;
    TRY(fork_batch_next(&b->forks, forks, n, prob, err));
    for (size_t i = 0; i < n; i++) {
        clean_run *c = b->runs[forks[i] - b->forks.forks];
        run_says_next(&c->says, prob[i], V, 1);
        if (!c->own.q->answer)
            TRY(question_set_answer(c->own.q, c->says.top_id, 1, err));
    }
    return PB_OK;
}

static pb_status read_next(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    const run_batch *b = context;
    size_t V = b->runs[0]->own.q->model->decoder.config.vocab;
    pb_status status = PB_OK;
    for (size_t i = 0, n; i < count && !status; i += n) {
        n = count - i < DISTRIBUTIONS_HELD ? count - i : DISTRIBUTIONS_HELD;
        double *all = mem_new(n * V, sizeof *all);
        status = read_some(b, forks + i, n, all, err);
        free(all);
    }
    return status;
}

/* ---- what a run rests on ---- */

/* Another question's run, as far as both begin alike, and sites that are wanted below are there. */
static void consider(clean_run *c, const clean_run *other)
{
    const recording *r = other->recording;
    size_t most = c->own.q->last < r->end ? c->own.q->last : r->end;
    if (r->sites_first > c->sites_first && c->sites_first < most)
        most = c->sites_first;
    size_t rows = input_rows_alike(c->own.q->input, other->own.q->input, most, c->own.q->model->decoder.config.d_model);
    if (rows > c->first) {
        c->first = rows;
        c->base = r;
    }
}

void clean_run_plan(clean_run *c, question *q, size_t sites_first, clean_run *const *others, size_t count)
{
    *c = (clean_run){.own = {.q = q, .foil = -1}, .sites_first = sites_first};
    c->base = earlier_find(q->earlier, q, sites_first < q->last ? sites_first : q->last, &c->first);
    for (size_t i = 0; i < count; i++)
        consider(c, others[i]);
}

static size_t kept_from(const clean_run *c)
{
    return c->sites_first > c->first ? c->sites_first : c->first;
}

pb_status clean_run_open(clean_run *c, pb_error *err)
{
    return recording_new(&c->recording, &c->own.q->model->decoder.config, c->base, c->first, c->own.q->length, kept_from(c), err);
}

size_t clean_run_held_bytes(const clean_run *c)
{
    return recording_bytes(&c->own.q->model->decoder.config, c->first, c->own.q->length, kept_from(c));
}

/* ---- running ---- */

static replay_fork fork_of(const clean_run *c, const row_watch *watch)
{
    return (replay_fork){.base = c->base, .first = c->first, .end = c->own.q->length,
                         .input = c->own.q->input + c->first * c->own.q->model->decoder.config.d_model, .record = c->recording,
                         .read_first = c->own.q->last, .watch = watch};
}

static pb_status run(clean_run *const *runs, size_t count, const row_watch *watch, size_t memory, pb_error *err)
{
    fork_owner **owners = mem_new(count, sizeof *owners);
    run_batch b = {runs, fork_batch_new(owners, count, count)};
    for (size_t i = 0; i < count; i++) {
        owners[i] = &runs[i]->own;
        fork_batch_add(&b.forks, i, fork_of(runs[i], watch));
    }
    b.forks.before = read_next;
    b.forks.context = &b;
    pb_status status = fork_batch_run(&b.forks, memory, err);
    for (size_t i = 0; i < count && !status; i++) {
        runs[i]->says.prob = b.forks.scores[i].prob;
        runs[i]->says.logprob = b.forks.scores[i].logprob;
    }
    fork_batch_free(&b.forks);
    free(owners);
    return status;
}

pb_status clean_runs_make(clean_run *const *runs, size_t count, size_t memory, pb_error *err)
{
    return run(runs, count, NULL, memory, err);
}

void clean_runs_foresee(run_plan *plan, clean_run *const *runs, size_t count, size_t memory)
{
    replay_fork *forks = mem_new(count, sizeof *forks);
    for (size_t i = 0; i < count; i++) {
        forks[i] = fork_of(runs[i], NULL);
        plan->reads += 1 + question_answer_tokens(runs[i]->own.q); /* once for all tokens, and once more for the answer's */
    }
    replay_plan_add(&plan->forks, &runs[0]->own.q->model->decoder, forks, count, memory);
    free(forks);
}

static size_t row_bytes(const decoder *m, size_t rows)
{
    return rows * m->config.d_model * sizeof(float);
}

size_t clean_runs_reading_bytes(const decoder *m, size_t count)
{
    size_t held = count < DISTRIBUTIONS_HELD ? count : DISTRIBUTIONS_HELD;
    return score_probabilities_bytes(m, held) + held * m->config.vocab * sizeof(double);
}

size_t clean_runs_bytes(clean_run *const *runs, size_t count)
{
    const decoder *m = &runs[0]->own.q->model->decoder;
    size_t longest = 0, rows = 0;
    for (size_t i = 0; i < count; i++) {
        longest = runs[i]->own.q->length > longest ? runs[i]->own.q->length : longest;
        rows += runs[i]->own.q->length - runs[i]->first;
    }
    return row_bytes(m, rows) + replay_fixed_bytes(m, longest) + (count > 1 ? clean_runs_reading_bytes(m, count) : 0);
}

pb_status clean_run_fits(const question *q, size_t taken, size_t budget, pb_error *err)
{
    const decoder *m = &q->model->decoder;
    size_t bytes = taken + row_bytes(m, q->length) + replay_fixed_bytes(m, q->length);
    return question_fits(question_needs(q, bytes), budget, "this run", err);
}

pb_status clean_run_watch(clean_run *c, question *q, const row_watch *watch, size_t taken, size_t budget, pb_error *err)
{
    *c = (clean_run){.own = {.q = q, .foil = -1}};
    TRY(clean_run_fits(q, taken, budget, err));
    pb_status status = run(&c, 1, watch, SIZE_MAX, err);
    if (status)
        clean_run_free(c);
    return status;
}

method_cost clean_run_cost(const clean_run *c)
{
    return (method_cost){.seconds = clock_now() - c->own.q->began,
                         .flop = c->own.work.flop + c->own.readout_flop + question_vision_flop(c->own.q),
                         .peak_rss_bytes = process_peak_bytes()};
}

void clean_run_free(clean_run *c)
{
    recording_free(c->recording);
    *c = (clean_run){0};
}
