/* unit.c: the questions of one unit: opened together, asked together, and then run by their method, some at a time. See sweep.h.
 *
 * Many share a picture, so its rows come from the tower once, and what their prompts begin with is run once: the keys and values
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

static sweep_result empty_result(const unit_run *u)
{
    return (sweep_result){.folder = u->j->folder, .r = {.correct = -1, .clean_prob = NAN, .corrupted_prob = NAN}};
}

/* A question that ends here, for that reason. */
static pb_status put_ended(const unit_run *u, size_t at, const char *status, const char *reason, pb_error *err)
{
    sweep_result result = empty_result(u);
    result_status(&result, status, reason);
    return put(u, at, &result, err);
}

/* Whether it says nothing of the question: where memory is missing, and where the sweep was told to stop. */
static bool is_nobodys(pb_status status)
{
    return status == PB_ENOMEM || status == PB_EINTERRUPTED;
}

/* A question's failure is recorded; where memory is missing, or weights, it is nobody's. */
static pb_status put_failed(const unit_run *u, size_t at, const pb_error *why, pb_error *err)
{
    TRY(model_check(u->j->model, err));
    if (is_nobodys(why->code)) {
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

/* ---- right or wrong ---- */

int sweep_judge(const row *r, const char *text)
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
    item->correct = sweep_judge(&u->j->rows.items[item->row], item->text.data);
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
    for (size_t i = 0; i < count && !status; i++) {
        u->items[first + i].asking = list[i];
        hear(u, &u->items[first + i]);
    }
    free(list);
    return status;
}

/* Together; where that fails, each by itself, so that one question's failure is its own. */
static pb_status ask_all(unit_run *u, pb_error *err)
{
    pb_error why = {0};
    pb_status status = ask_some(u, 0, u->count, &why);
    bool ends = status == PB_EINTERRUPTED || (status == PB_ENOMEM && u->count == 1);
    if (ends)
        *err = why;
    if (!status || ends)
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

/* ---- the method's part ---- */

/* Their cost counts from here on, without what they share. */
static void begin_cost(sweep_item *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const model *m = items[i]->q.model;
        items[i]->q.began = clock_now();
        items[i]->q.flop_before = m->vision ? vision_flop(m->vision) : 0;
    }
}

static pb_status put_result(const unit_run *u, sweep_item *item, const char *status, double seconds, sweep_result *result,
                            pb_error *err)
{
    result->r.correct = item->correct;
    result->r.answer = item->text.data ? item->text.data + strspn(item->text.data, " ") : NULL;
    result->r.seconds = seconds + u->seconds;
    result->r.flop += u->flop;
    result_status(result, status, NULL);
    return put(u, item->row, result, err);
}

/* Questions that are answered wrongly end here; left[*count]: the others. */
static pb_status put_wrong(unit_run *u, sweep_item **left, size_t *count, pb_error *err)
{
    const sweep_method *method = sweep_method_of(&u->j->options);
    *count = 0;
    for (size_t i = 0; i < u->count; i++) {
        sweep_item *item = &u->items[i];
        if (item->correct != 0 || !method->skips_wrong || u->j->options.include_wrong) {
            left[(*count)++] = item;
            continue;
        }
        sweep_result result = empty_result(u);
        result.r.clean_prob = first_prob(item);
        TRY(put_result(u, item, STORE_WRONG, 0, &result, err));
    }
    return PB_OK;
}

/* What came of some questions; after an error the rest of it is dropped, but not what others than those that were given up came to. */
static pb_status put_outcomes(const unit_run *u, sweep_item *const *items, sweep_outcome *out, size_t count, double seconds,
                              pb_error *err)
{
    pb_status status = PB_OK, given_up = PB_OK;
    for (size_t i = 0; i < count; i++) {
        if (out[i].status == PB_EINTERRUPTED)
            given_up = fail(err, PB_EINTERRUPTED, "%s", out[i].why.message);
        else if (!status && !out[i].status)
            status = put_result(u, items[i], STORE_DONE, seconds / (double)count, &out[i].result, err);
        else if (!status)
            status = put_failed(u, items[i]->row, &out[i].why, err);
        sweep_result_free(&out[i].result);
    }
    return status ? status : given_up;
}

/* Has the method take as many of the items as it will, with what the budget leaves for it; returns how many. */
static size_t take_some(unit_run *u, sweep_item *const *items, size_t count, sweep_outcome *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (sweep_outcome){.result = empty_result(u)};
        items[i]->q.earlier = &u->earlier;
    }
    begin_cost(items, count);
    size_t before = question_budget_hold(held_bytes(u) + u->earlier.bytes);
    size_t taken = sweep_method_of(&u->j->options)->run(u->j, items, count, u->j->options.run.memory, out);
    question_budget_hold(before);
    return taken;
}

