/* ask.c: see ask.h.
 *
 * Questions whose prompts begin with the same rows under the same weights are a family: what they have in common is one
 * recording, and each question's own rows rest on it. Each further token is a fork of one row that rests on the
 * recording before it. A batch is what memory holds of this at a time. */
#include "method/ask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/score.h"

enum { READ_BYTES = 64 << 20 }; /* logits held at a time: rows enough to read the unembedding seldom */

double next_logprob(const next_token *n, int32_t id)
{
    return (double)n->logits[id] - n->log_sum_exp;
}

double next_kl(const next_token *a, const next_token *b, size_t vocab)
{
    double sum = 0;
    for (size_t i = 0; i < vocab; i++) {
        double p = next_logprob(a, (int32_t)i);
        sum += exp(p) * (p - next_logprob(b, (int32_t)i));
    }
    return sum;
}

void asking_free(asking *a)
{
    free(a->next.logits);
    free(a->ids);
    a->next = (next_token){0};
    a->ids = NULL;
    a->count = 0;
}

/* ---- families ---- */

/* One question on its way. */
typedef struct speaker {
    asking *a;
    size_t kin;         /* the number of its family */
    size_t shared;      /* rows that it has in common with the others of its family; 0: none */
    size_t end;         /* rows of its prompt */
    size_t most;        /* tokens that it may say */
    recording **runs;   /* [run_count] its prompt's own rows, then one for each token; each rests on the one before */
    size_t run_count;
    bool silent;        /* it has said all */
} speaker;

static size_t head_rows(const question *q)
{
    return q->prompt.image_count ? q->prompt.image_first + q->prompt.image_count : 0;
}

static bool same_rows(const question *a, const question *b, size_t first, size_t end)
{
    size_t D = a->model->decoder.config.d_model;
    return memcmp(a->input + first * D, b->input + first * D, (end - first) * D * sizeof(float)) == 0;
}

/* The same weights, and the same rows to the end of the picture (which is looked at first: it tells pictures apart at
 * once). */
static bool of_one_family(const asking *a, const asking *b)
{
    size_t head = head_rows(a->q), seen = a->q->prompt.image_first;
    return a->terms == b->terms && a->term_count == b->term_count && head == head_rows(b->q) &&
           (head == 0 || (seen == b->q->prompt.image_first && same_rows(a->q, b->q, seen, head) &&
                          same_rows(a->q, b->q, 0, seen)));
}

static size_t common_rows(const question *a, const question *b, size_t most)
{
    size_t rows = 0;
    while (rows < most && same_rows(a, b, rows, rows + 1))
        rows++;
    return rows;
}

/* Gives the members of a family, which stand together, what they share: never the last row, which is read. */
static void share_rows(speaker *members, size_t count)
{
    size_t rows = members[0].a->q->last;
    for (size_t i = 1; i < count; i++) {
        const question *q = members[i].a->q;
        rows = common_rows(members[0].a->q, q, rows < q->last ? rows : q->last);
    }
    for (size_t i = 0; i < count && count > 1; i++)
        members[i].shared = rows;
}

static speaker speaker_of(const model *m, asking *a, size_t kin, size_t max_tokens)
{
    size_t end = a->q->last + 1, room = m->decoder.config.max_positions - end + 1; /* for the tokens after the prompt */
    return (speaker){.a = a, .kin = kin, .end = end, .most = max_tokens < room ? max_tokens : room};
}

/* The questions family by family, in the order of each one's first. free() */
static speaker *families(const model *m, asking *list, size_t n, size_t max_tokens)
{
    speaker *s = mem_new(n, sizeof *s);
    bool *taken = mem_new(n, sizeof *taken);
    size_t count = 0, kin = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = count;
        if (taken[i])
            continue;
        for (size_t k = i; k < n; k++)
            if (k == i || (!taken[k] && of_one_family(&list[i], &list[k]))) {
                s[count++] = speaker_of(m, &list[k], kin, max_tokens);
                taken[k] = true;
            }
        share_rows(s + first, count - first);
        kin++;
    }
    free(taken);
    return s;
}

/* ---- batches ---- */

typedef struct batch {
    model *m;
    const ask_options *options;
    replay_work *work;
    speaker *speakers;      /* [count] */
    size_t count;
    replay_fork *forks;     /* of the replay that runs */
    speaker **of_fork;      /* whose each is; NULL: rows that a family shares */
    recording **shared;     /* [shared_count] those rows */
    size_t shared_count;
    double asked;           /* questions before this batch, for progress */
    bool grows;             /* the prompts have run */
} batch;

static bool is_recorded(const speaker *s)
{
    return s->most > 1;
}

