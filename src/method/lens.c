/* lens.c: see lens.h.
 *
 * While the question runs, the wanted rows are copied out; when its end is known, and with it the answer, they are read out
 * in blocks: each reads the unembedding once for a thousand rows and keeps the most likely tokens as the vocabulary goes by,
 * never the logits. */
#include "method/lens.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/answer_choice.h"
#include "method/layers.h"

typedef struct lens_job {
    lens *n;
    question *q;
    const pb_lens_options *options;
    float *rows;          /* [layer][position][D] */
    bool *wanted;         /* [T] */
    size_t *index;        /* [T] a position's place among those wanted */
    float *top_logit;     /* [layer][position][K] */
    readout *reads;       /* [layer][position] */
} lens_job;

static size_t cell_count(const lens *n)
{
    return n->layer_count * n->positions.count;
}

/* ---- what is asked ---- */

static pb_status choose_site(lens *n, const char *name, pb_error *err)
{
    n->site = SITE_RESID_POST;
    if (!name)
        return PB_OK;
    if (!site_find_read(name, &n->site) || n->site >= SITE_COUNT) {
        fail(err, PB_EINVAL, "--site: \"%s\" is no site of d_model numbers, which the unembedding could read; those are %s",
             name, site_wide_names());
        return strcmp(name, "proj.hook_out") == 0
                   ? fail_hint(err, "the projector's rows are resid_pre of layer 0: --site resid_pre --layers 0:1 "
                                    "--positions image")
                   : PB_EINVAL;
    }
    return PB_OK;
}

static pb_status choose(lens_job *j, pb_error *err)
{
    const pb_lens_options *o = j->options;
    const decoder_config *c = &j->q->model->decoder.config;
    lens *n = j->n;
    TRY(choose_site(n, o->site, err));
    TRY(layers_choose(o->first_layer, o->end_layer, c->layers, "the model", &n->layers, &n->layer_count,
                      err));
    TRY(prompt_span(&j->q->prompt, o->positions ? o->positions : "text", &n->positions, err));
    n->top = o->top ? o->top : LENS_TOP;
    n->top = n->top < c->vocab ? n->top : c->vocab;
    return answer_choose(j->q, &o->answer, err);
}

/* ---- memory ---- */

/* Of what is kept of each cell, and of a block of read-outs. */
static pb_status count_bytes(const lens_job *j, size_t *bytes, pb_error *err)
{
    const decoder *m = &j->q->model->decoder;
    size_t cells = cell_count(j->n), each, all;
    size_t kept = sizeof *j->n->top_id + sizeof *j->n->top_prob + sizeof *j->top_logit;
    if (!size_mul(j->n->top, kept, &each) ||
        !size_mul(cells, each + m->config.d_model * sizeof(float) + sizeof *j->reads + sizeof(double), &all))
        return fail(err, PB_ENOMEM, "--top %zu of %zu cells: more than can be counted", j->n->top, cells);
    *bytes = all + score_bytes(m, cells, 1);
    return PB_OK;
}

static pb_status make_room(lens_job *j, pb_error *err)
{
    lens *n = j->n;
    size_t cells = cell_count(n), T = j->q->length;
    TRY(mem_try(&j->rows, cells, j->q->model->decoder.config.d_model * sizeof *j->rows, "a lens's rows", err));
    TRY(mem_try(&n->top_id, cells * n->top, sizeof *n->top_id, "a lens's tokens", err));
    TRY(mem_try(&n->top_prob, cells * n->top, sizeof *n->top_prob, "a lens's tokens", err));
    TRY(mem_try(&j->top_logit, cells * n->top, sizeof *j->top_logit, "a lens's tokens", err));
    TRY(mem_try(&n->answer_prob, cells, sizeof *n->answer_prob, "a lens's tokens", err));
    j->reads = mem_new(cells, sizeof *j->reads);
    j->wanted = mem_new(T, sizeof *j->wanted);
    j->index = mem_new(T, sizeof *j->index);
    for (size_t i = 0; i < n->positions.count; i++) {
        j->wanted[n->positions.positions[i]] = true;
        j->index[n->positions.positions[i]] = i;
    }
    return PB_OK;
}

