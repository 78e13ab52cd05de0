/* foresee.c: what a sweep will take, said before it begins. See job.h.
 *
 * One question is opened and looked at as its method would; what all questions take is as much more as their work is by
 * their texts (units.c). Asking is counted apart, since pictures that several questions are about are shared there;
 * edits, which ask for themselves, are looked at as many at a time as are made together. Questions that will turn out
 * to be answered wrongly count like others. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/earlier.h"
#include "method/subjects.h"
#include "sweep/job.h"

enum {
    TOKENS = 6,       /* of an answer, about */
    WALKS_A_UNIT = 3, /* over the layers: asking, reference runs, cells; answers' tokens have few rows */
    PICTURE_NUMBERS = 3 * 336 * 336, /* of one as the tower gets it */
};

/* Pictures that the job's questions are about. */
static size_t count_pictures(const sweep_job *j)
{
    const char **names = mem_new(j->count, sizeof *names);
    size_t *number = mem_new(j->count, sizeof *number), pictures = 0;
    for (size_t i = 0; i < j->count; i++)
        names[i] = j->rows.items[i].asked.image ? j->rows.items[i].asked.image : "";
    subjects_number(names, j->count, number);
    for (size_t i = 0; i < j->count; i++)
        pictures = number[i] + 1 > pictures ? number[i] + 1 : pictures;
    free(names);
    free(number);
    return pictures;
}

static double flop_of_rows(const decoder *m, double n)
{
    return n * (double)m->config.layers * decoder_layer_flop(&m->config);
}

/* What the method does with one question once it has been asked: with what it begins with there,
 * it is not run again. */
static pb_status method_part(sweep_job *j, sweep_item *item, double *flop, size_t *reads, pb_error *err)
{
    const question *q = &item->q;
    const sweep_method *method = sweep_method_of(&j->options);
    recording asked = {.end = q->length, .sites_first = q->length};
    earlier_run run = {&asked, q->input};
    const earlier_runs earlier = {.items = &run, .count = 1};
    run_plan plan = {.question = &item->q};
    *flop = 0;
    if (!method->foresee)
        return PB_OK;
    item->q.earlier = &earlier;
    pb_status status = method->foresee(j, item, &plan, err);
    item->q.earlier = NULL;
    *flop = plan.forks.flop + plan.tower;
    *reads = plan.reads;
    run_plan_free(&plan);
    return status;
}

/* All that is left to do. */
typedef struct sweep_left {
    size_t missing, processes;
    double share;    /* of the work of all to that of the question that is looked at */
    double pictures; /* that they are about */
} sweep_left;

/* Questions are asked, and then each goes through its method. */
static pb_status plan_asked(sweep_job *j, sweep_item *item, const sweep_left *l, run_plan *plan)
{
    const decoder *m = &j->model->decoder;
    const question *q = &item->q;
    size_t reads = 0, walks = WALKS_A_UNIT * ((l->missing + UNIT_MOST - 1) / UNIT_MOST);
    double flop, n = (double)l->missing, shared = (double)(q->prompt.image_first + q->prompt.image_count);
    TRY(method_part(j, item, &flop, &reads, NULL));
    double ask = flop_of_rows(m, l->pictures * shared + n * ((double)q->length - shared + TOKENS));
    plan->reads = l->missing * (reads + TOKENS);
    plan->tower = question_vision_flop(q) * (l->pictures > 1 ? l->pictures - 1 : 0); /* its own has been through */
    replay_plan_add_walk(&plan->forks, m, walks * m->config.layers, flop * l->share + ask, 0, 1);
    plan->forks.waves = walks;
    return PB_OK;
}

/* A method that asks for itself says it of questions that go together: each picture goes through the tower once, or,
 * where there are more than are kept, once for each of these. */
static pb_status plan_itself(sweep_job *j, sweep_item *item, const sweep_left *l, run_plan *plan)
{
    const question *q = &item->q;
    double all = question_vision_flop(q) * (l->pictures > 1 ? l->pictures - 1 : 0);
    size_t bytes = (q->prompt.image_count * j->model->decoder.config.d_model + PICTURE_NUMBERS) * sizeof(float);
    bool kept = l->pictures * (double)bytes < (double)(question_budget(j->options.run.memory) / 8);
    TRY(sweep_method_of(&j->options)->foresee(j, item, plan, NULL));
    plan->times *= l->share;
    plan->tower *= plan->times;
    plan->tower = kept && plan->tower > all ? all : plan->tower;
    return PB_OK;
}

static pb_status say(sweep_job *j, sweep_item *item, const sweep_left *l, pb_error *err)
{
    size_t budget = question_budget(j->options.run.memory);
    run_plan plan = {.question = &item->q, .wave_bytes = budget, .working_bytes = budget, .processes = l->processes};
    /* a failure is the question's own, which the sweep will tell */
    pb_status failed = (sweep_method_of(&j->options)->asks ? plan_itself : plan_asked)(j, item, l, &plan);
    pb_status status = failed ? PB_OK : run_plan_announce(&plan, l->missing, "question", &j->options.run, err);
    run_plan_free(&plan);
    return status;
}

pb_status sweep_announce(sweep_job *j, size_t first, size_t missing, double work, size_t processes, pb_error *err)
{
    sweep_item item = {.row = first};
    sweep_left left = {.missing = missing, .processes = processes, .share = work / j->work[first],
                       .pictures = (double)missing * (double)count_pictures(j) / (double)j->count};
    if (!j->options.run.progress || sweep_ask(&item.asked, j, first, NULL))
        return PB_OK;
    pb_status status = PB_OK;
    if (!question_open_shared(&item.q, j->model, &item.asked.question, &j->pictures, NULL)) {
        status = say(j, &item, &left, err);
        question_free(&item.q);
    }
    sweep_asked_free(&item.asked);
    return status;
}