/* What a question takes: its own rows while they run, the keys and values of what its answer rests on. */
static size_t speaker_bytes(const decoder_config *c, const speaker *s)
{
    size_t tokens = is_recorded(s) ? s->most - 1 : 0, rows = s->end - s->shared;
    return rows * c->d_model * sizeof(float) +
           (is_recorded(s) ? recording_bytes(c, s->shared, s->end, s->end) + tokens * recording_bytes(c, 0, 1, 1) : 0);
}

static size_t shared_bytes(const decoder_config *c, const speaker *s)
{
    return s->shared ? s->shared * c->d_model * sizeof(float) + recording_bytes(c, 0, s->shared, s->shared) : 0;
}

static size_t rows_read_at_once(const decoder *m)
{
    size_t rows = READ_BYTES / (m->config.vocab * sizeof(float));
    return rows ? rows : 1;
}

/* What does not depend on the number of questions, where the longest has so many rows. */
static size_t fixed_bytes(const decoder *m, size_t n, size_t longest)
{
    size_t rows = n < rows_read_at_once(m) ? n : rows_read_at_once(m);
    return replay_fixed_bytes(m, longest) + score_bytes(m, rows, 1) + rows * m->config.vocab * sizeof(float);
}

/* Bytes for the questions of one batch; an error when they are too few for one of them. */
static pb_status batch_bytes(const model *m, const speaker *s, size_t n, const ask_options *options, size_t *bytes,
                             pb_error *err)
{
    const decoder_config *c = &m->decoder.config;
    size_t longest = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t takes = speaker_bytes(c, &s[i]) + shared_bytes(c, &s[i]), end = s[i].end + s[i].most;
        most = takes > most ? takes : most;
        longest = end > longest ? end : longest;
    }
    size_t fixed = options->taken + fixed_bytes(&m->decoder, n, longest);
    TRY(question_fits(fixed + most, options->memory, n == 1 ? "this question" : "the largest of these questions", err));
    *bytes = question_budget(options->memory) - fixed;
    return PB_OK;
}

/* How many of the questions fit, at least one. */
static size_t batch_length(const decoder_config *c, const speaker *s, size_t n, size_t bytes)
{
    size_t count = 0, used = 0;
    for (; count < n; count++) {
        bool new_family = count == 0 || s[count].kin != s[count - 1].kin;
        used += speaker_bytes(c, &s[count]) + (new_family ? shared_bytes(c, &s[count]) : 0);
        if (count && used > bytes)
            break;
    }
    return count;
}

/* ---- reading out ---- */

static bool ends_answer(const model *m, int32_t id)
{
    for (size_t i = 0; i < m->eos_count; i++)
        if (m->eos[i] == id)
            return true;
    return false;
}

/* Of equals the smaller. */
static int32_t likeliest(const float *logits, size_t vocab)
{
    size_t best = 0;
    for (size_t i = 1; i < vocab; i++)
        best = logits[i] > logits[best] ? i : best;
    return (int32_t)best;
}

/* Takes the next token of its answer, or finds that it has ended. */
static void say(const model *m, speaker *s, const float *logits)
{
    int32_t id = likeliest(logits, m->decoder.config.vocab);
    s->silent = s->a->count == s->most || ends_answer(m, id);
    if (s->silent)
        return;
    s->a->ids[s->a->count++] = id;
    s->silent = s->a->count == s->most;
}

static pb_status keep_next(speaker *s, const readout *row, size_t vocab, pb_error *err)
{
    s->a->next.log_sum_exp = row->log_sum_exp;
    TRY(mem_try(&s->a->next.logits, vocab, sizeof(float), "logits", err));
    memcpy(s->a->next.logits, row->logits, vocab * sizeof(float));
    return PB_OK;
}

static pb_status read_rows(const batch *b, speaker *const *s, readout *rows, size_t n, pb_error *err)
{
    size_t V = b->m->decoder.config.vocab;
    TRY(score_read(&b->m->decoder, rows, n, err));
    for (size_t i = 0; i < n; i++) {
        if (!b->grows && b->options->keep_next)
            TRY(keep_next(s[i], &rows[i], V, err));
        say(b->m, s[i], rows[i].logits);
    }
    return PB_OK;
}

/* Reads the forks' last rows, some at a time, their logits in room [at_once][V]. */
static pb_status read_forks(const batch *b, replay_fork *const *forks, size_t count, float *room, pb_error *err)
{
    size_t V = b->m->decoder.config.vocab, at_once = rows_read_at_once(&b->m->decoder), n = 0;
    readout *rows = mem_new(at_once, sizeof *rows);
    speaker **s = mem_new(at_once, sizeof *s);
    pb_status status = PB_OK;
    for (size_t i = 0; i < count && !status; i++) {
        s[n] = b->of_fork[forks[i] - b->forks];
        if (s[n]) {
            rows[n] = (readout){.x = forks[i]->read, .want = {-1, -1}, .logits = room + n * V};
            n++;
        }
        if (n && (n == at_once || i + 1 == count)) {
            status = read_rows(b, s, rows, n, err);
            n = 0;
        }
    }
    free(rows);
    free(s);
    return status;
}

