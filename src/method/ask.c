/* ask.c: see ask.h.
 *
 * The prompt is one run; each further token is a fork of one row that rests on the recording before it. */
#include "method/ask.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/replay.h"
#include "method/score.h"

typedef struct generation {
    question *q;
    recording **runs;  /* [run_count] the prompt's, then one for each generated token; each rests on the one before */
    size_t run_count;
    double *prob;      /* [V] of the token that comes next */
    replay_work work;
} generation;

static pb_status read_next(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    generation *g = context;
    decoder *m = &g->q->model->decoder;
    for (size_t i = 0; i < m->config.vocab; i++)
        g->prob[i] = 0;
    return score_add_probabilities(m, forks[count - 1]->read, g->prob, err);
}

/* Runs rows first .. end-1 on top of what has been run, and leaves the next token's probabilities. */
static pb_status extend(generation *g, const float *input, size_t first, size_t end, pb_error *err)
{
    decoder *m = &g->q->model->decoder;
    const recording *base = g->run_count ? g->runs[g->run_count - 1] : NULL;
    recording *r;
    TRY(recording_new(&r, &m->config, base, first, end, end, err));
    g->runs = mem_resize(g->runs, g->run_count + 1, sizeof *g->runs);
    g->runs[g->run_count++] = r;
    replay_fork f = {.base = base, .first = first, .end = end, .input = input, .record = r, .read_first = end - 1};
    replay_options options = {.finished = read_next, .context = g};
    return replay_run(m, &f, 1, &options, &g->work, err);
}

static bool ends_answer(const model *m, int32_t id)
{
    for (size_t i = 0; i < m->eos_count; i++)
        if (m->eos[i] == id)
            return true;
    return false;
}

static void keep_top(answer *a, const generation *g, size_t top)
{
    size_t vocab = g->q->model->decoder.config.vocab;
    a->top_count = top < vocab ? top : vocab;
    a->top = mem_new(a->top_count, sizeof *a->top);
    a->top_prob = mem_new(a->top_count, sizeof *a->top_prob);
    score_top(g->prob, vocab, a->top_count, a->top);
    for (size_t i = 0; i < a->top_count; i++)
        a->top_prob[i] = g->prob[a->top[i]];
}

static pb_status generate(generation *g, answer *a, size_t max_tokens, size_t top, pb_error *err)
{
    const decoder *m = &g->q->model->decoder;
    float *row;
    TRY(extend(g, g->q->input, 0, g->q->length, err));
    keep_top(a, g, top);
    a->ids = mem_new(max_tokens, sizeof *a->ids);
    TRY(mem_try(&row, m->config.d_model, sizeof *row, "a row", err));
    pb_status status = PB_OK;
    for (size_t end = g->q->length; a->count < max_tokens && !status; end++) {
        int32_t id;
        score_top(g->prob, m->config.vocab, 1, &id);
        if (ends_answer(g->q->model, id))
            break;
        a->ids[a->count++] = id;
        if (a->count == max_tokens || end >= m->config.max_positions)
            break;
        status = decoder_embed(m, &id, 1, row, err);
        if (!status)
            status = extend(g, row, end, end + 1, err);
    }
    free(row);
    return status;
}

/* What a budget must hold: the keys and values of every row, one layer's weights, the prompt's rows. */
static pb_status check_memory(const question *q, size_t tokens, size_t memory, pb_error *err)
{
    const decoder_config *c = &q->model->decoder.config;
    size_t T = q->length, end = T + tokens;
    return question_fits(recording_bytes(c, 0, T, T) + tokens * recording_bytes(c, 0, 1, 1) +
                             replay_fixed_bytes(&q->model->decoder, end) + T * c->d_model * sizeof(float),
                         memory, "this question", err);
}

pb_status ask_run(answer *a, question *q, size_t max_tokens, size_t top, size_t memory, pb_error *err)
{
    size_t room = q->model->decoder.config.max_positions - q->length + 1; /* for the tokens after the prompt */
    size_t tokens = max_tokens < room ? max_tokens : room;
    TRY(check_memory(q, tokens, memory, err));
    generation g = {.q = q, .prob = mem_new(q->model->decoder.config.vocab, sizeof *g.prob)};
    *a = (answer){0};
    pb_status status = generate(&g, a, tokens, top, err);
    for (size_t i = g.run_count; i-- > 0;)
        recording_free(g.runs[i]);
    free(g.runs);
    free(g.prob);
    if (status)
        answer_free(a);
    return status;
}

void answer_free(answer *a)
{
    free(a->ids);
    free(a->top);
    free(a->top_prob);
    *a = (answer){0};
}
