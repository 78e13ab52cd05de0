/* rows.c: files of requests and of evaluation questions, as the public structs. */
#include <stdlib.h>

#include "base/memory.h"
#include "data/rows.h"
#include "patchbay/patchbay.h"

_Static_assert(ROWS_ANYWHERE == SIZE_MAX, "the same in pb_question");

struct pb_edit_requests {
    rows rows;
    pb_edit_request *items; /* [rows.count] */
};

struct pb_eval_questions {
    rows rows;
    pb_eval_question *items; /* [rows.count] */
};

static pb_question question_of(const row_question *q)
{
    return (pb_question){.image = q->image, .question = q->question, .prefill = q->prefill,
                         .constraints = q->constraints, .constraint_count = q->constraint_count,
                         .constraint_starts = q->starts};
}

/* ---- requests ---- */

static pb_edit_request request_of(const row *r)
{
    pb_question *rephrasings = mem_new(r->rephrasing_count, sizeof *rephrasings);
    for (size_t i = 0; i < r->rephrasing_count; i++)
        rephrasings[i] = question_of(&r->rephrasings[i]);
    return (pb_edit_request){.name = r->name, .id = r->id, .subject = r->subject, .question = question_of(&r->asked),
                             .target = r->target, .rephrasings = rephrasings, .rephrasing_count = r->rephrasing_count,
                             .answers = r->answers, .answer_count = r->answer_count};
}

pb_status pb_edit_requests_read(pb_edit_requests **out, const char *path, pb_error *err)
{
    rows read;
    *out = NULL;
    TRY(rows_read(&read, path, ROWS_REQUESTS, err));
    pb_edit_requests *r = mem_new(1, sizeof *r);
    r->rows = read;
    r->items = mem_new(read.count, sizeof *r->items);
    for (size_t i = 0; i < read.count; i++)
        r->items[i] = request_of(&read.items[i]);
    *out = r;
    return PB_OK;
}

const pb_edit_request *pb_edit_requests_all(const pb_edit_requests *requests, size_t *count)
{
    *count = requests->rows.count;
    return requests->items;
}

void pb_edit_requests_free(pb_edit_requests *requests)
{
    if (!requests)
        return;
    for (size_t i = 0; i < requests->rows.count; i++)
        free((void *)(size_t)requests->items[i].rephrasings);
    free(requests->items);
    rows_free(&requests->rows);
    free(requests);
}

/* ---- evaluation questions ---- */

pb_status pb_eval_questions_read(pb_eval_questions **out, const char *path, pb_error *err)
{
    rows read;
    *out = NULL;
    TRY(rows_read(&read, path, ROWS_QUESTIONS, err));
    pb_eval_questions *q = mem_new(1, sizeof *q);
    q->rows = read;
    q->items = mem_new(read.count, sizeof *q->items);
    for (size_t i = 0; i < read.count; i++) {
        const row *r = &read.items[i];
        q->items[i] = (pb_eval_question){.name = r->name, .id = r->id, .subject = r->subject,
                                         .question = question_of(&r->asked), .answers = r->answers,
                                         .answer_count = r->answer_count};
    }
    *out = q;
    return PB_OK;
}

const pb_eval_question *pb_eval_questions_all(const pb_eval_questions *questions, size_t *count)
{
    *count = questions->rows.count;
    return questions->items;
}

size_t pb_eval_questions_marked(const pb_eval_questions *questions)
{
    return questions->rows.marked;
}

void pb_eval_questions_free(pb_eval_questions *questions)
{
    if (!questions)
        return;
    free(questions->items);
    rows_free(&questions->rows);
    free(questions);
}