static pb_status hear(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    const batch *b = context;
    size_t V = b->m->decoder.config.vocab, at_once = rows_read_at_once(&b->m->decoder);
    float *room;
    TRY(mem_try(&room, count < at_once ? count : at_once, V * sizeof *room, "logits", err));
    pb_status status = read_forks(b, forks, count, room, err);
    free(room);
    return status;
}

static void batch_progress(void *context, double share)
{
    const batch *b = context;
    if (b->options->progress && !b->grows)
        b->options->progress(b->options->context, b->asked + share * (double)b->count);
}

/* All rows fit: a batch is made so. */
static pb_status run_forks(batch *b, size_t count, pb_error *err)
{
    replay_options options = {.memory = SIZE_MAX, .finished = hear, .progress = batch_progress, .context = b};
    return replay_run(&b->m->decoder, b->forks, count, &options, b->work, err);
}

/* ---- prompts ---- */

/* The fork of rows first .. end-1 of a question's prompt. */
static replay_fork prompt_fork(const asking *a, const recording *base, size_t first, size_t end)
{
    return (replay_fork){.base = base, .first = first, .end = end, .read_first = end,
                         .input = a->q->input + first * a->q->model->decoder.config.d_model,
                         .terms = a->terms, .term_count = a->term_count, .taps = a->taps, .tap_count = a->tap_count};
}

/* What the members of a family want of the rows that they share. free() */
static tap *shared_taps(const speaker *members, size_t count, size_t *tap_count)
{
    tap *taps = NULL;
    *tap_count = 0;
    for (size_t i = 0; i < count; i++) {
        const asking *a = members[i].a;
        if (a->tap_count == 0)
            continue;
        taps = mem_resize(taps, *tap_count + a->tap_count, sizeof *taps);
        memcpy(taps + *tap_count, a->taps, a->tap_count * sizeof *taps);
        *tap_count += a->tap_count;
    }
    return taps;
}

static size_t family_length(const speaker *s, size_t n)
{
    size_t count = 1;
    while (count < n && s[count].kin == s[0].kin)
        count++;
    return count;
}

/* Adds the forks of one family: of what its members share, if they do, and of each. */
static pb_status add_family(batch *b, speaker *members, size_t count, size_t *forks, pb_error *err)
{
    const decoder_config *c = &b->m->decoder.config;
    const recording *base = NULL;
    if (count == 1)
        members[0].shared = 0;
    if (members[0].shared) {
        recording **record = &b->shared[b->shared_count++];
        size_t end = members[0].shared;
        TRY(recording_new(record, c, NULL, 0, end, end, err));
        replay_fork f = prompt_fork(members[0].a, NULL, 0, end);
        f.record = *record;
        f.taps = shared_taps(members, count, &f.tap_count);
        b->forks[(*forks)++] = f;
        base = *record;
    }
    for (size_t i = 0; i < count; i++) {
        speaker *s = &members[i];
        replay_fork f = prompt_fork(s->a, base, s->shared, s->end);
        f.read_first = s->end - 1;
        if (is_recorded(s)) {
            s->runs = mem_new(s->most, sizeof *s->runs);
            TRY(recording_new(&s->runs[s->run_count++], c, base, s->shared, s->end, s->end, err));
            f.record = s->runs[0];
        }
        b->of_fork[*forks] = s;
        b->forks[(*forks)++] = f;
    }
    return PB_OK;
}

static pb_status run_prompts(batch *b, pb_error *err)
{
    size_t forks = 0;
    pb_status status = PB_OK;
    for (size_t i = 0, n; i < b->count && !status; i += n) {
        n = family_length(b->speakers + i, b->count - i);
        status = add_family(b, b->speakers + i, n, &forks, err);
    }
    if (!status)
        status = run_forks(b, forks, err);
    for (size_t i = 0; i < forks; i++)
        if (!b->of_fork[i])
            free((void *)b->forks[i].taps);
    return status;
}

/* ---- answers ---- */

/* The fork of the token that a question said last; its input is row[D]. */
static pb_status add_token(batch *b, speaker *s, float *row, replay_fork *f, pb_error *err)
{
    size_t end = s->end + s->a->count;
    const recording *base = s->runs[s->run_count - 1];
    recording *r;
    TRY(decoder_embed(&b->m->decoder, &s->a->ids[s->a->count - 1], 1, row, err));
    TRY(recording_new(&r, &b->m->decoder.config, base, end - 1, end, end, err));
    s->runs[s->run_count++] = r;
    *f = (replay_fork){.base = base, .first = end - 1, .end = end, .input = row, .record = r, .read_first = end - 1,
                       .terms = s->a->terms, .term_count = s->a->term_count};
    return PB_OK;
}

