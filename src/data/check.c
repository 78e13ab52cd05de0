/* check.c: see check.h. */
#include "data/check.h"

#include <stdlib.h>

#include "data/rows.h"
#include "image/image.h"
#include "method/question.h"

typedef struct checker {
    tally *tally;
    model *model; /* NULL: none */
    const char *template_name;
    json_t *pictures; /* {"path": what is wrong with it, or null}: each is decoded once */
} checker;

/* What is wrong with a picture; NULL: nothing. */
static const char *picture_problem(checker *c, const char *path)
{
    if (!json_object_get(c->pictures, path)) {
        pb_error err;
        image im;
        pb_status status = image_load(&im, path, &err);
        if (!status)
            image_free(&im);
        json_object_set_new_nocheck(c->pictures, path, status ? json_string_nocheck(err.message) : json_null());
    }
    return json_string_value(json_object_get(c->pictures, path));
}

static pb_status try_tokens(const checker *c, const row_question *q, pb_error *err)
{
    const pb_question asked = {.image = q->image, .question = q->question, .prefill = q->prefill,
                               .constraints = q->constraints, .constraint_count = q->constraint_count,
                               .constraint_starts = q->starts, .template_name = c->template_name};
    return question_check(c->model, &asked, 0, err);
}

/* A question's first problem, which `text` keeps; NULL: it has none. */
static const char *question_problem(checker *c, const row_question *q, pb_error *text)
{
    const char *problem = q->image ? picture_problem(c, q->image) : NULL;
    if (!problem && c->model && try_tokens(c, q, text))
        problem = text->message;
    return problem;
}

static const char *row_problem(checker *c, const row *r, pb_error *text)
{
    const char *problem = r->problem ? r->problem : question_problem(c, &r->asked, text);
    for (size_t i = 0; i < r->rephrasing_count && !problem; i++)
        problem = question_problem(c, &r->rephrasings[i], text);
    return problem;
}

static void check_row(checker *c, const row *r)
{
    pb_error text;
    if (r->marked) {
        tally_mark(c->tally, r->marked);
        return;
    }
    tally_kept(c->tally);
    const char *problem = row_problem(c, r, &text);
    if (problem)
        tally_problem(c->tally, r->line, r->id, problem);
}

pb_status check_run(tally *t, const char *path, model *m, const char *template_name, const pb_run_options *run,
                    pb_error *err)
{
    rows r;
    tally_open(t, path);
    TRY(rows_read(&r, path, ROWS_ALL, err));
    checker c = {.tally = t, .model = m, .template_name = template_name, .pictures = json_object()};
    for (size_t i = 0; i < r.count; i++) {
        check_row(&c, &r.items[i]);
        if (run->progress)
            run->progress(run->context, "checking", (double)(i + 1), (double)r.count);
    }
    size_t wrong = json_array_size(t->problems);
    buffer_printf(&t->words,
                  wrong ? "%zu of the %zu rows kept have a problem\n" : "nothing is wrong with the rows kept\n", wrong,
                  t->kept);
    json_decref(c.pictures);
    rows_free(&r);
    return PB_OK;
}
