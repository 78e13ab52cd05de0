/* flow.c: see flow.h. The clean runs are recorded; the engine hands over each layer's contributions, a block of destinations
 * at a time, whose measures are summed here and divided at the end. */
#include "method/flow.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/replay_owned.h"
#include "engine/transfer.h"
#include "method/answer_choice.h"
#include "method/layers.h"

/* One question. */
typedef struct flow_job {
    flow *f;
    const pb_flow_options *options;
    clean_run run;
} flow_job;

/* Those that are looked at together. */
typedef struct flow_list {
    together_list all;
    flow_job *jobs;       /* [all.count] */
    clean_run **runs;     /* [all.count] the jobs' */
    size_t rows;          /* of their runs */
    transfer_pair *pairs; /* [pair_count] of all jobs, job by job */
    size_t *owners;       /* [pair_count] whose each is */
    size_t pair_count;
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

/* ---- several: see together.h ---- */

/* Rows that keep a walk over the layers busy: to read the weights takes little time beside them. */
enum { ROWS_ENOUGH = 2048 };

static void open_list(together_list *all, size_t most)
{
    flow_list *l = (flow_list *)all;
    l->jobs = mem_new(most, sizeof *l->jobs);
    l->runs = mem_new(most, sizeof *l->runs);
}

static void close_list(together_list *all)
{
    flow_list *l = (flow_list *)all;
    free(l->jobs);
    free(l->runs);
    free(l->pairs);
    free(l->owners);
}

static bool has_room(const together_list *all, const together_one *one)
{
    const flow_list *l = (const flow_list *)all;
    const pb_flow_options *a = ((const flowing *)one)->options, *b = l->jobs[0].options;
    return l->rows < ROWS_ENOUGH && a->first_layer == b->first_layer && a->end_layer == b->end_layer;
}

static pb_status prepare(together_list *all, together_one *one, pb_error *err)
{
    flowing *asked = (flowing *)one;
    flow_job *j = &((flow_list *)all)->jobs[all->count];
    asked->flow = (flow){0};
    *j = (flow_job){.f = &asked->flow, .options = asked->options, .run.own.q = one->q};
    return choose(j, one->q, err);
}

/* The pairs of the next job, which are the last of the list's; its recording is still to be made. */
static void add_pairs(flow_list *l)
{
    const span_pairs *from = &l->jobs[l->all.count].f->pairs;
    l->pairs = mem_resize(l->pairs, l->pair_count + from->count, sizeof *l->pairs);
    l->owners = mem_resize(l->owners, l->pair_count + from->count, sizeof *l->owners);
    for (size_t p = 0; p < from->count; p++) {
        const span *sources = &from->items[p].sources, *destinations = &from->items[p].destinations;
        l->owners[l->pair_count + p] = l->all.count;
        l->pairs[l->pair_count + p] = (transfer_pair){NULL, sources->positions, destinations->positions, sources->count,
                                                      destinations->count};
    }
    l->pair_count += from->count;
}

/* What the first jobs hold at most: their recordings, and what either running or looking takes beside them. */
static size_t bytes_of(const flow_list *l, size_t count)
{
    const decoder *m = &l->runs[0]->own.q->model->decoder;
    size_t looking = transfer_bytes(m, l->pairs, l->pair_count), running = clean_runs_bytes(l->runs, count);
    size_t bytes = looking > running ? looking : running;
    for (size_t i = 0; i < count; i++)
        bytes += clean_run_held_bytes(l->runs[i]);
    return bytes;
}

/* Its run and its pairs beside the others'. */
static pb_status join(together_list *all, pb_error *err)
{
    flow_list *l = (flow_list *)all;
    flow_job *j = &l->jobs[all->count];
    size_t before = l->pair_count;
    clean_run_plan(&j->run, j->run.own.q, span_pairs_first_destination(&j->f->pairs), l->runs, all->count);
    l->runs[all->count] = &j->run;
    all->owners[all->count] = &j->run.own;
    add_pairs(l);
    size_t bytes = question_needs(j->run.own.q, bytes_of(l, all->count + 1));
    pb_status status = question_fits(bytes, l->jobs[0].options->run.memory, "this flow", err);
    if (!status)
        status = clean_run_open(&j->run, err);
    for (size_t p = before; p < l->pair_count; p++)
        l->pairs[p].recording = j->run.recording;
    if (status) {
        l->pair_count = before;
        return status;
    }
    make_curves(j->f);
    l->rows += j->run.own.q->length - j->run.first;
    return PB_OK;
}

static void report_progress(void *context, double share)
{
    const flow_list *l = context;
    const pb_run_options *run = &l->jobs[0].options->run;
    double layers = (double)l->jobs[0].f->layer_count;
    if (run->progress)
        run->progress(run->context, "following what flows", share * layers, layers);
}

static transfer_request request_of(flow_list *l)
{
    const flow *first = l->jobs[0].f;
    return (transfer_request){.pairs = l->pairs, .pair_count = l->pair_count, .first_layer = first->layers[0],
                              .end_layer = first->layers[0] + first->layer_count, .take = take,
                              .progress = report_progress, .context = l};
}

/* The runs, and looking at them. */
static size_t foresee(together_list *all, run_plan *plan)
{
    flow_list *l = (flow_list *)all;
    const decoder *m = &l->runs[0]->own.q->model->decoder;
    transfer_request request = request_of(l);
    *plan = (run_plan){.question = l->runs[0]->own.q, .wave_bytes = SIZE_MAX, .working_bytes = bytes_of(l, all->count)};
    clean_runs_foresee(plan, l->runs, all->count, SIZE_MAX);
    transfer_foresee(&plan->forks, m, &request);
    return l->jobs[0].f->layer_count * l->pair_count;
}

/* What the looking took is shared out by how many sources give to how many destinations. */
static void share_work(flow_list *l, const replay_work *work)
{
    size_t count = l->all.count;
    double *weights = mem_new(count, sizeof *weights);
    replay_work **works = mem_new(count, sizeof *works);
    for (size_t i = 0; i < count; i++)
        works[i] = &l->runs[i]->own.work;
    for (size_t p = 0; p < l->pair_count; p++)
        weights[l->owners[p]] += (double)(l->pairs[p].source_count * l->pairs[p].destination_count);
    replay_work_share(works, weights, count, work);
    free(weights);
    free(works);
}

static void finish_jobs(flow_list *l)
{
    for (size_t i = 0; i < l->all.count; i++) {
        flow_job *j = &l->jobs[i];
        finish(j->f);
        j->f->clean = j->run.says;
        j->f->answer = question_copy_answer(j->run.own.q, &j->f->answer_count);
        j->f->cost = clean_run_cost(&j->run);
        j->f->cost.seconds = together_seconds(&l->all, i);
    }
}

static pb_status run(together_list *all, pb_error *err)
{
    flow_list *l = (flow_list *)all;
    replay_work work = {0};
    transfer_request request = request_of(l);
    TRY(together_announce(all, &l->jobs[0].options->run, err));
    TRY(clean_runs_make(l->runs, all->count, SIZE_MAX, err)); /* in one wave: a list is made so */
    for (size_t i = 0; i < all->count; i++)
        l->jobs[i].f->run_flop = l->runs[i]->own.work.flop;
    TRY(transfer_run(&l->runs[0]->own.q->model->decoder, &request, &work, err));
    share_work(l, &work);
    finish_jobs(l);
    return PB_OK;
}

static void release(together_list *all, size_t job)
{
    clean_run_free(&((flow_list *)all)->jobs[job].run);
}

static void forget(together_list *all, size_t job)
{
    flow_free(((flow_list *)all)->jobs[job].f);
}

static const together_method looking = {
    .one_size = sizeof(flowing), .list_size = sizeof(flow_list), .open = open_list, .close = close_list,
    .has_room = has_room, .prepare = prepare, .join = join, .foresee = foresee, .unit = "point", .run = run,
    .release = release, .forget = forget,
};

size_t flow_some(flowing *list, size_t n)
{
    return together_some(&looking, &list->one, n);
}

pb_status flow_run_question(flow *f, question *q, const pb_flow_options *options, pb_error *err)
{
    flowing asked = {.one.q = q, .options = options};
    flow_some(&asked, 1);
    *f = asked.flow;
    return together_status(&asked.one, err);
}

pb_status flow_foresee(run_plan *plan, question *q, const pb_flow_options *options, pb_error *err)
{
    flowing asked = {.one.q = q, .options = options};
    return together_foresee(&looking, &asked.one, plan, err);
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
