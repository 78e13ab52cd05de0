/* readout.c: what final residuals say about the next token (decoder.h), and the way back.
 *
 * Logits are made a block of the vocabulary at a time, and stored only where asked for: the backward form makes them
 * anew. */
#include "model/decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/on_threads.h"

enum { VOCAB_BLOCK = 4096 };

/* One block of the vocabulary for all rows: running maximum and sum of exp, wanted logits, stored logits. */
typedef struct vocab_block {
    size_t first, count;
    const float *logits; /* [n][count] */
    float *highest;
    double *sum;
} vocab_block;

/* Puts one block's tokens among the most likely so far. Ids ascend, so an equal one goes behind. */
static void take_top(readout *row, const float *logits, const vocab_block *b)
{
    size_t last = row->top - 1;
    for (size_t i = 0; i < b->count; i++) {
        if (row->top_id[last] >= 0 && !(logits[i] > row->top_logit[last]))
            continue;
        size_t at = last;
        for (; at > 0 && (row->top_id[at - 1] < 0 || logits[i] > row->top_logit[at - 1]); at--) {
            row->top_id[at] = row->top_id[at - 1];
            row->top_logit[at] = row->top_logit[at - 1];
        }
        row->top_id[at] = (int32_t)(b->first + i);
        row->top_logit[at] = logits[i];
    }
}

static void take_block(readout *row, const float *logits, const vocab_block *b, float *highest, double *sum)
{
    float most = largest_of(logits, b->count), top = most > *highest ? most : *highest;
    *sum = *sum * exp((double)*highest - (double)top) + sum_of_exp(logits, top, b->count);
    *highest = top;
    for (size_t k = 0; k < 2; k++)
        if (row->want[k] >= 0 && (size_t)row->want[k] - b->first < b->count)
            row->logit[k] = logits[(size_t)row->want[k] - b->first];
    if (row->logits)
        memcpy(row->logits + b->first, logits, b->count * sizeof *logits);
    if (row->top)
        take_top(row, logits, b);
}

static void take_blocks(readout *rows, size_t n, const vocab_block *b)
{
    ON_THREADS(n > 1, schedule(static),
        for (size_t i = 0; i < n; i++)
            take_block(&rows[i], b->logits + i * b->count, b, &b->highest[i], &b->sum[i]);)
}

/* Tokens in the largest block of the vocabulary. */
static size_t largest_block(const decoder *m)
{
    return m->config.vocab < VOCAB_BLOCK ? m->config.vocab : VOCAB_BLOCK;
}

/* x[n][D], normed; w, logits, highest and sum are working memory. */
typedef struct readout_work {
    const float *end[END_COUNT];
    float *x, *logits, *highest;
    void *w;
    double *sum;
} readout_work;

static void readout_work_free(readout_work *work)
{
    free(work->x);
    free(work->w);
    free(work->logits);
    free(work->highest);
    free(work->sum);
}

static pb_status readout_prepare(decoder *m, readout_work *work, const readout *rows, size_t n, pb_error *err)
{
    size_t D = m->config.d_model;
    TRY(decoder_read_ends(m, work->end, err));
    TRY(mem_try(&work->x, n * D, sizeof(float), "rows to read out", err));
    if (decoder_head_bytes(m))
        TRY(mem_try(&work->w, largest_block(m), decoder_head_bytes(m), "a block of the unembedding", err));
    TRY(mem_try(&work->logits, n * largest_block(m), sizeof(float), "logits", err));
    TRY(mem_try(&work->highest, n, sizeof(float), "logits", err));
    TRY(mem_try(&work->sum, n, sizeof(double), "logits", err));
    ON_THREADS(n > 32, schedule(static),
        for (size_t i = 0; i < n; i++) {
            decoder_norm(&m->config, work->x + i * D, rows[i].x, work->end[END_NORM], work->end[END_NORM_BIAS], 1);
            work->highest[i] = -INFINITY;
            work->sum[i] = 0;
        })
    return PB_OK;
}

static void clear_top(readout *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < rows[i].top; k++) {
            rows[i].top_id[k] = -1;
            rows[i].top_logit[k] = -INFINITY;
        }
}

static pb_status readout_blocks(decoder *m, readout_work *work, readout *rows, size_t n, pb_error *err)
{
    size_t D = m->config.d_model, V = m->config.vocab;
    const float *bias = work->end[END_HEAD_BIAS];
    weight w;
    for (size_t v = 0; v < V; v += VOCAB_BLOCK) {
        vocab_block b = {v, V - v < VOCAB_BLOCK ? V - v : VOCAB_BLOCK, work->logits, work->highest, work->sum};
        TRY(stop_check(err));
        TRY(decoder_read_head_for(m, v, b.count, n, work->w, &w, err));
        TRY(matmul_linear(work->logits, work->x, w, bias ? bias + v : NULL, n, b.count, D, err));
        take_blocks(rows, n, &b);
    }
    TRY(tensor_check(m->head, err));
    decoder_head_is_checked(m);
    for (size_t i = 0; i < n; i++)
        rows[i].log_sum_exp = (double)work->highest[i] + log(work->sum[i]);
    return PB_OK;
}