/* A token more of every answer that goes on; *count: how many do. */
static pb_status grow(batch *b, float *rows, size_t *count, pb_error *err)
{
    size_t D = b->m->decoder.config.d_model;
    *count = 0;
    for (size_t i = 0; i < b->count; i++) {
        speaker *s = &b->speakers[i];
        if (s->silent)
            continue;
        b->of_fork[*count] = s;
        TRY(add_token(b, s, rows + *count * D, &b->forks[*count], err));
        (*count)++;
    }
    return *count ? run_forks(b, *count, err) : PB_OK;
}

static pb_status run_answers(batch *b, pb_error *err)
{
    float *rows;
    size_t growing = b->count;
    pb_status status = mem_try(&rows, b->count, b->m->decoder.config.d_model * sizeof *rows, "rows", err);
    b->grows = true;
    while (growing && !status)
        status = grow(b, rows, &growing, err);
    free(rows);
    return status;
}

static void batch_free(batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        speaker *s = &b->speakers[i];
        while (s->run_count)
            recording_free(s->runs[--s->run_count]);
        free(s->runs);
        s->runs = NULL;
    }
    for (size_t i = 0; i < b->shared_count; i++)
        recording_free(b->shared[i]);
    free(b->shared);
    free(b->forks);
    free(b->of_fork);
}

static pb_status run_batch(batch *b, pb_error *err)
{
    b->forks = mem_new(2 * b->count, sizeof *b->forks);
    b->of_fork = mem_new(2 * b->count, sizeof *b->of_fork);
    b->shared = mem_new(b->count, sizeof *b->shared);
    for (size_t i = 0; i < b->count; i++)
        b->speakers[i].a->ids = mem_new(b->speakers[i].most, sizeof(int32_t));
    pb_status status = run_prompts(b, err);
    if (!status)
        status = run_answers(b, err);
    batch_free(b);
    return status;
}

/* ---- asking ---- */

static pb_status run_batches(model *m, speaker *s, size_t n, const ask_options *options, replay_work *work, pb_error *err)
{
    size_t bytes;
    TRY(batch_bytes(m, s, n, options, &bytes, err));
    for (size_t i = 0, count; i < n; i += count) {
        count = batch_length(&m->decoder.config, s + i, n - i, bytes);
        batch b = {.m = m, .options = options, .work = work, .speakers = s + i, .count = count, .asked = (double)i};
        TRY(run_batch(&b, err));
    }
    return PB_OK;
}

pb_status ask_many(model *m, asking *list, size_t n, const ask_options *options, replay_work *work, pb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        list[i].next = (next_token){0};
        list[i].ids = NULL;
        list[i].count = 0;
    }
    if (n == 0)
        return PB_OK;
    speaker *s = families(m, list, n, options->max_tokens);
    pb_status status = run_batches(m, s, n, options, work, err);
    for (size_t i = 0; i < n && status; i++)
        asking_free(&list[i]);
    free(s);
    return status;
}

/* ---- one question ---- */

static void keep_top(answer *a, const next_token *next, size_t vocab, size_t top)
{
    double *prob = mem_new(vocab, sizeof *prob);
    for (size_t i = 0; i < vocab; i++)
        prob[i] = exp(next_logprob(next, (int32_t)i));
    a->top_count = top < vocab ? top : vocab;
    a->top = mem_new(a->top_count, sizeof *a->top);
    a->top_prob = mem_new(a->top_count, sizeof *a->top_prob);
    score_top(prob, vocab, a->top_count, a->top);
    for (size_t i = 0; i < a->top_count; i++)
        a->top_prob[i] = prob[a->top[i]];
    free(prob);
}

pb_status ask_run(answer *a, question *q, size_t max_tokens, size_t top, size_t memory, pb_error *err)
{
    asking one = {.q = q};
    ask_options options = {.max_tokens = max_tokens, .keep_next = true, .memory = memory};
    replay_work work = {0};
    *a = (answer){0};
    TRY(ask_many(q->model, &one, 1, &options, &work, err));
    *a = (answer){.ids = one.ids, .count = one.count};
    one.ids = NULL;
    keep_top(a, &one.next, q->model->decoder.config.vocab, top);
    asking_free(&one);
    return PB_OK;
}

void answer_free(answer *a)
{
    free(a->ids);
    free(a->top);
    free(a->top_prob);
    *a = (answer){0};
}
