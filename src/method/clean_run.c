/* clean_run.c: see clean_run.h. */
#include "method/clean_run.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/replay_owned.h"
#include "method/earlier.h"

/* ---- reading out ---- */

pb_status clean_run_scores(clean_run *const *owners, replay_fork *const *forks, size_t n, score *scores, pb_error *err)
{
    decoder *m = &owners[0]->q->model->decoder;
    const float **rows = mem_new(n, sizeof *rows);
    score_target *targets = mem_new(n, sizeof *targets);
    double begin = clock_now();
    for (size_t i = 0; i < n; i++) {
        rows[i] = forks[i]->read;
        targets[i] = (score_target){owners[i]->q->answer, owners[i]->q->answer_count, -1};
    }
    pb_status status = score_runs(m, rows, n, targets, scores, err);
    double seconds = (clock_now() - begin) / (double)n;
    for (size_t i = 0; i < n; i++) {
        owners[i]->readout_seconds += seconds;
        owners[i]->readout_flop += (double)targets[i].count * decoder_readout_flop(&m->config);
    }
    free(rows);
    free(targets);
    return status;
}

enum { DISTRIBUTIONS_HELD = 16 }; /* over the vocabulary, at a time */

/* The next token's distribution, and the answer, where none was named; prob[V] are zeros. */
static pb_status take_distribution(clean_run *c, const double *prob, pb_error *err)
{
    const decoder_config *config = &c->q->model->decoder.config;
    run_says_next(&c->says, prob, config->vocab, 1);
    c->readout_flop += decoder_readout_flop(config);
    return c->q->answer ? PB_OK : question_set_answer(c->q, c->says.top_id, 1, err);
}

/* Of at most DISTRIBUTIONS_HELD runs. */
static pb_status read_distributions(clean_run *const *owners, replay_fork *const *forks, size_t n, pb_error *err)
{
    decoder *m = &owners[0]->q->model->decoder;
    size_t V = m->config.vocab;
    double *all = mem_new(n * V, sizeof *all), *prob[DISTRIBUTIONS_HELD];
    const float *rows[DISTRIBUTIONS_HELD];
    for (size_t i = 0; i < n; i++) {
        prob[i] = all + i * V;
        rows[i] = forks[i]->read;
    }
    pb_status status = score_add_probabilities(m, rows, n, prob, err);
    for (size_t i = 0; i < n && !status; i++)
        status = take_distribution(owners[i], prob[i], err);
    free(all);
    return status;
}

static pb_status read_runs(clean_run *const *owners, replay_fork *const *forks, size_t count, score *scores, pb_error *err)
{
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < DISTRIBUTIONS_HELD ? count - i : DISTRIBUTIONS_HELD;
        TRY(read_distributions(owners + i, forks + i, n, err));
    }
    TRY(clean_run_scores(owners, forks, count, scores, err));
    for (size_t i = 0; i < count; i++) {
        owners[i]->says.prob = scores[i].prob;
        owners[i]->says.logprob = scores[i].logprob;
    }
    return PB_OK;
}

/* Runs on their way through the engine. */
typedef struct run_batch {
    clean_run *const *runs; /* [count], as */
    replay_fork *forks;
} run_batch;

static pb_status read_out(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    const run_batch *b = context;
    clean_run **owners = mem_new(count, sizeof *owners);
    score *scores = mem_new(count, sizeof *scores);
    for (size_t i = 0; i < count; i++)
        owners[i] = b->runs[forks[i] - b->forks];
    pb_status status = read_runs(owners, forks, count, scores, err);
    free(owners);
    free(scores);
    return status;
}

/* ---- what a run rests on ---- */

/* Another question's run, as far as both begin alike, and sites that are wanted below are there. */
static void consider(clean_run *c, const clean_run *other)
{
    const recording *r = other->recording;
    size_t most = c->q->last < r->end ? c->q->last : r->end;
    if (r->sites_first > c->sites_first && c->sites_first < most)
        most = c->sites_first;
    size_t rows = input_rows_alike(c->q->input, other->q->input, most, c->q->model->decoder.config.d_model);
    if (rows > c->first) {
        c->first = rows;
        c->base = r;
    }
}

