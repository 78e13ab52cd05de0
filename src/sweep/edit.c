/* edit.c: each row of a sweep as a request for an edit, found and measured by itself: what edit.json says, and its
 * metrics. Several requests go through the layers together, and what all of them ask of the model as it is they ask
 * once.
 *
 * Neighbours and other pictures of a subject are drawn from the evaluation questions' pictures and those of all rows,
 * by the seed and the row's number: as `patchbay edit --requests` draws them for a file of these rows. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/edit_choice.h"
#include "method/edit_plan.h"
#include "sweep/edit_parts.h"

/* Operations of the requests that are made together: a few minutes' of one machine. A signal or a crash loses them. */
static const double work_at_once = 4e13;

/* ---- one row ---- */

/* What the picture shows, where the row does not say: as an evaluation question about it says. */
static const char *subject_of(const sweep_job *j, const row *r, const char *picture_file)
{
    for (size_t i = 0; !r->subject && picture_file && i < j->options.eval_count; i++) {
        const measure_question *q = &j->edits->evaluation[i];
        if (q->subject && q->asked.image && strcmp(q->asked.image, picture_file) == 0)
            return q->subject;
    }
    return r->subject;
}

/* made[rephrasing_count] */
static measure_request request_of(sweep_job *j, const sweep_item *item, measure_question *made)
{
    const row *r = &j->rows.items[item->row];
    measure_request q = {.question = {.asked = item->asked.question, .name = r->id, .id = r->id, .answers = r->answers,
                                      .answer_count = r->answer_count},
                         .target = item->asked.target, .rephrasings = made, .rephrasing_count = r->rephrasing_count};
    q.question.asked.image = edits_resolve(j->edits, item->asked.question.image);
    q.question.subject = subject_of(j, r, q.question.asked.image);
    for (size_t i = 0; i < r->rephrasing_count; i++)
        made[i] = (measure_question){.asked = edits_question(j->edits, j, &r->rephrasings[i]),
                                     .subject = q.question.subject};
    return q;
}

/* ---- several together ---- */

/* Some requests on their way. */
typedef struct edits_batch {
    sweep_job *j;
    sweep_item **items;           /* [count] */
    sweep_outcome **out;          /* [count] */
    measure_request *requests;    /* [count] */
    measure_question **made;      /* [count] */
    size_t *numbers;              /* [count] */
    size_t count, memory;
} edits_batch;

/* What `count` requests of the batch from `first` on ask. */
static measure_plan measured_of(const edits_batch *b, size_t first, size_t count)
{
    const sweep_job *j = b->j;
    const edits_shared *e = j->edits;
    return (measure_plan){.requests = b->requests + first, .request_count = count, .numbers = b->numbers + first,
                          .pool = e->pool, .pool_count = e->pool_count, .evaluation = e->evaluation,
                          .evaluation_count = j->options.eval_count, .neighbours = j->options.edit.neighbours,
                          .seed = j->options.run.seed, .memory = b->memory, .pictures = &b->j->pictures};
}

/* Makes and measures `count` edits of the batch from `first` on; *refused as in edit_run_result. */
static pb_status run_requests(const edits_batch *b, size_t first, size_t count, size_t *refused, pb_error *err)
{
    sweep_job *j = b->j;
    edit_settings settings = j->edits->settings;
    const measure_plan plan = measured_of(b, first, count);
    edit_run_result r;
    settings.memory = b->memory;
    pb_status status = edit_run(&r, j->model, &plan, &settings, j->options.edit.whole_target, err);
    *refused = r.refused;
    for (size_t i = 0; i < count && !status; i++) {
        edit_run_result one = edit_run_one(&r, i);
        edit_keep_result(j, b->items[first + i], &one, &b->out[first + i]->result);
        edit_run_one_free(&one);
    }
    if (!status)
        edit_run_free(&r);
    return status;
}

static void end_request(const edits_batch *b, size_t i, pb_status status, const pb_error *why)
{
    b->out[i]->status = status;
    b->out[i]->why = *why;
}

/* Takes one of the batch's requests out. */
static void take_out(edits_batch *b, size_t at)
{
    free(b->made[at]);
    memmove(b->made + at, b->made + at + 1, (b->count - at - 1) * sizeof *b->made);
    memmove(b->requests + at, b->requests + at + 1, (b->count - at - 1) * sizeof *b->requests);
    memmove(b->numbers + at, b->numbers + at + 1, (b->count - at - 1) * sizeof *b->numbers);
    memmove(b->items + at, b->items + at + 1, (b->count - at - 1) * sizeof *b->items);
    memmove(b->out + at, b->out + at + 1, (b->count - at - 1) * sizeof *b->out);
    b->count--;
}

/* A request whose target makes no token, or is what the model says already, ends there, and the others go on; another
 * failure is that of one of them: each is made by itself. Where memory is missing they are fewer from now on. What is
 * told to stop is given up. */
