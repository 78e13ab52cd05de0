/* ask.c: see ask.h.
 *
 * Questions whose prompts begin with the same rows under the same weights are a family: what they have in common is one
 * recording, and each question's own rows rest on it. What memory holds of them at a time (ask_layout.c) is a batch (ask_batch.c). */
#include "method/ask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/ask_parts.h"
#include "method/ask_plan.h"
#include "method/score.h"

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

static bool same_rows(const question *a, const question *b, size_t first, size_t end)
{
    size_t D = a->model->decoder.config.d_model;
    return memcmp(a->input + first * D, b->input + first * D, (end - first) * D * sizeof(float)) == 0;
}

/* The same weights, and the same rows to the end of the picture (which is looked at first: it tells pictures apart at
 * once). */
static bool of_one_family(const asking *a, const asking *b)
{
    size_t head = prompt_picture_end(&a->q->prompt), seen = a->q->prompt.image_first;
    return a->terms == b->terms && a->term_count == b->term_count && head == prompt_picture_end(&b->q->prompt) &&
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

/* What the members of a family, which stand together, begin with: never the last row, which is read. */
static void find_common_rows(speaker *members, size_t count)
{
    size_t rows = members[0].a->q->last;
    for (size_t i = 1; i < count; i++) {
        const question *q = members[i].a->q;
        rows = common_rows(members[0].a->q, q, rows < q->last ? rows : q->last);
    }
    for (size_t i = 0; i < count; i++)
        members[i].common = rows;
}

bool ask_keeps_run(const speaker *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].a->keep_run && members[i].a->term_count == 0)
            return true;
    return false;
}

/* What an earlier run has is not run again: rows of which something is tapped are. */
static const recording *earlier_base(const speaker *members, size_t count, const earlier_runs *earlier, size_t *rows)
{
    const speaker *s = &members[0];
    size_t most = s->common;
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < members[i].a->tap_count; t++)
            most = members[i].a->taps[t].position < most ? members[i].a->taps[t].position : most;
    const recording *base = s->a->term_count ? NULL : earlier_find(earlier, s->a->q, most, rows);
    /* each member runs what is missing: not worth it where they have much more in common */
    return base && (s->common - *rows) * count <= s->common ? base : NULL;
}

/* Decides what the members of a family share. */
static void share_rows(speaker *members, size_t count, const earlier_runs *earlier)
{
    size_t rows = 0;
    const recording *base = earlier_base(members, count, earlier, &rows);
    bool together = count > 1 || (earlier && ask_keeps_run(members, count));
    for (size_t i = 0; i < count; i++) {
        members[i].base = base;
        members[i].shared = base ? rows : together ? members[i].common : 0;
    }
}

static void share_all_rows(speaker *s, size_t n, const earlier_runs *earlier)
{
    for (size_t i = 0, count; i < n; i += count) {
        count = ask_family_length(s + i, n - i);
        share_rows(s + i, count, earlier);
    }
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
                s[count] = ask_speaker(&m->decoder, kin, list[k].q->last + 1, max_tokens);
                s[count++].a = &list[k];
                taken[k] = true;
            }
        find_common_rows(s + first, count - first);
        kin++;
    }
    free(taken);
    return s;
}

/* ---- batches ---- */

/* What does not depend on the number of questions, where the longest has so many rows. */
static size_t fixed_bytes(const decoder *m, size_t n, size_t longest)
{
    size_t rows = n < ask_rows_at_once(m) ? n : ask_rows_at_once(m);
    return replay_fixed_bytes(m, longest) + score_bytes(m, rows, 1) + rows * m->config.vocab * sizeof(float);
}

/* Bytes that a batch may hold, and what the largest question takes of them. */
typedef struct batch_room {
    size_t bytes, largest;
} batch_room;

/* An error when there is no room for one of the questions. */
static pb_status find_room(const model *m, const speaker *s, size_t n, const ask_options *options, batch_room *room,
                           pb_error *err)
{
    const decoder_config *c = &m->decoder.config;
    size_t longest = 0, bytes;
    *room = (batch_room){0};
    for (size_t i = 0; i < n; i++) {
        size_t end = s[i].end + s[i].most;
        room->largest = ask_bytes(c, &s[i]) > room->largest ? ask_bytes(c, &s[i]) : room->largest;
        longest = end > longest ? end : longest;
    }
    size_t fixed = options->taken + fixed_bytes(&m->decoder, n, longest);
    bytes = fixed + room->largest;
    for (size_t i = 0; i < n; i++)
        bytes = question_needs(s[i].a->q, bytes);
    TRY(question_fits(bytes, options->memory, n == 1 ? "this question" : "the largest of these questions", err));
    room->bytes = question_budget(options->memory) - fixed;
    return PB_OK;
}

/* What is left beside the earlier runs, which are dropped when that is too little. */
static size_t bytes_left(const batch_room *room, earlier_runs *earlier)
{
    if (!earlier)
        return room->bytes;
    if (earlier->bytes > room->bytes - room->largest)
        earlier_free(earlier);
    return room->bytes - earlier->bytes;
}

/* ---- asking ---- */

static pb_status run_batches(model *m, speaker *s, size_t n, const ask_options *options, replay_work *work,
                             pb_error *err)
{
    const decoder_config *c = &m->decoder.config;
    batch_room room;
    share_all_rows(s, n, NULL);
    TRY(find_room(m, s, n, options, &room, err));
    for (size_t i = 0, count; i < n; i += count) {
        size_t bytes = bytes_left(&room, options->earlier);
        share_all_rows(s + i, n - i, options->earlier);
        if (ask_bytes(c, &s[i]) > bytes) /* no room for a run that is to be kept */
            share_all_rows(s + i, n - i, NULL);
        count = ask_batch_length(c, s + i, n - i, bytes);
        ask_batch b = {.m = m, .options = options, .work = work, .speakers = s + i, .count = count, .asked = (double)i};
        TRY(ask_batch_run(&b, err));
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

void answer_keep_top(answer *a, const next_token *next, size_t vocab, size_t top)
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

/* What it will take, with an answer of a few tokens, and the room that one of all of them would have. */
static pb_status announce(question *q, size_t max_tokens, const pb_run_options *run, pb_error *err)
{
    const decoder *m = &q->model->decoder;
    speaker s = ask_speaker(m, 0, q->last + 1, max_tokens);
    ask_planned planned = {.prompt = &q->prompt, .image = q->image_path};
    run_plan plan = {.question = q, .wave_bytes = SIZE_MAX,
                     .working_bytes = ask_bytes(&m->config, &s) + fixed_bytes(m, 1, s.end + s.most)};
    ask_plan_add(&plan, &planned, 1, ask_plan_tokens(max_tokens), run->memory);
    pb_status status = run_plan_announce(&plan, 1, "question", run, err);
    run_plan_free(&plan);
    return status;
}

pb_status ask_run(answer *a, question *q, size_t max_tokens, size_t top, const pb_run_options *run, pb_error *err)
{
    const pb_run_options usual = {0};
    run = run ? run : &usual;
    asking one = {.q = q};
    ask_options options = {.max_tokens = max_tokens, .keep_next = true, .memory = run->memory};
    replay_work work = {0};
    *a = (answer){0};
    if (run->progress)
        TRY(announce(q, max_tokens, run, err));
    TRY(ask_many(q->model, &one, 1, &options, &work, err));
    *a = (answer){.ids = one.ids, .count = one.count};
    one.ids = NULL;
    answer_keep_top(a, &one.next, q->model->decoder.config.vocab, top);
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