void clean_run_plan(clean_run *c, question *q, size_t sites_first, clean_run *const *others, size_t count)
{
    *c = (clean_run){.q = q, .sites_first = sites_first};
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
    return recording_new(&c->recording, &c->q->model->decoder.config, c->base, c->first, c->q->length, kept_from(c), err);
}

size_t clean_run_held_bytes(const clean_run *c)
{
    return recording_bytes(&c->q->model->decoder.config, c->first, c->q->length, kept_from(c));
}

/* ---- running ---- */

static replay_fork fork_of(const clean_run *c, const row_watch *watch)
{
    return (replay_fork){.base = c->base, .first = c->first, .end = c->q->length,
                         .input = c->q->input + c->first * c->q->model->decoder.config.d_model, .record = c->recording,
                         .read_first = c->q->last, .watch = watch};
}

static pb_status run(clean_run *const *runs, size_t count, const row_watch *watch, size_t memory, pb_error *err)
{
    run_batch b = {runs, mem_new(count, sizeof *b.forks)};
    size_t *forks_of = mem_new(count, sizeof *forks_of);
    replay_work **works = mem_new(count, sizeof *works);
    for (size_t i = 0; i < count; i++) {
        b.forks[i] = fork_of(runs[i], watch);
        forks_of[i] = 1;
        works[i] = &runs[i]->work;
    }
    replay_options options = {.memory = memory, .finished = read_out, .context = &b};
    pb_status status = replay_owned(&runs[0]->q->model->decoder, b.forks, forks_of, works, count, &options, err);
    free(b.forks);
    free(forks_of);
    free(works);
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
        plan->reads += 1 + question_answer_tokens(runs[i]->q); /* once for all tokens, and once more for the answer's */
    }
    replay_plan_add(&plan->forks, &runs[0]->q->model->decoder, forks, count, memory);
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
    const decoder *m = &runs[0]->q->model->decoder;
    size_t longest = 0, rows = 0;
    for (size_t i = 0; i < count; i++) {
        longest = runs[i]->q->length > longest ? runs[i]->q->length : longest;
        rows += runs[i]->q->length - runs[i]->first;
    }
    return row_bytes(m, rows) + replay_fixed_bytes(m, longest) + (count > 1 ? clean_runs_reading_bytes(m, count) : 0);
}

pb_status clean_run_make(clean_run *c, question *q, size_t sites_first, size_t budget, pb_error *err)
{
    clean_run_plan(c, q, sites_first, NULL, 0);
    TRY(question_fits(clean_run_held_bytes(c) + clean_runs_bytes(&c, 1), budget, "this run", err));
    pb_status status = clean_run_open(c, err);
    if (!status)
        status = clean_runs_make(&c, 1, SIZE_MAX, err);
    if (status)
        clean_run_free(c);
    return status;
}

pb_status clean_run_fits(const question *q, size_t taken, size_t budget, pb_error *err)
{
    const decoder *m = &q->model->decoder;
    return question_fits(taken + row_bytes(m, q->length) + replay_fixed_bytes(m, q->length), budget, "this run", err);
}

pb_status clean_run_watch(clean_run *c, question *q, const row_watch *watch, size_t taken, size_t budget, pb_error *err)
{
    *c = (clean_run){.q = q};
    TRY(clean_run_fits(q, taken, budget, err));
    pb_status status = run(&c, 1, watch, SIZE_MAX, err);
    if (status)
        clean_run_free(c);
    return status;
}

method_cost clean_run_cost(const clean_run *c)
{
    return (method_cost){.seconds = clock_now() - c->q->began,
                         .flop = c->work.flop + c->readout_flop + question_vision_flop(c->q),
                         .peak_rss_bytes = process_peak_bytes()};
}

double clean_run_part(clean_run *const *runs, size_t count, size_t i)
{
    double all = 0;
    for (size_t k = 0; k < count; k++)
        all += runs[k]->work.flop;
    return all > 0 ? runs[i]->work.flop / all : 1;
}

void clean_run_free(clean_run *c)
{
    recording_free(c->recording);
    *c = (clean_run){0};
}
