/* unit.c: the questions of one unit: opened together, asked together, and then each by its method. See sweep.h.
 *
 * They share a picture, so its rows come from the tower once, and what their prompts begin with is run once: the keys and values
 * that asking them leaves behind (earlier.h) are what each one's clean run rests on. Where products keep a row's bits, every number
 * is the one that the question gives by itself, to the bit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/process.h"
#include "method/vqa.h"
#include "sweep/job.h"

enum { ANSWER_TOKENS = 16 }; /* of an answer that is judged */

typedef struct unit_run {
    sweep_job *j;
    const sweep_sink *sink;
    sweep_item *items;    /* [count] those that are open */
    size_t count;
    earlier_runs earlier; /* what they begin with */
    replay_work work;     /* of asking them */
    double began, vision_before, seconds, flop; /* what opening and asking them took */
} unit_run;

/* ---- handing over ---- */

static pb_status put(const unit_run *u, size_t at, sweep_result *result, pb_error *err)
{
    result->r.question = sweep_job_question(u->j, at);
    pb_status status = u->sink->put(u->sink->context, &result->r, err);
    sweep_result_free(result);
    return status;
}

/* A question that ends here, for that reason. */
static pb_status put_ended(const unit_run *u, size_t at, const char *status, const char *reason, pb_error *err)
{
    sweep_result result = {.folder = u->j->folder, .r = {.correct = -1, .clean_prob = NAN, .corrupted_prob = NAN}};
    result_status(&result, status, reason);
    return put(u, at, &result, err);
}

/* A question's failure is recorded; where memory is missing, or weights, it is nobody's. */
static pb_status put_failed(const unit_run *u, size_t at, const pb_error *why, pb_error *err)
{
    TRY(model_check(u->j->model, err));
    if (why->code == PB_ENOMEM) {
        *err = *why;
        return why->code;
    }
    return put_ended(u, at, STORE_FAILED, why->message, err);
}

/* ---- opening ---- */

static void item_free(sweep_item *item)
{
    asking_free(&item->asking);
    question_free(&item->q);
    sweep_asked_free(&item->asked);
    buffer_free(&item->text);
}

static pb_status open_item(unit_run *u, size_t at, pb_error *why)
{
    sweep_item *item = &u->items[u->count];
    *item = (sweep_item){.row = at, .correct = -1};
    TRY(sweep_ask(&item->asked, u->j, at, why));
    pb_status status = question_open_shared(&item->q, u->j->model, &item->asked.question, &u->j->pictures, why);
    if (status)
        sweep_asked_free(&item->asked);
    else
        u->count++;
    return status;
}

/* Opens a question, or hands over why it is not. */
static pb_status open_or_put(unit_run *u, size_t at, pb_error *err)
{
    const row *r = &u->j->rows.items[at];
    pb_error why = {0};
    if (r->marked)
        return put_ended(u, at, STORE_MARKED, r->marked, err);
    if (r->problem)
        return put_ended(u, at, STORE_FAILED, r->problem, err);
    return open_item(u, at, &why) ? put_failed(u, at, &why, err) : PB_OK;
}

static pb_status open_all(unit_run *u, const size_t *questions, size_t count, pb_error *err)
{
    u->items = mem_new(count, sizeof *u->items);
    for (size_t i = 0; i < count; i++)
        TRY(open_or_put(u, questions[i], err));
    return PB_OK;
}

/* ---- asking ---- */

/* What is held beside the earlier runs while they are asked: inputs, logits, pictures. */
static size_t held_bytes(const unit_run *u)
{
    const decoder_config *c = &u->j->model->decoder.config;
    size_t length = 0;
    for (size_t i = 0; i < u->count; i++)
        length += u->items[i].q.length;
    return (length * c->d_model + u->count * c->vocab) * sizeof(float) + u->j->pictures.bytes;
}

static size_t answer_tokens_wanted(const sweep_job *j)
{
    return j->options.method == PB_SWEEP_ASK && j->options.max_tokens > ANSWER_TOKENS ? j->options.max_tokens : ANSWER_TOKENS;
}

/* Asks `count` of the items from `first` on. */
static pb_status ask_some(unit_run *u, size_t first, size_t count, pb_error *err)
{
    asking *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (asking){.q = &u->items[first + i].q, .keep_run = true};
    ask_options options = {.max_tokens = answer_tokens_wanted(u->j), .keep_next = true, .memory = u->j->options.run.memory,
                           .taken = held_bytes(u), .earlier = &u->earlier};
    pb_status status = ask_many(u->j->model, list, count, &options, &u->work, err);
    for (size_t i = 0; i < count && !status; i++)
        u->items[first + i].asking = list[i];
    free(list);
    return status;
}

