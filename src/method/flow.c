/* flow.c: see flow.h. The clean runs are recorded; the engine hands over each layer's contributions, a block of destinations
 * at a time, whose measures are summed here and divided at the end. */
#include "method/flow.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/replay_owned.h"
#include "engine/transfer.h"
#include "method/answer_choice.h"
#include "method/layers.h"

/* One question. */
typedef struct flow_job {
    flow *f;
    const pb_flow_options *options;
    clean_run run;
    double seconds;       /* before the list began, and its part of what that took */
} flow_job;

/* Those that are looked at together. */
typedef struct flow_list {
    flow_job *jobs;       /* [count] */
    flowing **of;         /* [count] */
    clean_run **runs;     /* [count] the jobs' */
    size_t count, rows;   /* rows: of their runs */
    transfer_pair *pairs; /* [pair_count] of all jobs, job by job */
    size_t *owners;       /* [pair_count] whose each is */
    size_t pair_count;
    double began;
} flow_list;

/* ---- the measures ---- */

static double product(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* Adds the i-th of the destinations handed over, of one of the job's pairs. */
static void add_destination(const flow_job *j, size_t number, const transfer *t, size_t i)
{
    flow_curve *c = &j->f->curves[number];
    const span_pair *pair = &j->f->pairs.items[number];
    size_t l = t->layer - j->f->layers[0], D = j->run.recording->d_model, H = j->f->heads, S = pair->sources.count;
    size_t position = pair->destinations.positions[t->first + i];
    const float *total = t->total + i * D, *attended = t->attended + i * D;
    const float *resid_pre = recording_row(j->run.recording, SITE_RESID_PRE, t->layer, position);
    double size = sqrt(product(total, total, D));
    for (size_t s = 0; s < S; s++) {
        double norm = (double)t->norm[i * S + s];
        c->sum_norm[l] += norm;
        c->per_position[l * S + s] += norm;
    }
    c->norm_sum[l] += size;
    c->share[l] += product(total, attended, D) / product(attended, attended, D);
    c->relative[l] += size / sqrt(product(resid_pre, resid_pre, D));
    for (size_t h = 0; h < H; h++)
        c->per_head[l * H + h] += (double)t->head_norm[i * H + h];
}

static void take(void *context, const transfer *t)
{
    const flow_list *l = context;
    size_t owner = l->owners[t->pair], number = 0;
    while (number < t->pair && l->owners[t->pair - number - 1] == owner)
        number++;
    for (size_t i = 0; i < t->rows; i++)
        add_destination(&l->jobs[owner], number, t, i);
}

static void divide(double *values, size_t count, double by)
{
    for (size_t i = 0; i < count; i++)
        values[i] /= by;
}

/* Sums over the destinations become means. */
static void finish(flow *f)
{
    size_t L = f->layer_count;
    for (size_t p = 0; p < f->pairs.count; p++) {
        flow_curve *c = &f->curves[p];
        double count = (double)f->pairs.items[p].destinations.count;
        divide(c->sum_norm, L, count);
        divide(c->norm_sum, L, count);
        divide(c->share, L, count);
        divide(c->relative, L, count);
        divide(c->per_position, L * f->pairs.items[p].sources.count, count);
        divide(c->per_head, L * f->heads, count);
    }
}

/* ---- one question ---- */

static pb_status choose(flow_job *j, question *q, pb_error *err)
{
    flow *f = j->f;
    const decoder_config *c = &q->model->decoder.config;
    TRY(layers_choose(j->options->first_layer, j->options->end_layer, c->layers, "the model", &f->layers, &f->layer_count,
                      err));
    f->heads = c->heads;
    TRY(span_pairs_choose(&f->pairs, &q->prompt, j->options->pairs, j->options->pair_count, err));
    return answer_choose(q, &j->options->answer, err);
}

static void make_curves(flow *f)
{
    size_t L = f->layer_count;
    f->curves = mem_new(f->pairs.count, sizeof *f->curves);
    for (size_t p = 0; p < f->pairs.count; p++)
        f->curves[p] = (flow_curve){
            mem_new(L, sizeof(double)), mem_new(L, sizeof(double)), mem_new(L, sizeof(double)), mem_new(L, sizeof(double)),
            mem_new(L * f->pairs.items[p].sources.count, sizeof(double)), mem_new(L * f->heads, sizeof(double))};
}

/* ---- several ---- */

/* Rows that keep a walk over the layers busy: to read the weights takes little time beside them. */
enum { ROWS_ENOUGH = 2048 };

/* The last of the jobs' pairs, which are the last of the list's; its recording is still to be made. */
static void add_pairs(flow_list *l)
{
    const span_pairs *from = &l->jobs[l->count].f->pairs;
    l->pairs = mem_resize(l->pairs, l->pair_count + from->count, sizeof *l->pairs);
    l->owners = mem_resize(l->owners, l->pair_count + from->count, sizeof *l->owners);
    for (size_t p = 0; p < from->count; p++) {
        const span *sources = &from->items[p].sources, *destinations = &from->items[p].destinations;
        l->owners[l->pair_count + p] = l->count;
        l->pairs[l->pair_count + p] = (transfer_pair){NULL, sources->positions, destinations->positions, sources->count,
                                                      destinations->count};
    }
    l->pair_count += from->count;
}

/* What the first jobs hold at most: their recordings, and what either running or looking takes beside them. */
static size_t bytes_of(const flow_list *l, size_t count)
{
    const decoder *m = &l->runs[0]->q->model->decoder;
    size_t looking = transfer_bytes(m, l->pairs, l->pair_count), running = clean_runs_bytes(l->runs, count);
    size_t bytes = looking > running ? looking : running;
    for (size_t i = 0; i < count; i++)
        bytes += clean_run_held_bytes(l->runs[i]);
    return bytes;
}

/* The next job joins the others: its run and its pairs beside theirs, as far as memory holds them all. */
static pb_status join(flow_list *l, question *q, pb_error *err)
{
    flow_job *j = &l->jobs[l->count];
    size_t before = l->pair_count;
    clean_run_plan(&j->run, q, span_pairs_first_destination(&j->f->pairs), l->runs, l->count);
    l->runs[l->count] = &j->run;
    add_pairs(l);
    pb_status status = question_fits(bytes_of(l, l->count + 1), l->jobs[0].options->run.memory, "this flow", err);
    if (!status)
        status = clean_run_open(&j->run, err);
    for (size_t p = before; p < l->pair_count; p++)
        l->pairs[p].recording = j->run.recording;
    if (status)
        l->pair_count = before;
    return status;
}

static void drop(flow_job *j)
{
    clean_run_free(&j->run);
    flow_free(j->f);
}

static bool same_layers(const pb_flow_options *a, const pb_flow_options *b)
{
    return a->first_layer == b->first_layer && a->end_layer == b->end_layer;
}

/* Whether the list may grow by this question, as far as can be seen before it is looked at. */
static bool has_room(const flow_list *l, const flowing *one)
{
    return l->count == 0 || (l->rows < ROWS_ENOUGH && same_layers(one->options, l->jobs[0].options));
}

/* Takes a question on, or finds that nothing can be said of it; false: it has to wait. */
static bool take_on(flow_list *l, flowing *one)
{
    flow_job *j = &l->jobs[l->count];
    *j = (flow_job){.f = &one->flow, .options = one->options, .seconds = l->began - one->q->began};
    one->flow = (flow){0};
    one->status = choose(j, one->q, &one->why);
    bool chosen = !one->status;
    if (chosen)
        one->status = join(l, one->q, &one->why);
    if (one->status) {
        drop(j);
        return !chosen || l->count == 0;
    }
    make_curves(j->f);
    l->of[l->count++] = one;
    l->rows += one->q->length - j->run.first;
    return true;
}

static void report_progress(void *context, double share)
{
    const flow_list *l = context;
    const pb_run_options *run = &l->jobs[0].options->run;
    double layers = (double)l->jobs[0].f->layer_count;
    if (run->progress)
        run->progress(run->context, "following what flows", share * layers, layers);
}

/* What the looking took is shared out by how many sources give to how many destinations. */
static void share_work(flow_list *l, const replay_work *work)
{
    double *weights = mem_new(l->count, sizeof *weights);
    replay_work **works = mem_new(l->count, sizeof *works);
    for (size_t i = 0; i < l->count; i++)
        works[i] = &l->runs[i]->work;
    for (size_t p = 0; p < l->pair_count; p++)
        weights[l->owners[p]] += (double)(l->pairs[p].source_count * l->pairs[p].destination_count);
    replay_work_share(works, weights, l->count, work);
    free(weights);
    free(works);
}

static transfer_request request_of(flow_list *l)
{
    const flow *first = l->jobs[0].f;
    return (transfer_request){.pairs = l->pairs, .pair_count = l->pair_count, .first_layer = first->layers[0],
                              .end_layer = first->layers[0] + first->layer_count, .take = take,
                              .progress = report_progress, .context = l};
}

/* Adds the list's runs, and looking at them. */
static void foresee(flow_list *l, run_plan *plan)
{
    const decoder *m = &l->runs[0]->q->model->decoder;
    transfer_request request = request_of(l);
    *plan = (run_plan){.question = l->runs[0]->q, .wave_bytes = SIZE_MAX, .working_bytes = bytes_of(l, l->count)};
    clean_runs_foresee(plan, l->runs, l->count, SIZE_MAX);
    transfer_foresee(&plan->forks, m, &request);
}

/* What all of it will take is said before. */
static pb_status announce(flow_list *l, pb_error *err)
{
    const pb_run_options *o = &l->jobs[0].options->run;
    run_plan plan;
    if (!o->progress)
        return PB_OK;
    foresee(l, &plan);
    pb_status status = run_plan_announce(&plan, l->jobs[0].f->layer_count * l->pair_count, "point", o, err);
    run_plan_free(&plan);
    return status;
}

pb_status flow_foresee(run_plan *plan, question *q, const pb_flow_options *options, pb_error *err)
{
    flowing one = {.q = q, .options = options}, *of;
    flow_job job;
    clean_run *run;
    flow_list l = {.jobs = &job, .of = &of, .runs = &run, .began = clock_now()};
    *plan = (run_plan){.question = q};
    if (take_on(&l, &one) && !one.status) {
        foresee(&l, plan);
        drop(&job);
    }
    free(l.pairs);
    free(l.owners);
    if (one.status && err)
        *err = one.why;
    return one.status;
}

static pb_status run(flow_list *l, pb_error *err)
{
    replay_work work = {0};
    transfer_request request = request_of(l);
    TRY(announce(l, err));
    TRY(clean_runs_make(l->runs, l->count, SIZE_MAX, err)); /* in one wave: a list is made so */
    for (size_t i = 0; i < l->count; i++)
        l->jobs[i].f->run_flop = l->runs[i]->work.flop;
    TRY(transfer_run(&l->runs[0]->q->model->decoder, &request, &work, err));
    share_work(l, &work);
    return PB_OK;
}

/* Of what all took each has its part, by its operations. */
static void finish_jobs(flow_list *l)
{
    double seconds = clock_now() - l->began;
    for (size_t i = 0; i < l->count; i++) {
        flow_job *j = &l->jobs[i];
        finish(j->f);
        j->f->clean = j->run.says;
        j->f->answer = question_copy_answer(j->run.q, &j->f->answer_count);
        j->f->cost = clean_run_cost(&j->run);
        j->f->cost.seconds = j->seconds + seconds * clean_run_part(l->runs, l->count, i);
    }
}

/* Where they fail together, each is looked at by itself, so that it is the failure of one. */
static void run_all(flow_list *l)
{
    pb_error why = {0};
    pb_status status = run(l, &why);
    if (!status)
        finish_jobs(l);
    for (size_t i = 0; i < l->count; i++)
        status ? drop(&l->jobs[i]) : clean_run_free(&l->jobs[i].run);
    if (status && l->count == 1) {
        l->of[0]->status = status;
        l->of[0]->why = why;
    }
    for (size_t i = 0; status && l->count > 1 && i < l->count; i++)
        flow_some(l->of[i], 1);
}

size_t flow_some(flowing *list, size_t n)
{
    flow_list l = {.jobs = mem_new(n, sizeof *l.jobs), .of = mem_new(n, sizeof *l.of), .runs = mem_new(n, sizeof *l.runs),
                   .began = clock_now()};
    size_t taken = 0;
    while (taken < n && has_room(&l, &list[taken]) && take_on(&l, &list[taken]))
        taken++;
    if (l.count)
        run_all(&l);
    free(l.jobs);
    free(l.of);
    free(l.runs);
    free(l.pairs);
    free(l.owners);
    return taken;
}

pb_status flow_run_question(flow *f, question *q, const pb_flow_options *options, pb_error *err)
{
    flowing one = {.q = q, .options = options};
    flow_some(&one, 1);
    *f = one.flow;
    if (one.status && err)
        *err = one.why;
    return one.status;
}

void flow_free(flow *f)
{
    for (size_t p = 0; f->curves && p < f->pairs.count; p++) {
        flow_curve *c = &f->curves[p];
        free(c->sum_norm);
        free(c->norm_sum);
        free(c->share);
        free(c->relative);
        free(c->per_position);
        free(c->per_head);
    }
    free(f->curves);
    free(f->layers);
    free(f->answer);
    span_pairs_free(&f->pairs);
    *f = (flow){0};
}
