/* foresee.c: what a sweep will take, said before it begins. See job.h.
 *
 * One question is opened and looked at as its method would; what all questions take is as much more as their work is by their texts
 * (units.c). Asking is counted apart, since pictures that several questions are about are shared there. Questions that will turn out
 * to be answered wrongly count like others. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/earlier.h"
#include "method/subjects.h"
#include "sweep/job.h"

enum {
    TOKENS = 6,       /* of an answer, about */
    WALKS_A_UNIT = 3, /* over the layers: asking, reference runs, cells; answers' tokens have few rows */
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

/* What the method does with one question once it has been asked: with what it begins with there, it is not run again. */
static pb_status method_part(sweep_job *j, sweep_item *item, double *flop, size_t *reads, pb_error *err)
{
    const question *q = &item->q;
    const sweep_method *method = sweep_method_of(&j->options);
    recording asked = {.end = q->length, .sites_first = q->length};
    earlier_run run = {&asked, q->input};
    const earlier_runs earlier = {.items = &run, .count = 1};
    size_t behind = q->length - q->prompt.image_first - q->prompt.image_count;
    run_plan plan = {.question = &item->q};
    *flop = method->asks ? method->work(j, q->length, behind) : 0;
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

static pb_status say(sweep_job *j, sweep_item *item, size_t missing, double share, pb_error *err)
{
    const pb_run_options *run = &j->options.run;
    const sweep_method *method = sweep_method_of(&j->options);
    const decoder *m = &j->model->decoder;
    const question *q = &item->q;
    size_t budget = question_budget(run->memory), reads = 0, walks = WALKS_A_UNIT * ((missing + UNIT_MOST - 1) / UNIT_MOST);
    double flop, n = (double)missing, shared = (double)(q->prompt.image_first + q->prompt.image_count);
    double pictures = n * (double)count_pictures(j) / (double)j->count;
    if (method_part(j, item, &flop, &reads, NULL))
        return PB_OK; /* the question's own failure, which the sweep will tell */
    double ask = flop_of_rows(m, pictures * shared + n * ((double)q->length - shared + TOKENS));
    flop = flop * share + (method->asks ? 0 : ask);
    run_plan plan = {.question = &item->q, .wave_bytes = budget, .working_bytes = budget};
    plan.reads = missing * (reads + TOKENS);
    plan.tower = question_vision_flop(q) * (pictures > 1 ? pictures - 1 : 0); /* its own has been through */
    replay_plan_add_walk(&plan.forks, m, walks * m->config.layers, flop, 0, 1);
    plan.forks.waves = walks;
    pb_status status = run_plan_announce(&plan, missing, "question", run, err);
    run_plan_free(&plan);
    return status;
}

pb_status sweep_announce(sweep_job *j, size_t first, size_t missing, double work, pb_error *err)
{
    sweep_item item = {.row = first};
    if (!j->options.run.progress || sweep_ask(&item.asked, j, first, NULL))
        return PB_OK;
    pb_status status = PB_OK;
    if (!question_open_shared(&item.q, j->model, &item.asked.question, &j->pictures, NULL)) {
        status = say(j, &item, missing, work / j->work[first], err);
        question_free(&item.q);
    }
    sweep_asked_free(&item.asked);
    return status;
}
