/* attribute.c: see attribute.h.
 *
 * The reference runs are a trace's. Then gradients are taken in one of them, or in runs on the way between both
 * (attribute_gradients.c); every cell's estimate is a sum over its rows; and the largest are run (attribute_exact.c). */
#include "method/attribute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/attribute_parts.h"

/* ---- what is asked ---- */

/* What no estimate is made of. */
static pb_status check_asked(const trace_job *j, pb_error *err)
{
    if (j->t->vision_count) {
        fail(err, PB_EINVAL, "--sites %s: there are no estimates of the picture's side", j->t->vision[0].name);
        return fail_hint(err, "its cells are run with the command trace");
    }
    if (j->t->severed)
        return fail(err, PB_EINVAL, "--freeze: a severed trace has no estimates; its cells are run with the command "
                                    "trace");
    return PB_OK;
}

/* Where nothing is changed there is nothing to estimate. */
static pb_status check_change(const trace_job *j, pb_error *err)
{
    size_t bytes = j->q->length * j->q->model->decoder.config.d_model * sizeof(float);
    for (size_t s = 0; s < j->samples; s++)
        if (memcmp(j->inputs[s], j->q->input, bytes) != 0)
            return PB_OK;
    buffer specs = {0};
    for (size_t i = 0; i < j->t->corruption_count; i++)
        buffer_printf(&specs, "%s%s", i ? ", " : "", j->t->corruptions[i]);
    fail(err, PB_EINVAL, "the corruption (%s) changes no row of the decoder's input: there is nothing to estimate",
         specs.data ? specs.data : "");
    buffer_free(&specs);
    return fail_hint(err, "name another one with --corrupt, or another --corrupt-span");
}

/* ---- estimates ---- */

static pb_status fill_estimates(attribution *a, pb_error *err)
{
    trace *t = a->j->t;
    for (size_t s = 0; s < t->site_count; s++) {
        t->sites[s].estimate = mem_new(trace_grid_size(t, &t->sites[s]), sizeof *t->sites[s].estimate);
        t->sites[s].spearman = NAN;
    }
    for (size_t i = 0; i < trace_cell_total(t); i++) {
        trace_cell c = trace_cell_at(t, i);
        double estimate = trace_unpatched_logprob(t) + attribute_cell_change(a, c);
        if (!isfinite(estimate))
            return fail(err, PB_EINVAL, "the gradient is NaN or infinite: it exceeds what float32 holds");
        t->sites[c.site].estimate[trace_cell_in_grid(t, c)] = estimate;
    }
    return PB_OK;
}

static pb_status estimate(attribution *a, pb_error *err)
{
    TRY(attribute_gradients(a, err));
    TRY(fill_estimates(a, err));
    return attribute_exact(a, err);
}

/* ---- all of it ---- */

static pb_status announce(attribution *a, pb_error *err)
{
    trace_job *j = a->j;
    run_plan plan;
    size_t total = trace_cell_total(j->t), *cells;
    if (!j->options->run.progress)
        return PB_OK;
    cells = mem_new(total, sizeof *cells);
    j->cell_count = attribute_likely_cells(a, cells, attribute_exact_count(a));
    j->cells = cells;
    trace_plan_jobs(&plan, j, 1);
    j->cells = NULL;
    attribute_runs_foresee(a, &plan);
    pb_status status = run_plan_announce(&plan, total, "cell", &j->options->run, err);
    run_plan_free(&plan);
    free(cells);
    return status;
}

static pb_status run(trace_job *j, const pb_attribute_options *options, pb_error *err)
{
    attribution a = {.j = j, .options = options, .steps = options->steps};
    if (options->steps > ATTRIBUTE_MOST_STEPS)
        return fail(err, PB_EINVAL, "--ig %zu: more than %d steps lie closer together than float32 can tell",
                    options->steps, ATTRIBUTE_MOST_STEPS);
    TRY(trace_prepare(j, err));
    TRY(check_asked(j, err));
    TRY(check_change(j, err));
    TRY(trace_join(j, 1, err));
    TRY(announce(&a, err));
    TRY(trace_references(j, 1, err));
    attribute_open(&a);
    pb_status status = estimate(&a, err);
    attribute_close(&a);
    j->vision_flop = question_vision_flop(j->q);
    trace_fill_cost(j, clock_now() - j->q->began);
    return status;
}

pb_status attribute_run_question(trace *t, question *q, const pb_attribute_options *options, pb_error *err)
{
    pb_trace_options traced = options->trace;
    traced.verify = 0;
    trace_job j = {.t = t, .q = q, .options = &traced, .least_after = attribute_least_bytes};
    *t = (trace){.foil = -1, .estimates = {.made = true, .steps = options->steps, .spearman = NAN}};
    pb_status status = run(&j, options, err);
    trace_job_free(&j);
    if (status)
        trace_free(t);
    return status;
}