pb_status decoder_readout(decoder *m, readout *rows, size_t n, pb_error *err)
{
    readout_work work = {0};
    clear_top(rows, n);
    pb_status status = readout_prepare(m, &work, rows, n, err);
    if (!status)
        status = readout_blocks(m, &work, rows, n, err);
    readout_work_free(&work);
    return status;
}

size_t decoder_readout_bytes(const decoder *m, size_t n)
{
    size_t D = m->config.d_model, block = largest_block(m);
    return n * (D + block) * sizeof(float) + block * decoder_head_bytes(m) + weight_form_rounding(m->form, n, D);
}

/* ---- backward ---- */

/* logits[n][count] become the gradients of log P(want[0]) with respect to them: 1 at the wanted token, less the
 * probabilities. */
static void logit_gradients(const readout *rows, size_t n, const vocab_block *b, float *logits)
{
    ON_THREADS(n > 1, schedule(static),
        for (size_t i = 0; i < n; i++) {
            float *d = logits + i * b->count;
            take_shares_off(d, rows[i].log_sum_exp, b->count);
            if ((size_t)rows[i].want[0] - b->first < b->count)
                d[(size_t)rows[i].want[0] - b->first] += 1.0f;
        })
}

/* d_normed[n][D] += what one block's logits give; their head's gradient likewise. `more` [n][D] is working memory. */
static pb_status block_backward(decoder *m, const readout_work *work, const readout *rows, size_t n,
                                const vocab_block *b, weight w, readout_gradient *g, float *d_normed, float *more,
                                pb_error *err)
{
    size_t D = m->config.d_model;
    const float *bias = work->end[END_HEAD_BIAS];
    TRY(matmul_linear(work->logits, work->x, w, bias ? bias + b->first : NULL, n, b->count, D, err));
    logit_gradients(rows, n, b, work->logits);
    TRY(matmul_linear_input(more, work->logits, w, n, b->count, D, err));
    add_rows(d_normed, more, n * D);
    if (g->d_head)
        TRY(matmul_linear_weight(g->d_head + b->first * D, NULL, work->logits, work->x, n, b->count, D, err));
    if (g->d_end[END_HEAD_BIAS])
        add_column_sums(g->d_end[END_HEAD_BIAS] + b->first, work->logits, n, b->count);
    return PB_OK;
}

/* The final norm's own: dx from d_normed. */
static void end_norm_backward(const decoder *m, const readout_work *work, const readout *rows, size_t n,
                              readout_gradient *g, const float *d_normed)
{
    size_t D = m->config.d_model;
    for (size_t i = 0; i < n; i++) {
        memset(g->dx + i * D, 0, D * sizeof(float));
        decoder_norm_backward(&m->config, g->dx + i * D, g->d_end[END_NORM], g->d_end[END_NORM_BIAS], d_normed + i * D,
                              rows[i].x, work->end[END_NORM], 1);
    }
}

static pb_status readout_backward(decoder *m, readout_work *work, const readout *rows, size_t n, readout_gradient *g,
                                  float *d_normed, float *more, pb_error *err)
{
    size_t D = m->config.d_model, V = m->config.vocab;
    weight w;
    memset(d_normed, 0, n * D * sizeof *d_normed);
    for (size_t v = 0; v < V; v += VOCAB_BLOCK) {
        vocab_block b = {v, V - v < VOCAB_BLOCK ? V - v : VOCAB_BLOCK, work->logits, NULL, NULL};
        TRY(stop_check(err));
        TRY(decoder_read_head(m, v, b.count, work->w, &w, err));
        TRY(block_backward(m, work, rows, n, &b, w, g, d_normed, more, err));
    }
    end_norm_backward(m, work, rows, n, g, d_normed);
    return PB_OK;
}

pb_status decoder_readout_backward(decoder *m, const readout *rows, size_t n, readout_gradient *g, pb_error *err)
{
    size_t D = m->config.d_model;
    readout_work work = {0};
    float *d_normed = NULL, *more = NULL;
    pb_status status = readout_prepare(m, &work, rows, n, err);
    if (!status)
        status = mem_try(&d_normed, n * D, sizeof *d_normed, "gradients of a read-out", err);
    if (!status)
        status = mem_try(&more, n * D, sizeof *more, "gradients of a read-out", err);
    if (!status)
        status = readout_backward(m, &work, rows, n, g, d_normed, more, err);
    readout_work_free(&work);
    free(d_normed);
    free(more);
    return status;
}
