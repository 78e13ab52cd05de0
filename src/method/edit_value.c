/* edit_value.c: MultEdit's key and value.
 *
 *     k = mlp_post, v0 = mlp_out at the last token of the constraint (or of another span)
 *     delta = Adam on  -log P(target | mlp_out there is v0 + delta) + weight_decay |delta| / |v0|^2,  |delta| <= clamp
 * |v0|
 *
 * Each request has two runs: the clean one, recorded once, on what earlier runs have of it, and a fork of it from the
 * key's row on, which is run and differentiated at every step. All requests' forks go through the layers together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/backward.h"
#include "math/adam.h"
#include "method/edit_parts.h"

/* One request. */
typedef struct value_job {
    const question *q;
    size_t position;             /* the key's */
    const recording *earlier;    /* has the clean run's rows below `first`; NULL when that is 0 */
    size_t first;
    recording *clean, *own;      /* rows first .. T-1; the fork's, from the key's row on */
    const float *v0;             /* [D] in e->layers, like v */
    float *v;                    /* [D] v0 + delta */
    float *delta, *g, *m, *s;    /* [D] delta, its gradient, Adam's moments */
    row_edit put;
    tap gradient;
} value_job;

typedef struct value_work {
    edit *e;
    question *const *questions;  /* [n], as the other arrays */
    value_job *jobs;
    replay_fork *forks;
    fork_gradient *gradients;
    float **read, **d_read;      /* [answer_count][D] each */
    double *nll, *prob;
    size_t n, first;             /* first: the index of the first one among all requests */
    replay_work cost;
} value_work;

static size_t edited_layer(const edit *e)
{
    return e->settings.end_layer - 1;
}

/* ---- runs ---- */

static pb_status keep_read_rows(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    value_work *w = context;
    size_t D = w->e->model->decoder.config.d_model;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)(forks[i] - w->forks);
        memcpy(w->read[at], forks[i]->read, w->jobs[at].q->answer_count * D * sizeof(float));
    }
    return PB_OK;
}

static pb_status run_forks(value_work *w, pb_error *err)
{
    replay_options options = {
        .memory = question_budget(w->e->settings.memory), .finished = keep_read_rows, .context = w};
    return replay_run(&w->e->model->decoder, w->forks, w->n, &options, &w->cost, err);
}

/* The clean runs, which also give every layer's key and the last one's v0. */
static pb_status run_clean(value_work *w, pb_error *err)
{
    edit *e = w->e;
    size_t K = e->layer_count, D = e->model->decoder.config.d_model, F = e->model->decoder.config.d_ff;
    tap *taps = mem_new(w->n * K * 2, sizeof *taps);
    for (size_t i = 0; i < w->n; i++) {
        const value_job *j = &w->jobs[i];
        for (size_t k = 0; k < K; k++) {
            edit_layer *l = &e->layers[k];
            taps[(i * K + k) * 2] = (tap){SITE_MLP_POST, l->layer, j->position, l->key + (w->first + i) * F};
            taps[(i * K + k) * 2 + 1] = (tap){SITE_MLP_OUT, l->layer, j->position, l->v0 + (w->first + i) * D};
        }
        w->forks[i] = (replay_fork){.base = j->earlier,
                                    .first = j->first,
                                    .end = j->q->length,
                                    .input = j->q->input + j->first * D,
                                    .record = j->clean,
                                    .read_first = j->q->last,
                                    .taps = taps + i * K * 2,
                                    .tap_count = K * 2};
    }
    pb_status status = run_forks(w, err);
    free(taps);
    return status;
}

/* The forks that put v in, with delta 0 at first. */
static void make_forks(value_work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        value_job *j = &w->jobs[i];
        size_t layer = edited_layer(w->e);
        memcpy(j->v, j->v0, w->e->model->decoder.config.d_model * sizeof *j->v);
        j->put = (row_edit){.site = SITE_MLP_OUT,
                            .first_layer = layer,
                            .end_layer = layer + 1,
                            .positions = &j->position,
                            .position_count = 1,
                            .rows = (const float *const *)&j->v};
        j->gradient = (tap){SITE_MLP_OUT, layer, j->position, j->g};
        w->forks[i] = (replay_fork){.base = j->clean, .first = j->position, .end = j->q->length, .edits = &j->put,
                                    .edit_count = 1, .record = j->own, .read_first = j->q->last};
        w->gradients[i] = (fork_gradient){.d_read = w->d_read[i], .taps = &j->gradient, .tap_count = 1};
    }
}

/* ---- Adam ---- */

