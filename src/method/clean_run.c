/* clean_run.c: see clean_run.h. */
#include "method/clean_run.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/earlier.h"

size_t clean_run_bytes(const question *q, size_t sites_first)
{
    return recording_bytes(&q->model->decoder.config, 0, q->length, sites_first);
}

pb_status clean_run_scores(clean_run *c, replay_fork *const *forks, size_t n, score *scores, pb_error *err)
{
    decoder *m = &c->q->model->decoder;
    const float **rows = mem_new(n, sizeof *rows);
    score_target *targets = mem_new(n, sizeof *targets);
    double begin = clock_now();
    for (size_t i = 0; i < n; i++) {
        rows[i] = forks[i]->read;
        targets[i] = (score_target){c->q->answer, c->q->answer_count, -1};
    }
    pb_status status = score_runs(m, rows, n, targets, scores, err);
    free(rows);
    free(targets);
    c->readout_seconds += clock_now() - begin;
    c->readout_flop += (double)(n * c->q->answer_count) * decoder_readout_flop(&m->config);
    return status;
}

/* The next token's distribution; the answer, where none was named; what the answer scores. */
static pb_status read_out(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    clean_run *c = context;
    decoder *m = &c->q->model->decoder;
    size_t V = m->config.vocab;
    double *prob = mem_new(V, sizeof *prob);
    pb_status status = score_add_probabilities(m, &forks[0]->read, 1, &prob, err);
    score_top(prob, V, CLEAN_RUN_TOP, c->top_id);
    for (size_t i = 0; i < CLEAN_RUN_TOP; i++)
        c->top_prob[i] = c->top_id[i] >= 0 ? prob[c->top_id[i]] : 0;
    free(prob);
    c->readout_flop += decoder_readout_flop(&m->config);
    if (!status && !c->q->answer)
        status = question_set_answer(c->q, c->top_id, 1, err);
    return status ? status : clean_run_scores(c, forks, count, &c->score, err);
}

size_t clean_run_running_bytes(const question *q)
{
    const decoder *m = &q->model->decoder;
    return q->length * m->config.d_model * sizeof(float) + replay_fixed_bytes(m, q->length);
}

static pb_status run(clean_run *c, const row_watch *watch, pb_error *err)
{
    decoder *m = &c->q->model->decoder;
    size_t T = c->q->length, first = c->recording ? c->recording->first : 0;
    replay_fork f = {.base = c->recording ? c->recording->base : NULL, .first = first, .end = T,
                     .input = c->q->input + first * m->config.d_model, .record = c->recording, .read_first = c->q->last,
                     .watch = watch};
    replay_options options = {.memory = T * m->config.d_model * sizeof(float), .finished = read_out, .context = c};
    pb_status status = replay_run(m, &f, 1, &options, &c->work, err);
    if (status)
        clean_run_free(c);
    return status;
}

pb_status clean_run_make(clean_run *c, question *q, size_t sites_first, size_t budget, pb_error *err)
{
    *c = (clean_run){.q = q};
    TRY(question_fits(clean_run_bytes(q, sites_first) + clean_run_running_bytes(q), budget, "this run", err));
    size_t rows, most = sites_first < q->last ? sites_first : q->last;
    const recording *base = earlier_find(q->earlier, q, most, &rows);
    TRY(recording_new(&c->recording, &q->model->decoder.config, base, rows, q->length, sites_first, err));
    return run(c, NULL, err);
}

pb_status clean_run_fits(const question *q, size_t taken, size_t budget, pb_error *err)
{
    return question_fits(taken + clean_run_running_bytes(q), budget, "this run", err);
}

pb_status clean_run_watch(clean_run *c, question *q, const row_watch *watch, size_t taken, size_t budget, pb_error *err)
{
    *c = (clean_run){.q = q};
    TRY(clean_run_fits(q, taken, budget, err));
    return run(c, watch, err);
}

method_cost clean_run_cost(const clean_run *c)
{
    return (method_cost){.seconds = clock_now() - c->q->began,
                         .flop = c->work.flop + c->readout_flop + question_vision_flop(c->q),
                         .peak_rss_bytes = process_peak_bytes()};
}

void clean_run_free(clean_run *c)
{
    recording_free(c->recording);
    *c = (clean_run){0};
}
