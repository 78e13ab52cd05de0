/* score.c: see score.h. */
#include "method/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/meter.h"

enum { READ_AT_ONCE = 1024 };       /* rows: bounds the logits in memory, and still reads the unembedding seldom */
enum { DISTRIBUTIONS_AT_ONCE = 16 }; /* rows of which all logits are kept */

/* Finite weights may still make activations beyond float32, of which no probability can be made. */
static pb_status check_finite(const readout *rows, size_t n, pb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(rows[i].log_sum_exp))
            return fail(err, PB_EINVAL, "a run's logits are NaN or infinite: its activations exceed what float32 holds");
    return PB_OK;
}

pb_status score_read(decoder *m, readout *rows, size_t n, pb_error *err)
{
    pb_status status = PB_OK;
    meter_kind before = meter_enter(METER_READ_OUT);
    for (size_t i = 0; i < n && !status; i += READ_AT_ONCE)
        status = decoder_readout(m, rows + i, n - i < READ_AT_ONCE ? n - i : READ_AT_ONCE, err);
    meter_leave(before);
    return status ? status : check_finite(rows, n, err);
}

static score score_of(const readout *rows, const score_target *target)
{
    score s = {0};
    for (size_t i = 0; i < target->count; i++)
        s.logprob += (double)rows[i].logit[0] - rows[i].log_sum_exp;
    s.prob = exp(s.logprob);
    if (target->foil >= 0)
        s.logit_diff = (double)rows[0].logit[0] - (double)rows[0].logit[1];
    return s;
}

pb_status score_runs(decoder *m, const float *const *rows, size_t n, const score_target *targets, score *scores,
                     pb_error *err)
{
    size_t D = m->config.d_model, total = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        total += targets[i].count;
    readout *reads = mem_new(total, sizeof *reads);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < targets[i].count; k++)
            reads[at++] = (readout){.x = rows[i] + k * D, .want = {targets[i].answer[k], targets[i].foil}};
    pb_status status = score_read(m, reads, total, err);
    for (size_t i = 0, from = 0; i < n && !status; from += targets[i++].count)
        scores[i] = score_of(reads + from, &targets[i]);
    free(reads);
    return status;
}

size_t score_bytes(const decoder *m, size_t n, size_t tokens)
{
    return decoder_readout_bytes(m, n * tokens < READ_AT_ONCE ? n * tokens : READ_AT_ONCE);
}

static pb_status differentiate(decoder *m, readout *rows, size_t n, float *d, readout_gradient *ends, pb_error *err)
{
    for (size_t i = 0; i < n; i += READ_AT_ONCE) {
        size_t count = n - i < READ_AT_ONCE ? n - i : READ_AT_ONCE;
        readout_gradient g = ends ? *ends : (readout_gradient){0};
        g.dx = d + i * m->config.d_model;
        TRY(decoder_readout(m, rows + i, count, err));
        TRY(decoder_readout_backward(m, rows + i, count, &g, err));
    }
    return PB_OK;
}

pb_status score_differentiate(decoder *m, readout *rows, size_t n, float *d, readout_gradient *ends, pb_error *err)
{
    meter_kind before = meter_enter(METER_READ_OUT);
    pb_status status = differentiate(m, rows, n, d, ends, err);
    meter_leave(before);
    return status;
}

size_t score_differentiate_bytes(const decoder *m, size_t n)
{
    size_t count = n < READ_AT_ONCE ? n : READ_AT_ONCE;
    return decoder_readout_bytes(m, count) + 2 * count * m->config.d_model * sizeof(float);
}

static size_t distributions_at_once(size_t n)
{
    return n < DISTRIBUTIONS_AT_ONCE ? n : DISTRIBUTIONS_AT_ONCE;
}

size_t score_probabilities_bytes(const decoder *m, size_t n)
{
    return distributions_at_once(n) * m->config.vocab * sizeof(float);
}

/* Of so many rows, whose logits have room[n][V]. */
static pb_status add_probabilities(decoder *m, const float *const *rows, size_t n, double *const *prob, float *room,
                                   pb_error *err)
{
    size_t V = m->config.vocab;
    readout reads[DISTRIBUTIONS_AT_ONCE];
    for (size_t i = 0; i < n; i++)
        reads[i] = (readout){.x = rows[i], .want = {-1, -1}, .logits = room + i * V};
    TRY(score_read(m, reads, n, err));
    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < V; v++)
            prob[i][v] += exp((double)reads[i].logits[v] - reads[i].log_sum_exp);
    return PB_OK;
}

pb_status score_add_probabilities(decoder *m, const float *const *rows, size_t n, double *const *prob, pb_error *err)
{
    float *room;
    pb_status status = PB_OK;
    TRY(mem_try(&room, 1, score_probabilities_bytes(m, n), "logits", err));
    for (size_t i = 0, count; i < n && !status; i += count) {
        count = distributions_at_once(n - i);
        status = add_probabilities(m, rows + i, count, prob + i, room, err);
    }
    free(room);
    return status;
}

void score_top(const double *prob, size_t vocab, size_t count, int32_t *ids)
{
    size_t found = 0;
    for (size_t i = 0; i < vocab && count; i++) {
        if (found == count && !(prob[i] > prob[ids[count - 1]]))
            continue;
        size_t at = found < count ? found++ : count - 1;
        for (; at > 0 && prob[i] > prob[ids[at - 1]]; at--)
            ids[at] = ids[at - 1];
        ids[at] = (int32_t)i;
    }
    for (; found < count; found++)
        ids[found] = -1;
}

void run_says_next(run_says *r, const double *prob, size_t vocab, size_t runs)
{
    score_top(prob, vocab, RUN_TOP, r->top_id);
    for (size_t i = 0; i < RUN_TOP; i++)
        r->top_prob[i] = r->top_id[i] >= 0 ? prob[r->top_id[i]] / (double)runs : 0;
}
