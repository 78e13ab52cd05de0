/* edit_tune.c: fine-tuning, freely or within an L-infinity ball, of what edit_scope says: Adam on -log P(target).
 *
 * What is tuned stands in f32 beside the checkpoint; the decoder runs with it until tuning_undo. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/backward.h"
#include "math/adam.h"
#include "method/edit_parts.h"

/* One tensor that is tuned. */
typedef struct tuned {
    const tensor *of;
    size_t count;
    float *was, *w, *g, *m, *v; /* [count] */
} tuned;

struct tuning {
    model *model;
    edit_settings settings;
    tuned *tensors;
    size_t tensor_count;
    size_t start;                /* the first layer that runs differently */
    weight_gradients gradients;  /* [L] into tensors' g */
    readout_gradient ends;       /* likewise */
    bool on_ends;                /* the decoder's ends are tuned too */
    double flop;
};

/* ---- what is tuned ---- */

static tuned *find_tuned(const tuning *t, const tensor *of)
{
    for (size_t i = 0; i < t->tensor_count; i++)
        if (t->tensors[i].of == of)
            return &t->tensors[i];
    return NULL;
}

/* One entry a tensor: the norms of a parallel block may be one, a head the embedding. */
static void add_tensor(tuning *t, const tensor *of)
{
    if (!of || find_tuned(t, of))
        return;
    t->tensors = mem_resize(t->tensors, t->tensor_count + 1, sizeof *t->tensors);
    t->tensors[t->tensor_count++] = (tuned){.of = of, .count = of->count};
}

static void add_tensors(tuning *t)
{
    const decoder *m = &t->model->decoder;
    size_t L = m->config.layers, last = t->settings.end_layer - 1;
    t->start = t->settings.scope == EDIT_MATRIX ? last : 0;
    t->on_ends = t->settings.scope == EDIT_ALL;
    if (t->settings.scope == EDIT_MATRIX)
        add_tensor(t, m->layers[last].part[PART_DOWN]);
    for (size_t l = 0; l < L && t->settings.scope != EDIT_MATRIX; l++)
        for (int part = 0; part < PART_COUNT; part++)
            if (t->settings.scope == EDIT_ALL || part == PART_DOWN)
                add_tensor(t, m->layers[l].part[part]);
    for (int e = 0; e < END_COUNT && t->on_ends; e++)
        add_tensor(t, m->end[e]);
    if (t->on_ends) {
        add_tensor(t, m->embedding);
        add_tensor(t, m->head);
    }
}

static pb_status allocate(tuning *t, pb_error *err)
{
    for (size_t i = 0; i < t->tensor_count; i++) {
        tuned *n = &t->tensors[i];
        float **const arrays[] = {&n->was, &n->w, &n->g, &n->m, &n->v};
        for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
            TRY(mem_try(arrays[k], n->count, sizeof(float), "weights to tune", err));
    }
    return PB_OK;
}

/* The weights as they are, with whatever changes the decoder has already. */
static pb_status read_weights(tuning *t, pb_error *err)
{
    for (size_t i = 0; i < t->tensor_count; i++)
        TRY(decoder_read_rows(&t->model->decoder, t->tensors[i].of, 0, t->tensors[i].of->shape[0], t->tensors[i].was,
                              err));
    return PB_OK;
}

static float *gradient_of(const tuning *t, const tensor *of)
{
    tuned *n = of ? find_tuned(t, of) : NULL;
    return n ? n->g : NULL;
}

static void point_gradients(tuning *t)
{
    const decoder *m = &t->model->decoder;
    t->gradients = mem_new(m->config.layers, sizeof *t->gradients);
    for (size_t l = 0; l < m->config.layers; l++)
        for (int part = 0; part < PART_COUNT; part++)
            t->gradients[l][part] = gradient_of(t, m->layers[l].part[part]);
    for (int e = 0; e < END_COUNT; e++)
        t->ends.d_end[e] = gradient_of(t, m->end[e]);
    t->ends.d_head = t->on_ends ? gradient_of(t, m->head) : NULL;
}

static size_t tuned_bytes(const tuning *t)
{
    size_t elements = 0;
    for (size_t i = 0; i < t->tensor_count; i++)
        elements += t->tensors[i].count;
    return 5 * elements * sizeof(float);
}

pb_status tuning_new(tuning **out, model *m, const edit_settings *settings, pb_error *err)
{
    *out = NULL;
    TRY(edit_check_layers(m, settings, err));
    tuning *t = mem_new(1, sizeof *t);
    *t = (tuning){.model = m, .settings = *settings};
    add_tensors(t);
    pb_status status = question_fits(tuned_bytes(t), settings->memory, "this fine-tuning's weights", err);
    if (!status)
        status = allocate(t, err);
    if (!status)
        status = read_weights(t, err);
    if (status) {
        tuning_free(t);
        return status;
    }
    point_gradients(t);
    *out = t;
    return PB_OK;
}