/* ---- the run, and reading it out ---- */

static pb_status take_row(void *context, site s, size_t layer, size_t position, const float *row, pb_error *err)
{
    lens_job *j = context;
    const lens *n = j->n;
    size_t D = j->q->model->decoder.config.d_model;
    (void)err;
    if (s == n->site && layer >= n->layers[0] && layer - n->layers[0] < n->layer_count)
        memcpy(j->rows + ((layer - n->layers[0]) * n->positions.count + j->index[position]) * D, row, D * sizeof *row);
    return PB_OK;
}

static pb_status read_cells(lens_job *j, clean_run *run, pb_error *err)
{
    lens *n = j->n;
    decoder *m = &j->q->model->decoder;
    size_t cells = cell_count(n), K = n->top, D = m->config.d_model;
    double begin = clock_now();
    for (size_t i = 0; i < cells; i++)
        j->reads[i] = (readout){.x = j->rows + i * D, .want = {j->q->answer[0], -1}, .top = K,
                                .top_id = n->top_id + i * K, .top_logit = j->top_logit + i * K};
    TRY(score_read(m, j->reads, cells, err));
    for (size_t i = 0; i < cells; i++) {
        n->answer_prob[i] = exp((double)j->reads[i].logit[0] - j->reads[i].log_sum_exp);
        for (size_t k = 0; k < K; k++)
            n->top_prob[i * K + k] = exp((double)j->top_logit[i * K + k] - j->reads[i].log_sum_exp);
    }
    run->own.readout_seconds += clock_now() - begin;
    run->own.readout_flop += (double)cells * decoder_readout_flop(&m->config);
    return PB_OK;
}

static pb_status announce(const lens_job *j, const row_watch *watch, size_t kept_bytes, pb_error *err)
{
    question *q = j->q;
    const decoder *m = &q->model->decoder;
    size_t cells = cell_count(j->n), rows = q->length * m->config.d_model * sizeof(float);
    replay_fork f = {.end = q->length, .input = q->input, .read_first = q->last, .watch = watch};
    run_plan plan = {.question = q, .wave_bytes = rows, .reads = 1 + question_answer_tokens(q) + cells,
                     .working_bytes = kept_bytes + rows + replay_fixed_bytes(m, q->length)};
    replay_plan_add(&plan.forks, m, &f, 1, SIZE_MAX);
    pb_status status = run_plan_announce(&plan, cells, "cell", &j->options->run, err);
    run_plan_free(&plan);
    return status;
}

static void keep_run(lens_job *j, const clean_run *run)
{
    j->n->answer = question_copy_answer(j->q, &j->n->answer_count);
    j->n->clean = run->says;
    j->n->cost = clean_run_cost(run);
}

static pb_status look(lens_job *j, pb_error *err)
{
    size_t bytes;
    clean_run run = {0};
    row_watch watch = {.seen = take_row, .context = j};
    TRY(choose(j, err));
    TRY(count_bytes(j, &bytes, err));
    TRY(clean_run_fits(j->q, bytes, j->options->run.memory, err));
    TRY(make_room(j, err));
    watch.positions = j->wanted;
    TRY(announce(j, &watch, bytes, err));
    TRY(clean_run_watch(&run, j->q, &watch, bytes, j->options->run.memory, err));
    pb_status status = read_cells(j, &run, err);
    if (!status)
        keep_run(j, &run);
    clean_run_free(&run);
    return status;
}

pb_status lens_run_question(lens *n, question *q, const pb_lens_options *options, pb_error *err)
{
    lens_job j = {.n = n, .q = q, .options = options};
    *n = (lens){0};
    pb_status status = look(&j, err);
    free(j.rows);
    free(j.top_logit);
    free(j.reads);
    free(j.wanted);
    free(j.index);
    if (status)
        lens_free(n);
    return status;
}

void lens_free(lens *n)
{
    free(n->layers);
    span_free(&n->positions);
    free(n->top_id);
    free(n->top_prob);
    free(n->answer_prob);
    free(n->answer);
    *n = (lens){0};
}
