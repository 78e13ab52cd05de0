/* attribute_runs.c: the runs in which gradients are taken. See attribute_parts.h.
 *
 * One is the unpatched run: of each sample the corrupted one, recorded already; with direction `noise` the clean one, once for
 * all samples. With `steps` N a sample has N runs on the way between the two. All but the recorded ones are forks of the clean
 * run's unchanged rows, so that backward goes over the changed rows alone. */
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/backward.h"
#include "method/attribute_parts.h"

bool attribute_is_reference(const attribution *a)
{
    return a->steps == 0 && a->j->t->direction == TRACE_DENOISE;
}

static bool is_shared(const attribution *a)
{
    return a->steps == 0 && a->j->t->direction == TRACE_NOISE;
}

static size_t first_of(const attribution *a, size_t run)
{
    if (is_shared(a))
        return a->j->t->first_changed;
    return a->j->first_changed[a->steps ? run / a->steps : run];
}

size_t attribute_run_count(const attribution *a)
{
    return is_shared(a) ? 1 : a->j->samples * (a->steps ? a->steps : 1);
}

/* input[rows][D] of a step of N, from 0: unpatched + (step + 1/2)/N (source - unpatched); with N 0 the unpatched run's. */
static void interpolate(const attribution *a, size_t sample, size_t first, size_t step, float *input)
{
    const trace_job *j = a->j;
    size_t at = first * j->q->model->decoder.config.d_model, n = j->q->length * j->q->model->decoder.config.d_model - at;
    bool denoise = j->t->direction == TRACE_DENOISE;
    const float *from = (denoise ? j->inputs[sample] : j->q->input) + at;
    const float *to = (denoise ? j->q->input : j->inputs[sample]) + at;
    float share = a->steps ? (float)(((double)step + 0.5) / (double)a->steps) : 0;
    for (size_t i = 0; i < n; i++)
        input[i] = from[i] + share * (to[i] - from[i]);
}

pb_status attribute_run_prepare(attribution *a, size_t index, gradient_run *r, replay_fork *f, pb_error *err)
{
    const trace_job *j = a->j;
    size_t T = j->q->length, D = j->q->model->decoder.config.d_model, first = first_of(a, index);
    size_t sample = a->steps ? index / a->steps : index;
    *r = (gradient_run){.a = a, .first_sample = sample, .end_sample = sample + 1};
    if (attribute_is_reference(a)) {
        *f = j->references[1 + sample];
        return PB_OK;
    }
    if (is_shared(a))
        r->end_sample = j->samples;
    TRY(mem_try(&r->input, T - first, D * sizeof(float), "an input between two runs", err));
    interpolate(a, sample, first, a->steps ? index % a->steps : 0, r->input);
    TRY(recording_new(&r->own, &j->q->model->decoder.config, first ? j->clean : NULL, first, T, first, err));
    *f = (replay_fork){.base = r->own->base, .first = first, .end = T, .input = r->input, .record = r->own, .read_first = T};
    return PB_OK;
}

/* ---- what they take ---- */

static size_t run_bytes(const attribution *a, size_t index)
{
    const decoder_config *c = &a->j->q->model->decoder.config;
    size_t T = a->j->q->length, first = first_of(a, index), rows = (T - first) * c->d_model * sizeof(float);
    size_t read = 2 * question_answer_tokens(a->j->q) * c->d_model * sizeof(float);
    return rows + read + (attribute_is_reference(a) ? 0 : rows + recording_bytes(c, first, T, first));
}

static size_t changes_bytes(const attribution *a)
{
    size_t count = 0;
    for (size_t s = 0; s < a->j->t->site_count; s++)
        count += attribute_change_count(a, s);
    return count * sizeof(double);
}

/* What all else takes while gradients are taken. */
static size_t other_bytes(const attribution *a, size_t runs)
{
    const decoder *m = &a->j->q->model->decoder;
    size_t T = a->j->q->length, forward = replay_fixed_bytes(m, T), backward = backward_fixed_bytes(m, T);
    size_t read = score_differentiate_bytes(m, runs * question_answer_tokens(a->j->q));
    size_t largest = forward > backward ? forward : backward;
    return a->j->held_bytes + (largest > read ? largest : read) + changes_bytes(a);
}

size_t attribute_least_bytes(const trace_job *j)
{
    trace_job shape = *j; /* an attribution may write to its job: this one is only counted */
    attribution a = {.j = &shape, .steps = shape.t->estimates.steps};
    size_t most = 0;
    for (size_t i = 0; i < attribute_run_count(&a); i++)
        most = run_bytes(&a, i) > most ? run_bytes(&a, i) : most;
    return most + other_bytes(&a, 1);
}

pb_status attribute_group_size(const attribution *a, size_t first, size_t *count, pb_error *err)
{
    size_t held = run_bytes(a, first), budget = question_budget(a->j->options->run.memory);
    TRY(question_fits(other_bytes(a, 1) + held, a->j->options->run.memory, "this gradient", err));
    *count = 1;
    while (first + *count < a->runs && held + run_bytes(a, first + *count) + other_bytes(a, *count + 1) <= budget)
        held += run_bytes(a, first + (*count)++);
    return PB_OK;
}

void attribute_runs_foresee(const attribution *a, run_plan *plan)
{
    const trace_job *j = a->j;
    const decoder *m = &j->q->model->decoder;
    size_t runs = attribute_run_count(a);
    replay_fork *forks = mem_new(runs, sizeof *forks);
    for (size_t i = 0; i < runs; i++)
        forks[i] = (replay_fork){.first = first_of(a, i), .end = j->q->length, .input = j->q->input, .read_first = j->q->last};
    if (!attribute_is_reference(a))
        replay_plan_add(&plan->forks, m, forks, runs, SIZE_MAX);
    replay_plan_add_backward(&plan->forks, m, forks, runs, SIZE_MAX);
    plan->reads += 3 * runs * question_answer_tokens(j->q); /* forward, again, backward */
    free(forks);
}