/* Together; where that fails, each by itself, so that one question's failure is its own. */
static pb_status ask_all(unit_run *u, pb_error *err)
{
    pb_error why = {0};
    pb_status status = ask_some(u, 0, u->count, &why);
    if (status == PB_ENOMEM && u->count == 1)
        *err = why;
    if (!status || (status == PB_ENOMEM && u->count == 1))
        return status;
    for (size_t i = 0; i < u->count;) {
        status = ask_some(u, i, 1, &why);
        if (!status) {
            i++;
            continue;
        }
        TRY(put_failed(u, u->items[i].row, &why, err));
        item_free(&u->items[i]);
        memmove(&u->items[i], &u->items[i + 1], (--u->count - i) * sizeof *u->items);
    }
    return PB_OK;
}

/* ---- right or wrong ---- */

/* Accepted answers are those of the row; without any it is not known. */
static int judge(const row *r, const char *text)
{
    if (r->answer_count == 0)
        return -1;
    for (size_t i = 0; i < r->answer_count; i++)
        if (vqa_contains(text, r->answers[i]))
            return 1;
    return 0;
}

/* P of the token that the model would say first. */
static double first_prob(const sweep_item *item)
{
    size_t V = item->q.model->decoder.config.vocab, best = 0;
    const float *logits = item->asking.next.logits;
    for (size_t i = 1; i < V; i++)
        best = logits[i] > logits[best] ? i : best;
    return exp(next_logprob(&item->asking.next, (int32_t)best));
}

static void hear(unit_run *u, sweep_item *item)
{
    const asking *a = &item->asking;
    size_t judged = a->count < ANSWER_TOKENS ? a->count : ANSWER_TOKENS;
    buffer_text(&item->text, "");
    tokenizer_decode(u->j->model->tokenizer, a->ids, judged, true, &item->text);
    item->correct = judge(&u->j->rows.items[item->row], item->text.data);
}

/* ---- one question ---- */

/* What the budget leaves for it. */
static size_t memory_left(const unit_run *u)
{
    size_t budget = question_budget(u->j->options.run.memory), held = held_bytes(u) + u->earlier.bytes;
    return budget > held ? budget - held : 1;
}

/* Its cost counts from here on, without what it shares. */
static void begin_cost(sweep_item *item)
{
    const model *m = item->q.model;
    item->q.began = clock_now();
    item->q.flop_before = m->vision ? vision_flop(m->vision) : 0;
}

static pb_status run_item(unit_run *u, sweep_item *item, pb_error *err)
{
    const sweep_method *method = sweep_method_of(&u->j->options);
    const char *said = item->text.data + strspn(item->text.data, " ");
    sweep_result result = {.folder = u->j->folder,
                           .r = {.correct = item->correct, .answer = said, .clean_prob = NAN, .corrupted_prob = NAN}};
    pb_error why = {0};
    begin_cost(item);
    item->q.earlier = &u->earlier;
    if (item->correct == 0 && method->skips_wrong && !u->j->options.include_wrong) {
        result_status(&result, STORE_WRONG, NULL);
        result.r.clean_prob = first_prob(item);
    } else if (method->run(u->j, item, memory_left(u), &result, &why)) {
        sweep_result_free(&result);
        return put_failed(u, item->row, &why, err);
    } else {
        result_status(&result, STORE_DONE, NULL);
    }
    result.r.seconds = clock_now() - item->q.began + u->seconds;
    result.r.flop += u->flop;
    return put(u, item->row, &result, err);
}

/* What opening and asking them took, in equal parts. */
static void share_cost(unit_run *u)
{
    const model *m = u->j->model;
    double tower = m->vision ? vision_flop(m->vision) - u->vision_before : 0;
    u->seconds = (clock_now() - u->began) / (double)u->count;
    u->flop = (u->work.flop + tower) / (double)u->count;
}

static pb_status run_unit(unit_run *u, const size_t *questions, size_t count, pb_error *err)
{
    TRY(open_all(u, questions, count, err));
    if (u->count == 0 || interrupted())
        return PB_OK;
    TRY(ask_all(u, err));
    share_cost(u);
    for (size_t i = 0; i < u->count && !interrupted(); i++) {
        hear(u, &u->items[i]);
        TRY(run_item(u, &u->items[i], err));
    }
    return PB_OK;
}

/* Earlier runs get a quarter of the memory, unused pictures an eighth. */
pb_status sweep_unit_run(sweep_job *j, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err)
{
    size_t budget = question_budget(j->options.run.memory);
    unit_run u = {.j = j, .sink = sink, .earlier = {.limit = budget / 4}, .began = clock_now()};
    pb_error own = {0};
    if (count == 0)
        return PB_OK;
    j->pictures.limit = budget / 8;
    u.vision_before = j->model->vision ? vision_flop(j->model->vision) : 0;
    pb_status status = run_unit(&u, questions, count, err ? err : &own);
    for (size_t i = 0; i < u.count; i++)
        item_free(&u.items[i]);
    free(u.items);
    earlier_free(&u.earlier);
    return status;
}
