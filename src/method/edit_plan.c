/* edit_plan.c: what edits will take, said before: questions asked before and after, and the values found, or the steps of tuning.
 *
 * Of all questions the first request's stands for the others: it alone is opened. How long answers will be nobody knows. */
#include <stdlib.h>

#include "base/memory.h"
#include "engine/backward.h"
#include "method/edit_parts.h"
#include "method/edit_plan.h"
#include "method/measure_parts.h"
#include "method/run_plan.h"

enum { TOKENS = 8 }; /* of an answer, about */

typedef struct edit_planning {
    const edit_run_result *r;
    question *q;        /* the first request's */
    size_t key;         /* its key's position */
    run_plan plan;
} edit_planning;

/* So many questions through the decoder together, and their answers token by token. */
static void add_asking(edit_planning *p, size_t count)
{
    const question *q = p->q;
    const decoder *m = &q->model->decoder;
    size_t T = q->length;
    replay_fork *forks = mem_new(count, sizeof *forks);
    for (size_t i = 0; i < count; i++)
        forks[i] = (replay_fork){.end = T, .input = q->input, .read_first = T - 1};
    replay_plan_add(&p->plan.forks, m, forks, count, SIZE_MAX);
    replay_plan before = p->plan.forks;
    for (size_t i = 0; i < count; i++)
        forks[i] = (replay_fork){.first = T, .end = T + 1, .input = q->input, .read_first = T};
    replay_plan_add(&p->plan.forks, m, forks, count, SIZE_MAX);
    replay_plan_repeat(&p->plan.forks, &before, TOKENS - 2);
    p->plan.reads += count * TOKENS;
    free(forks);
}

/* Steps forward and backward of runs like f, which are read out forward, again, and backward. */
static void add_steps(edit_planning *p, replay_fork *f, size_t count)
{
    const edit_settings *s = &p->r->settings;
    const decoder *m = &p->q->model->decoder;
    replay_plan before = p->plan.forks;
    replay_fork *forks = mem_new(count, sizeof *forks);
    for (size_t i = 0; i < count; i++)
        forks[i] = *f;
    replay_plan_add(&p->plan.forks, m, forks, count, SIZE_MAX);
    replay_plan_add_backward(&p->plan.forks, m, forks, count, SIZE_MAX);
    if (s->steps)
        replay_plan_repeat(&p->plan.forks, &before, s->steps - 1);
    p->plan.reads += 3 * s->steps * count * (f->end - f->read_first);
    free(forks);
}

/* The clean runs from the key on, what comes before being there from asking, the questions that are to be kept, and the steps. */
static void add_values(edit_planning *p)
{
    const question *q = p->q;
    const edit_settings *s = &p->r->settings;
    const decoder *m = &q->model->decoder;
    size_t n = p->r->count, most = n > s->keep_count ? n : s->keep_count;
    replay_fork *forks = mem_new(most, sizeof *forks);
    recording own = {.first = p->key, .end = q->length, .sites_first = p->key};
    for (size_t i = 0; i < n; i++)
        forks[i] = (replay_fork){.first = p->key, .end = q->length, .input = q->input, .record = &own, .read_first = q->last};
    replay_plan_add(&p->plan.forks, m, forks, n, SIZE_MAX);
    for (size_t i = 0; i < s->keep_count; i++)
        forks[i] = (replay_fork){.end = q->length, .input = q->input, .read_first = q->length};
    replay_plan_add(&p->plan.forks, m, forks, s->keep_count, SIZE_MAX);
    row_edit put = {.site = SITE_MLP_OUT, .first_layer = s->end_layer - 1, .end_layer = s->end_layer, .positions = &p->key,
                    .position_count = 1};
    replay_fork step = {.first = p->key, .end = q->length, .edits = &put, .edit_count = 1, .record = &own,
                        .read_first = q->last};
    add_steps(p, &step, n);
    free(forks);
}

/* Whole runs from the lowest tuned layer on. Gradients of weights are not counted. */
static void add_tuning(edit_planning *p)
{
    const question *q = p->q;
    const edit_settings *s = &p->r->settings;
    size_t zero = 0;
    recording own = {.end = q->length};
    row_edit start = {.site = SITE_RESID_PRE, .first_layer = s->end_layer - 1, .end_layer = s->end_layer, .positions = &zero,
                      .position_count = 1};
    replay_fork f = {.end = q->length, .record = &own, .read_first = q->last, .input = q->input};
    if (s->scope == EDIT_MATRIX && s->end_layer > 1) {
        f.input = NULL;
        f.edits = &start;
        f.edit_count = 1;
    }
    add_steps(p, &f, p->r->count);
}

static void add_all(edit_planning *p, bool layers)
{
    const measure_state *x = p->r->measured.state;
    const edit_settings *s = &p->r->settings;
    add_asking(p, x->entry_count);
    replay_plan before = p->plan.forks;
    size_t reads = p->plan.reads, times = layers ? s->end_layer - s->first_layer : 1;
    s->method == EDIT_MULTEDIT ? add_values(p) : add_tuning(p);
    add_asking(p, s->together ? x->entry_count : x->use_count);
    replay_plan_repeat(&p->plan.forks, &before, times - 1);
    p->plan.reads += (times - 1) * (p->plan.reads - reads);
}

static pb_status plan(edit_planning *p, bool layers, const pb_run_options *run, pb_error *err)
{
    const edit_run_result *r = p->r;
    question *q = p->q;
    const decoder *m = &q->model->decoder;
    TRY(question_set_answer(q, r->targets[0], r->whole_target ? r->target_counts[0] : 1, err));
    if (r->settings.method == EDIT_MULTEDIT)
        TRY(edit_find_key(&r->settings, q, 0, &p->key, err));
    p->plan = (run_plan){.question = q, .wave_bytes = SIZE_MAX};
    add_all(p, layers);
    p->plan.working_bytes = backward_fixed_bytes(m, q->length) + p->plan.forks.largest * m->config.d_model * sizeof(float) +
                            r->count * 2 * recording_bytes(&m->config, 0, q->length, p->key);
    size_t budget = question_budget(r->settings.memory);
    p->plan.working_bytes = p->plan.working_bytes < budget ? p->plan.working_bytes : budget;
    pb_status status = run_plan_announce(&p->plan, r->count, "edit", run, err);
    run_plan_free(&p->plan);
    return status;
}

pb_status edit_announce(edit_run_result *r, model *m, bool layers, pb_error *err)
{
    measure *x = &r->measured;
    const pb_run_options run = {.progress = x->plan.progress, .context = x->plan.context};
    question q;
    edit_planning p = {.r = r, .q = &q};
    if (!run.progress || r->count == 0)
        return PB_OK;
    TRY(question_open_shared(&q, m, &r->requests[0].question.asked, measure_pictures(x), err));
    pb_status status = plan(&p, layers, &run, err);
    question_free(&q);
    return status;
}