void tuning_undo(tuning *t)
{
    for (size_t i = 0; i < t->tensor_count; i++)
        decoder_restore(&t->model->decoder, t->tensors[i].of);
}

void tuning_redo(tuning *t)
{
    for (size_t i = 0; i < t->tensor_count; i++)
        decoder_replace(&t->model->decoder, t->tensors[i].of, t->tensors[i].w);
}

void tuning_free(tuning *t)
{
    if (!t)
        return;
    tuning_undo(t);
    for (size_t i = 0; i < t->tensor_count; i++) {
        tuned *n = &t->tensors[i];
        free(n->was), free(n->w), free(n->g), free(n->m), free(n->v);
    }
    free(t->tensors);
    free(t->gradients);
    free(t);
}

/* ---- one question's gradients ---- */

typedef struct tune_job {
    question *q;
    float *input;          /* [T][D]: q->input, or made anew from embeddings that are tuned */
    recording *clean, *own;
    float *read, *d_read, *d_input;
    size_t first_position; /* 0 */
    row_edit start;        /* the run begins at t->start, with the clean run's residuals */
    tap *taps;             /* of every text row's input */
    size_t tap_count;
} tune_job;

static void job_free(tune_job *j)
{
    recording_free(j->own);
    recording_free(j->clean);
    free(j->input), free(j->read), free(j->d_read), free(j->d_input), free(j->taps);
}

static pb_status keep_read(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    tune_job *j = context;
    (void)err;
    (void)count;
    if (j->read)
        memcpy(j->read, forks[0]->read, j->q->answer_count * j->q->model->decoder.config.d_model * sizeof(float));
    return PB_OK;
}

static pb_status run(const tuning *t, tune_job *j, replay_fork *f, replay_work *work, pb_error *err)
{
    replay_options options = {.memory = question_budget(t->settings.memory), .finished = keep_read, .context = j};
    return replay_run(&t->model->decoder, f, 1, &options, work, err);
}

/* Of a run that begins late: the residuals with which it begins, from the weights as they were. */
static pb_status record_clean(const tuning *t, tune_job *j, replay_work *work, pb_error *err)
{
    TRY(recording_new(&j->clean, &t->model->decoder.config, NULL, 0, j->q->length, 0, err));
    replay_fork f = {.end = j->q->length, .input = j->q->input, .record = j->clean, .read_first = j->q->last};
    j->start = (row_edit){.site = SITE_RESID_PRE, .first_layer = t->start, .end_layer = t->start + 1,
                          .positions = &j->first_position, .position_count = 1, .source = j->clean};
    return run(t, j, &f, work, err);
}

/* Gradients of the text rows' inputs are wanted where embeddings are tuned. */
static pb_status tap_inputs(tune_job *j, size_t D, pb_error *err)
{
    size_t T = j->q->length;
    j->taps = mem_new(T, sizeof *j->taps);
    TRY(mem_try(&j->d_input, T, D * sizeof(float), "gradients of embeddings", err));
    for (size_t p = 0; p < T; p++)
        if (!prompt_is_image(&j->q->prompt, p))
            j->taps[j->tap_count++] = (tap){SITE_RESID_PRE, 0, p, j->d_input + p * D};
    return PB_OK;
}

static pb_status job_prepare(const tuning *t, tune_job *j, question *q, replay_work *work, pb_error *err)
{
    const decoder_config *c = &t->model->decoder.config;
    size_t D = c->d_model;
    *j = (tune_job){.q = q};
    TRY(mem_try(&j->read, q->answer_count, D * sizeof(float), "rows to read out", err));
    TRY(mem_try(&j->d_read, q->answer_count, D * sizeof(float), "rows to read out", err));
    TRY(mem_try(&j->input, q->length, D * sizeof(float), "a prompt's rows", err));
    memcpy(j->input, q->input, q->length * D * sizeof(float));
    TRY(recording_new(&j->own, c, NULL, 0, q->length, 0, err));
    if (t->on_ends)
        TRY(tap_inputs(j, D, err));
    return t->start > 0 ? record_clean(t, j, work, err) : PB_OK;
}

static size_t job_bytes(const tuning *t, const question *q)
{
    const decoder_config *c = &t->model->decoder.config;
    size_t T = q->length, runs = t->start > 0 ? 2 : 1;
    return runs * recording_bytes(c, 0, T, 0) + (4 * T + 2 * q->answer_count) * c->d_model * sizeof(float) +
           backward_fixed_bytes(&t->model->decoder, T) + edit_losses_bytes(t->model, q->answer_count);
}

static pb_status embed_anew(const tuning *t, tune_job *j, pb_error *err)
{
    size_t D = t->model->decoder.config.d_model;
    for (size_t i = 0; i < j->tap_count; i++) {
        size_t p = j->taps[i].position;
        TRY(decoder_embed(&t->model->decoder, &j->q->ids[p], 1, j->input + p * D, err));
    }
    return PB_OK;
}