static void run_batch(edits_batch *b)
{
    pb_error why = {0};
    size_t refused = 0;
    pb_status status = PB_OK;
    while (b->count && (status = run_requests(b, 0, b->count, &refused, &why)) && refused) {
        end_request(b, refused - 1, status, &why);
        take_out(b, refused - 1);
    }
    if (!status || b->count == 0)
        return;
    if (status == PB_ENOMEM && b->count > 1)
        b->j->edits->most = b->count / 2;
    bool apart = b->count > 1 && status != PB_EINTERRUPTED;
    for (size_t i = 0; i < b->count; i++) {
        if (apart)
            status = run_requests(b, i, 1, &refused, &why);
        if (status)
            end_request(b, i, status, &why);
    }
}

/* How many of the items are made together. */
static size_t batch_length(const sweep_job *j, sweep_item *const *items, size_t count)
{
    double work = 0;
    size_t n = 0;
    while (n < count && n < j->edits->most && (n == 0 || work + sweep_job_work(j, items[n]->row) <= work_at_once))
        work += sweep_job_work(j, items[n++]->row);
    return n;
}

/* Adds an item's request, or finds that its target makes no token. */
static void add_request(edits_batch *b, sweep_item *item, sweep_outcome *out)
{
    size_t tokens;
    out->status = edit_check_target(b->j->model, item->asked.target, &tokens, &out->why);
    if (out->status)
        return;
    b->made[b->count] = mem_new(b->j->rows.items[item->row].rephrasing_count, sizeof **b->made);
    b->requests[b->count] = request_of(b->j, item, b->made[b->count]);
    b->numbers[b->count] = item->row;
    b->items[b->count] = item;
    b->out[b->count++] = out;
}

static edits_batch batch_of(sweep_job *j, sweep_item *const *items, size_t n, size_t memory, sweep_outcome *out)
{
    edits_batch b = {.j = j, .items = mem_new(n, sizeof *b.items), .out = mem_new(n, sizeof *b.out),
                     .requests = mem_new(n, sizeof *b.requests), .made = mem_new(n, sizeof *b.made),
                     .numbers = mem_new(n, sizeof *b.numbers), .memory = memory};
    for (size_t i = 0; i < n; i++)
        add_request(&b, items[i], &out[i]);
    return b;
}

static void batch_free(edits_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        free(b->made[i]);
    free(b->items);
    free(b->out);
    free(b->requests);
    free(b->made);
    free(b->numbers);
}

size_t sweep_edit(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out)
{
    size_t n = batch_length(j, items, count);
    edits_batch b = batch_of(j, items, n, memory, out);
    run_batch(&b);
    batch_free(&b);
    return n;
}

/* ---- what it takes ---- */

/* Each step goes forward and backward from the key on; then all that is measured is asked twice. */
double sweep_edit_work(const sweep_job *j, size_t length, size_t behind)
{
    const pb_sweep_options *o = &j->options;
    double steps = (double)j->edits->settings.steps, asked = 2 * (double)(1 + o->edit.neighbours + o->eval_count);
    return decoder_rows_flop(j, 3 * steps * (double)behind + asked * (double)length);
}

/* The questions that would be made together with the first of them, as far as it is known which those are:
 * items[EDITS_AT_ONCE] with what is asked; returns how many. */
static size_t next_items(sweep_job *j, const sweep_item *first, sweep_item *items)
{
    size_t n = 0;
    for (size_t u = 0; u < j->unit_count; u++)
        for (size_t i = 0; i < j->units[u].count && n < EDITS_AT_ONCE; i++) {
            size_t at = j->units[u].questions[i];
            if (n == 0 && at != first->row)
                continue;
            items[n] = (sweep_item){.row = at};
            if (sweep_job_work(j, at) > 0 && !sweep_ask(&items[n].asked, j, at, NULL))
                n++;
        }
    return n;
}

/* The whole of a batch is planned, of which the first request takes its part. */
static pb_status foresee_batch(const edits_batch *b, run_plan *plan, pb_error *err)
{
    const sweep_job *j = b->j;
    double work = 0;
    size_t tokens = 1;
    edit_settings settings = j->edits->settings;
    settings.memory = b->memory;
    const measure_plan asked = measured_of(b, 0, b->count);
    if (b->count == 0)
        return fail(err, PB_EINVAL, "there is nothing to plan");
    if (j->options.edit.whole_target)
        TRY(edit_check_target(j->model, b->requests[0].target, &tokens, err));
    for (size_t i = 0; i < b->count; i++)
        work += sweep_job_work(j, b->items[i]->row);
    plan->times = sweep_job_work(j, b->items[0]->row) / work;
    return edit_foresee(plan, &asked, &settings, tokens, err);
}

pb_status sweep_edit_foresee(sweep_job *j, sweep_item *item, run_plan *plan, pb_error *err)
{
    sweep_item items[EDITS_AT_ONCE], *list[EDITS_AT_ONCE];
    sweep_outcome out[EDITS_AT_ONCE] = {0};
    size_t n = next_items(j, item, items);
    for (size_t i = 0; i < n; i++)
        list[i] = &items[i];
    edits_batch b = batch_of(j, list, batch_length(j, list, n), j->options.run.memory, out);
    pb_status status = foresee_batch(&b, plan, err);
    batch_free(&b);
    for (size_t i = 0; i < n; i++)
        sweep_asked_free(&items[i].asked);
    return status;
}