static bool lacks_memory(const sweep_outcome *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (out[i].status == PB_ENOMEM)
            return true;
    return false;
}

/* The same; where the earlier runs are in its way, without them. */
static size_t run_some(unit_run *u, sweep_item *const *items, size_t count, sweep_outcome *out)
{
    size_t taken = take_some(u, items, count, out);
    if (!u->earlier.bytes || !lacks_memory(out, taken))
        return taken;
    for (size_t i = 0; i < taken; i++)
        sweep_result_free(&out[i].result);
    earlier_free(&u->earlier);
    return take_some(u, items, count, out);
}

/* Runs the items in parts, as many at a time as the method takes. What needs no more computing is done even when the sweep is to
 * stop: other parts are given up as soon as they begin. */
static pb_status run_items(unit_run *u, sweep_item *const *items, size_t count, pb_error *err)
{
    sweep_outcome *out = mem_new(count, sizeof *out);
    pb_status status = PB_OK;
    for (size_t at = 0, taken; at < count && !status; at += taken) {
        double begin = clock_now();
        taken = run_some(u, items + at, count - at, out);
        status = put_outcomes(u, items + at, out, taken, clock_now() - begin, err);
    }
    free(out);
    return status;
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
    if (u->count == 0)
        return PB_OK;
    if (!sweep_method_of(&u->j->options)->asks)
        TRY(ask_all(u, err));
    if (u->count == 0)
        return PB_OK;
    share_cost(u);
    size_t left;
    sweep_item **items = mem_new(u->count, sizeof *items);
    pb_status status = put_wrong(u, items, &left, err);
    if (!status)
        status = run_items(u, items, left, err);
    free(items);
    return status;
}

/* Earlier runs get a quarter of the memory, unused pictures an eighth. */
static pb_status run_section(sweep_job *j, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err)
{
    size_t budget = question_budget(j->options.run.memory);
    unit_run u = {.j = j, .sink = sink, .earlier = {.limit = budget / 4}, .began = clock_now()};
    j->pictures.limit = budget / 8;
    u.vision_before = j->model->vision ? vision_flop(j->model->vision) : 0;
    pb_status status = run_unit(&u, questions, count, err);
    for (size_t i = 0; i < u.count; i++)
        item_free(&u.items[i]);
    free(u.items);
    earlier_free(&u.earlier);
    return status;
}

/* How many of the questions are run together: about as many pictures as there is room for what questions about them begin with. */
static size_t section_length(const sweep_job *j, const size_t *questions, size_t count)
{
    enum { ROWS_AROUND = 32 }; /* of a template before and behind the picture */
    size_t length = ROWS_AROUND + (j->model->vision ? vision_rows(j->model->vision) : 0), n = 1;
    size_t room = question_budget(j->options.run.memory) / 4 / recording_bytes(&j->model->decoder.config, 0, length, length);
    for (size_t pictures = 1; n < count; n++) {
        const char *before = j->rows.items[questions[n - 1]].asked.image, *now = j->rows.items[questions[n]].asked.image;
        pictures += now && (!before || strcmp(before, now) != 0);
        if (pictures > 1 && pictures > room)
            break;
    }
    return n;
}

pb_status sweep_unit_run(sweep_job *j, const size_t *questions, size_t count, const sweep_sink *sink, pb_error *err)
{
    pb_error own = {0};
    pb_status status = PB_OK;
    for (size_t i = 0, n; i < count && !status && !stop_wanted(); i += n) {
        n = section_length(j, questions + i, count - i);
        status = run_section(j, questions + i, n, sink, err ? err : &own);
    }
    return status == PB_EINTERRUPTED ? PB_OK : status;
}
