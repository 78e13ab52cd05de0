/* score.c: see score.h. */
#include "method/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/meter.h"

enum { READ_AT_ONCE = 1024 }; /* rows: bounds the logits in memory, and still reads the unembedding seldom */

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

pb_status score_runs(decoder *m, const float *const *rows, size_t n, const score_target *target, score *scores,
                     pb_error *err)
{
    size_t D = m->config.d_model;
    readout *reads = mem_new(n * target->count, sizeof *reads);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < target->count; k++)
            reads[i * target->count + k] = (readout){.x = rows[i] + k * D, .want = {target->answer[k], target->foil}};
    pb_status status = score_read(m, reads, n * target->count, err);
    for (size_t i = 0; i < n && !status; i++)
        scores[i] = score_of(reads + i * target->count, target);
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

pb_status score_add_probabilities(decoder *m, const float *row, double *prob, pb_error *err)
{
    size_t V = m->config.vocab;
    readout read = {.x = row, .want = {-1, -1}};
    TRY(mem_try(&read.logits, V, sizeof *read.logits, "logits", err));
    pb_status status = score_read(m, &read, 1, err);
    for (size_t i = 0; i < V && !status; i++)
        prob[i] += exp((double)read.logits[i] - read.log_sum_exp);
    free(read.logits);
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