static double norm_of(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* From g, the gradient of log P, that of the loss: -log P and weight_decay |delta| / |v0|^2, whose gradient is 0 at 0;
 * returns the latter term. */
static double loss_gradient(const value_job *j, double weight_decay, size_t D)
{
    double length = norm_of(j->delta, D), v0 = norm_of(j->v0, D);
    double pull = length > 0 ? weight_decay / (length * v0 * v0) : 0;
    for (size_t i = 0; i < D; i++)
        j->g[i] = (float)(pull * (double)j->delta[i]) - j->g[i];
    return weight_decay * length / (v0 * v0);
}

/* |delta| <= clamp |v0|; Adam's moments stay as they are. */
static void project(const value_job *j, double clamp, size_t D)
{
    double length = norm_of(j->delta, D), most = clamp * norm_of(j->v0, D);
    for (size_t i = 0; i < D && length > most; i++)
        j->delta[i] = (float)((double)j->delta[i] * (most / length));
}

static void update(value_work *w, size_t step)
{
    const edit_settings *s = &w->e->settings;
    size_t D = w->e->model->decoder.config.d_model;
    for (size_t i = 0; i < w->n; i++) {
        value_job *j = &w->jobs[i];
        edit_request_found *found = &w->e->found[w->first + i];
        found->loss[step] = w->nll[i] + loss_gradient(j, s->weight_decay, D);
        found->prob[step] = w->prob[i];
        adam_step(j->delta, j->g, j->m, j->s, D, step + 1, s->lr);
        project(j, s->clamp, D);
        for (size_t d = 0; d < D; d++)
            j->v[d] = j->v0[d] + j->delta[d];
    }
}

static double losses_flop(const value_work *w)
{
    size_t rows = 0;
    for (size_t i = 0; i < w->n; i++)
        rows += w->jobs[i].q->answer_count;
    return edit_losses_flop(w->e->model, rows);
}

static pb_status optimise(value_work *w, pb_error *err)
{
    const edit_settings *s = &w->e->settings;
    model *m = w->e->model;
    for (size_t step = 0; step < s->steps; step++) {
        TRY(run_forks(w, err));
        TRY(edit_losses(m, w->questions, (const float *const *)w->read, w->n, w->nll, w->prob, w->d_read, NULL, err));
        w->cost.flop += losses_flop(w);
        TRY(backward_run(&m->decoder, w->forks, w->gradients, w->n, NULL, question_budget(s->memory), &w->cost, err));
        update(w, step);
        if (s->progress)
            s->progress(s->context, "finding values", (double)(w->first * s->steps + (step + 1) * w->n),
                        (double)(w->e->count * s->steps));
    }
    return PB_OK;
}

/* ---- one group of requests ---- */

static pb_status prepare_job(value_work *w, size_t i, pb_error *err)
{
    value_job *j = &w->jobs[i];
    const question *q = w->questions[i];
    const decoder_config *c = &w->e->model->decoder.config;
    edit_layer *at = &w->e->layers[w->e->layer_count - 1];
    size_t D = c->d_model;
    *j = (value_job){.q = q, .position = w->e->found[w->first + i].key_position, .v0 = at->v0 + (w->first + i) * D,
                     .v = at->v + (w->first + i) * D};
    float **const vectors[] = {&j->delta, &j->g, &j->m, &j->s};
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++)
        *vectors[v] = mem_new(D, sizeof **vectors[v]);
    TRY(mem_try(&w->read[i], q->answer_count, D * sizeof(float), "rows to read out", err));
    TRY(mem_try(&w->d_read[i], q->answer_count, D * sizeof(float), "rows to read out", err));
    j->earlier = earlier_find(w->e->settings.earlier, q, j->position, &j->first);
    TRY(recording_new(&j->clean, c, j->earlier, j->first, q->length, j->position, err));
    return recording_new(&j->own, c, j->clean, j->position, q->length, j->position, err);
}

static void free_work(value_work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        value_job *j = &w->jobs[i];
        recording_free(j->own);
        recording_free(j->clean);
        free(j->delta), free(j->g), free(j->m), free(j->s);
        free(w->read[i]), free(w->d_read[i]);
    }
    free(w->jobs), free(w->forks), free(w->gradients), free(w->read), free(w->d_read), free(w->nll), free(w->prob);
}

static pb_status find(value_work *w, pb_error *err)
{
    size_t D = w->e->model->decoder.config.d_model;
    for (size_t i = 0; i < w->n; i++)
        TRY(prepare_job(w, i, err));
    TRY(run_clean(w, err));
    make_forks(w);
    TRY(optimise(w, err));
    for (size_t i = 0; i < w->n; i++)
        w->e->found[w->first + i].delta_norm = norm_of(w->jobs[i].delta, D);
    return PB_OK;
}

pb_status edit_values(edit *e, question *const *questions, size_t first, size_t n, pb_error *err)
{
    value_work w = {.e = e,
                    .questions = questions + first,
                    .n = n,
                    .first = first,
                    .jobs = mem_new(n, sizeof *w.jobs),
                    .forks = mem_new(n, sizeof *w.forks),
                    .gradients = mem_new(n, sizeof *w.gradients),
                    .read = mem_new(n, sizeof *w.read),
                    .d_read = mem_new(n, sizeof *w.d_read),
                    .nll = mem_new(n, sizeof *w.nll),
                    .prob = mem_new(n, sizeof *w.prob)};
    pb_status status = find(&w, err);
    e->flop += w.cost.flop;
    free_work(&w);
    return status;
}

size_t edit_values_bytes(const edit *e, const question *q, size_t position)
{
    const decoder_config *c = &e->model->decoder.config;
    size_t T = q->length, vectors = 4 + 2 * q->answer_count + T, first;
    earlier_find(e->settings.earlier, q, position, &first);
    return recording_bytes(c, first, T, position) + recording_bytes(c, position, T, position) +
           vectors * c->d_model * sizeof(float);
}
