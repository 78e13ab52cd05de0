/* flow.c: see flow.h. The clean run is recorded once; the engine hands over each layer's contributions, a block of
 * destinations at a time, whose measures are summed here and divided at the end. */
#include "method/flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/transfer.h"
#include "method/answer_choice.h"
#include "method/layers.h"

typedef struct flow_job {
    flow *f;
    const pb_flow_options *options;
    clean_run run;
    transfer_pair *pairs; /* [f->pairs.count] */
} flow_job;

/* ---- the measures ---- */

static double product(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* Adds the i-th of the destinations handed over. */
static void add_destination(const flow_job *j, const transfer *t, size_t i)
{
    flow_curve *c = &j->f->curves[t->pair];
    const span_pair *pair = &j->f->pairs.items[t->pair];
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
    for (size_t i = 0; i < t->rows; i++)
        add_destination(context, t, i);
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

/* ---- the run ---- */

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

static void make_curves(flow_job *j)
{
    flow *f = j->f;
    size_t L = f->layer_count;
    j->pairs = mem_new(f->pairs.count, sizeof *j->pairs);
    f->curves = mem_new(f->pairs.count, sizeof *f->curves);
    for (size_t p = 0; p < f->pairs.count; p++) {
        const span_pair *pair = &f->pairs.items[p];
        j->pairs[p] = (transfer_pair){pair->sources.positions, pair->destinations.positions, pair->sources.count,
                                      pair->destinations.count};
        f->curves[p] = (flow_curve){
            mem_new(L, sizeof(double)), mem_new(L, sizeof(double)), mem_new(L, sizeof(double)), mem_new(L, sizeof(double)),
            mem_new(L * pair->sources.count, sizeof(double)), mem_new(L * f->heads, sizeof(double))};
    }
}

static void report_progress(void *context, double share)
{
    const pb_run_options *run = &((flow_job *)context)->options->run;
    double layers = (double)((flow_job *)context)->f->layer_count;
    if (run->progress)
        run->progress(run->context, "following what flows", share * layers, layers);
}

static pb_status run(flow_job *j, question *q, pb_error *err)
{
    flow *f = j->f;
    decoder *m = &q->model->decoder;
    size_t budget = j->options->run.memory;
    TRY(choose(j, q, err));
    make_curves(j);
    size_t first = span_pairs_first_destination(&f->pairs), looking = transfer_bytes(m, j->pairs, f->pairs.count);
    size_t running = clean_run_running_bytes(q), more = looking > running ? looking : running;
    TRY(question_fits(clean_run_bytes(q, first) + more, budget, "this flow", err));
    TRY(clean_run_make(&j->run, q, first, budget, err));
    f->run_flop = j->run.work.flop;
    transfer_request request = {.recording = j->run.recording, .pairs = j->pairs, .pair_count = f->pairs.count,
                                .first_layer = f->layers[0], .end_layer = f->layers[0] + f->layer_count,
                                .take = take, .progress = report_progress, .context = j};
    TRY(transfer_run(m, &request, &j->run.work, err));
    finish(f);
    f->answer = mem_new(q->answer_count, sizeof *f->answer);
    f->answer_count = q->answer_count;
    memcpy(f->answer, q->answer, q->answer_count * sizeof *f->answer);
    f->clean = j->run.score;
    memcpy(f->top_id, j->run.top_id, sizeof f->top_id);
    memcpy(f->top_prob, j->run.top_prob, sizeof f->top_prob);
    f->cost = clean_run_cost(&j->run);
    return PB_OK;
}

pb_status flow_run_question(flow *f, question *q, const pb_flow_options *options, pb_error *err)
{
    flow_job j = {.f = f, .options = options};
    *f = (flow){0};
    pb_status status = run(&j, q, err);
    clean_run_free(&j.run);
    free(j.pairs);
    if (status)
        flow_free(f);
    return status;
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