static void add_embedding_gradients(const tuning *t, const tune_job *j)
{
    size_t D = t->model->decoder.config.d_model;
    float *g = gradient_of(t, t->model->decoder.embedding);
    for (size_t i = 0; i < j->tap_count; i++)
        add_rows(g + (size_t)j->q->ids[j->taps[i].position] * D, j->taps[i].row, D);
}

/* Adds the gradients of log P(target) to all that is tuned. */
static pb_status add_gradients(tuning *t, question *q, double *nll, double *prob, pb_error *err)
{
    tune_job j;
    replay_work work = {0};
    pb_status status = job_prepare(t, &j, q, &work, err);
    replay_fork f = {.end = q->length, .record = j.own, .read_first = q->last};
    if (t->start > 0)
        f.entry = j.clean, f.edits = &j.start, f.edit_count = 1;
    else
        f.input = j.input;
    fork_gradient g = {.d_read = j.d_read, .taps = j.taps, .tap_count = j.tap_count};
    if (!status)
        status = embed_anew(t, &j, err);
    if (!status)
        status = run(t, &j, &f, &work, err);
    if (!status)
        status = edit_losses(t->model, &q, (const float *const[]){j.read}, 1, nll, prob, (float *const[]){j.d_read},
                             t->on_ends ? &t->ends : NULL, err);
    if (!status)
        status =
            backward_run(&t->model->decoder, &f, &g, 1, t->gradients, question_budget(t->settings.memory), &work, err);
    if (!status)
        add_embedding_gradients(t, &j);
    t->flop += work.flop + edit_losses_flop(t->model, q->answer_count);
    job_free(&j);
    return status;
}

/* ---- steps ---- */

static void begin(tuning *t)
{
    for (size_t i = 0; i < t->tensor_count; i++) {
        tuned *n = &t->tensors[i];
        memcpy(n->w, n->was, n->count * sizeof *n->w);
        memset(n->m, 0, n->count * sizeof *n->m);
        memset(n->v, 0, n->count * sizeof *n->v);
        decoder_replace(&t->model->decoder, n->of, n->w);
    }
}

/* g becomes the gradient of the mean loss of n questions; w takes Adam's step, and stays in its ball. */
static void step_tensor(const tuning *t, const tuned *n, size_t step, size_t questions)
{
    float share = -1 / (float)questions, e = (float)t->settings.epsilon;
    for (size_t i = 0; i < n->count; i++)
        n->g[i] *= share;
    adam_step(n->w, n->g, n->m, n->v, n->count, step, t->settings.lr);
    for (size_t i = 0; i < n->count && t->settings.method == EDIT_FT_CONSTRAINED; i++) {
        float low = n->was[i] - e, high = n->was[i] + e;
        n->w[i] = n->w[i] < low ? low : n->w[i] > high ? high : n->w[i];
    }
}

static pb_status take_step(tuning *t, question *const *questions, size_t count, edit_request_found *found, size_t step,
                           pb_error *err)
{
    for (size_t i = 0; i < t->tensor_count; i++)
        memset(t->tensors[i].g, 0, t->tensors[i].count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        TRY(add_gradients(t, questions[i], &found[i].loss[step], &found[i].prob[step], err));
    for (size_t i = 0; i < t->tensor_count; i++)
        step_tensor(t, &t->tensors[i], step + 1, count);
    return PB_OK;
}

/* |W* - W| over all that is tuned. */
static double moved(const tuning *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->tensor_count; i++)
        for (size_t k = 0; k < t->tensors[i].count; k++) {
            double d = (double)t->tensors[i].w[k] - (double)t->tensors[i].was[k];
            sum += d * d;
        }
    return sqrt(sum);
}

pb_status tuning_run(tuning *t, question *const *questions, size_t count, edit_request_found *found, pb_error *err)
{
    const edit_settings *s = &t->settings;
    pb_status status = PB_OK;
    for (size_t i = 0; i < count && !status; i++) {
        found[i] =
            (edit_request_found){.loss = mem_new(s->steps, sizeof(double)), .prob = mem_new(s->steps, sizeof(double))};
        status = question_fits(tuned_bytes(t) + job_bytes(t, questions[i]), s->memory, "fine-tuning", err);
    }
    begin(t);
    for (size_t step = 0; step < s->steps && !status; step++) {
        status = take_step(t, questions, count, found, step, err);
        if (s->progress)
            s->progress(s->context, "fine-tuning", (double)(step + 1), (double)s->steps);
    }
    for (size_t i = 0; i < count; i++)
        found[i].delta_norm = moved(t);
    if (status)
        tuning_undo(t);
    return status;
}

double tuning_flop(const tuning *t)
{
    return t->flop;
}
