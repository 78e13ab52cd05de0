/* ask_batch.c: questions that are asked together. See ask_parts.h.
 *
 * The prompts are forks of one replay, those of a family resting on one more, of what they share. Then the answers grow
 * a token at a time: the next rows of all that go on are forks of one row, each recorded behind what it rests on. */
#include "method/ask_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/score.h"

enum { READ_BYTES = 64 << 20 }; /* logits held at a time: rows enough to read the unembedding seldom */

size_t ask_rows_at_once(const decoder *m)
{
    size_t rows = READ_BYTES / (m->config.vocab * sizeof(float));
    return rows ? rows : 1;
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

static pb_status read_rows(const ask_batch *b, speaker *const *s, readout *rows, size_t n, pb_error *err)
{
    size_t V = b->m->decoder.config.vocab;
    TRY(score_read(&b->m->decoder, rows, n, err));
    b->work->flop += (double)n * decoder_readout_flop(&b->m->decoder.config);
    for (size_t i = 0; i < n; i++) {
        if (!b->grows && b->options->keep_next)
            TRY(keep_next(s[i], &rows[i], V, err));
        say(b->m, s[i], rows[i].logits);
    }
    return PB_OK;
}

/* Reads the forks' last rows, some at a time, their logits in room [at_once][V]. */
static pb_status read_forks(const ask_batch *b, replay_fork *const *forks, size_t count, float *room, pb_error *err)
{
    size_t V = b->m->decoder.config.vocab, at_once = ask_rows_at_once(&b->m->decoder), n = 0;
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
    const ask_batch *b = context;
    size_t V = b->m->decoder.config.vocab, at_once = ask_rows_at_once(&b->m->decoder);
    float *room;
    TRY(mem_try(&room, count < at_once ? count : at_once, V * sizeof *room, "logits", err));
    pb_status status = read_forks(b, forks, count, room, err);
    free(room);
    return status;
}

static void batch_progress(void *context, double share)
{
    const ask_batch *b = context;
    if (b->options->progress && !b->grows)
        b->options->progress(b->options->context, b->asked + share * (double)b->count);
}

/* All rows fit: a batch is made so. */
static pb_status run_forks(ask_batch *b, size_t count, pb_error *err)
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

/* Adds the fork of what a family's members share; *run: its recording. */
static pb_status add_shared(ask_batch *b, const speaker *members, size_t count, size_t *forks, const recording **run,
                            pb_error *err)
{
    shared_run *shared = &b->shared[b->shared_count++];
    size_t end = members[0].shared;
    *shared = (shared_run){.q = members[0].a->q, .kept = b->options->earlier && ask_keeps_run(members, count)};
    TRY(recording_new(&shared->run, &b->m->decoder.config, NULL, 0, end, end, err));
    replay_fork f = prompt_fork(members[0].a, NULL, 0, end);
    f.record = shared->run;
    f.taps = shared_taps(members, count, &f.tap_count);
    b->forks[(*forks)++] = f;
    *run = shared->run;
    return PB_OK;
}

/* Adds the forks of one family: of what its members share, if they do and it has not been run, and of each. */
static pb_status add_family(ask_batch *b, speaker *members, size_t count, size_t *forks, pb_error *err)
{
    const decoder_config *c = &b->m->decoder.config;
    const recording *base = members[0].base;
    if (count == 1 && !base && !ask_keeps_run(members, count))
        members[0].shared = 0;
    if (members[0].shared && !base)
        TRY(add_shared(b, members, count, forks, &base, err));
    for (size_t i = 0; i < count; i++) {
        speaker *s = &members[i];
        replay_fork f = prompt_fork(s->a, base, s->shared, s->end);
        f.read_first = s->end - 1;
        if (ask_is_recorded(s)) {
            TRY(recording_new(&s->run, c, base, s->shared, ask_run_end(s), ask_run_end(s), err));
            f.record = s->run;
        }
        b->of_fork[*forks] = s;
        b->forks[(*forks)++] = f;
    }
    return PB_OK;
}

static pb_status run_prompts(ask_batch *b, pb_error *err)
{
    size_t forks = 0;
    pb_status status = PB_OK;
    for (size_t i = 0, n; i < b->count && !status; i += n) {
        n = ask_family_length(b->speakers + i, b->count - i);
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
static pb_status add_token(ask_batch *b, speaker *s, float *row, replay_fork *f, pb_error *err)
{
    size_t end = s->end + s->a->count;
    *f = (replay_fork){.base = s->run, .first = end - 1, .end = end, .input = row, .record = s->run,
                       .read_first = end - 1, .terms = s->a->terms, .term_count = s->a->term_count};
    return decoder_embed(&b->m->decoder, &s->a->ids[s->a->count - 1], 1, row, err);
}

/* A token more of every answer that goes on; *count: how many do. */
static pb_status grow(ask_batch *b, float *rows, size_t *count, pb_error *err)
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

static pb_status run_answers(ask_batch *b, pb_error *err)
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

/* Hands on what is wanted later, as far as there is room. */
static void keep_runs(ask_batch *b)
{
    for (size_t i = 0; i < b->shared_count; i++)
        if (b->shared[i].kept && earlier_keep(b->options->earlier, b->shared[i].run, b->shared[i].q))
            b->shared[i].run = NULL;
}

static void batch_free(ask_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        recording_free(b->speakers[i].run);
        b->speakers[i].run = NULL;
    }
    for (size_t i = 0; i < b->shared_count; i++)
        recording_free(b->shared[i].run);
    free(b->shared);
    free(b->forks);
    free(b->of_fork);
}

pb_status ask_batch_run(ask_batch *b, pb_error *err)
{
    b->forks = mem_new(2 * b->count, sizeof *b->forks);
    b->of_fork = mem_new(2 * b->count, sizeof *b->of_fork);
    b->shared = mem_new(b->count, sizeof *b->shared);
    for (size_t i = 0; i < b->count; i++)
        b->speakers[i].a->ids = mem_new(b->speakers[i].most, sizeof(int32_t));
    pb_status status = run_prompts(b, err);
    if (!status)
        status = run_answers(b, err);
    if (!status)
        keep_runs(b);
    batch_free(b);
    return status;
}
