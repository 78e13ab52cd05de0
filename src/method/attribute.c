/* attribute.c: see attribute.h.
 *
 * The reference runs are a trace's. A gradient run is one of them, recorded already, or another one on top of the clean
 * run's unchanged rows; backward goes over its changed rows alone. As a row's gradient comes by it is multiplied with
 * the change of that row, and only the product is kept: change[site][layer][position][head], of which every cell is a
 * sum. */
#include "method/attribute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/backward.h"
#include "method/spearman.h"
#include "method/trace_job.h"

typedef struct attribution {
    trace_job *j;
    const pb_attribute_options *options;
    size_t steps;     /* runs per sample; 0: the unpatched run's gradient */
    size_t runs;      /* whose gradients are averaged */
    bool *wanted;     /* [T]: positions of cells */
    size_t slot[SITE_PUT_COUNT]; /* of a site in the trace's list; SIZE_MAX: not asked for */
    double **change;  /* [site_count]: [L][T][heads], of which head_out alone has more than one */
} attribution;

/* A run in which the gradient is taken. */
typedef struct gradient_run {
    attribution *a;
    size_t first_sample, end_sample; /* the samples whose changes it is multiplied with */
    float *input;                    /* [end - first][D]; NULL: the run has been recorded */
    recording *own;
} gradient_run;

/* ---- the runs ---- */

/* Whether the run is one of the references as it stands: the corrupted one. The clean run's recording begins at row 0,
 * but backward is to go over the changed rows alone, so those are run once more by themselves, for all samples. */
static bool is_reference(const attribution *a)
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

static pb_status prepare_run(attribution *a, size_t index, gradient_run *r, replay_fork *f, pb_error *err)
{
    const trace_job *j = a->j;
    size_t T = j->q->length, D = j->q->model->decoder.config.d_model, first = first_of(a, index);
    size_t sample = a->steps ? index / a->steps : index;
    *r = (gradient_run){.a = a, .first_sample = sample, .end_sample = sample + 1};
    if (is_reference(a)) {
        *f = j->references[1 + sample];
        return PB_OK;
    }
    if (is_shared(a))
        r->end_sample = j->samples;
    TRY(mem_try(&r->input, T - first, D * sizeof(float), "an input between two runs", err));
    interpolate(a, sample, first, a->steps ? index % a->steps : 0, r->input);
    TRY(recording_new(&r->own, &j->q->model->decoder.config, first ? j->clean : NULL, first, T, first, err));
    *f = (replay_fork){.base = r->own->base, .first = first, .end = T, .input = r->input, .record = r->own,
                       .read_first = T};
    return PB_OK;
}

static size_t run_bytes(const attribution *a, size_t index)
{
    const decoder_config *c = &a->j->q->model->decoder.config;
    size_t T = a->j->q->length, first = first_of(a, index), rows = (T - first) * c->d_model * sizeof(float);
    size_t read = 2 * question_answer_tokens(a->j->q) * c->d_model * sizeof(float);
    return rows + read + (is_reference(a) ? 0 : rows + recording_bytes(c, first, T, first));
}

static size_t change_count(const attribution *a, size_t s)
{
    return a->j->q->model->decoder.config.layers * a->j->q->length * a->j->t->sites[s].heads;
}

static size_t changes_bytes(const attribution *a)
{
    size_t count = 0;
    for (size_t s = 0; s < a->j->t->site_count; s++)
        count += change_count(a, s);
    return count * sizeof(double);
}

/* What all else takes while gradients are taken. */
static size_t other_bytes(const attribution *a, size_t runs)
{
    const decoder *m = &a->j->q->model->decoder;
    size_t T = a->j->q->length, forward = replay_fixed_bytes(m, T), backward = backward_fixed_bytes(m, T);
    size_t read = score_differentiate_bytes(m, runs * question_answer_tokens(a->j->q));
    size_t largest = forward > backward ? forward : backward;
    return a->j->held_bytes + (largest > read ? largest : read) +
           changes_bytes(a);
}

static size_t run_count(const attribution *a)
{
    return is_shared(a) ? 1 : a->j->samples * (a->steps ? a->steps : 1);
}

/* What the largest run takes by itself: known before anything has run. */
static size_t least_bytes(const trace_job *j)
{
    trace_job shape = *j; /* an attribution may write to its job: this one is only counted */
    attribution a = {.j = &shape, .steps = shape.t->estimates.steps};
    size_t most = 0;
    for (size_t i = 0; i < run_count(&a); i++)
        most = run_bytes(&a, i) > most ? run_bytes(&a, i) : most;
    return most + other_bytes(&a, 1);
}

/* How many runs from `first` on fit the budget together; at least one must. */
static pb_status group_size(const attribution *a, size_t first, size_t *count, pb_error *err)
{
    size_t held = run_bytes(a, first), budget = question_budget(a->j->options->run.memory);
    TRY(question_fits(other_bytes(a, 1) + held, a->j->options->run.memory, "this gradient", err));
    *count = 1;
    while (first + *count < a->runs && held + run_bytes(a, first + *count) + other_bytes(a, *count + 1) <= budget)
        held += run_bytes(a, first + (*count)++);
    return PB_OK;
}

/* ---- products ---- */

/* (x' - x) . d */
static double product(const float *source, const float *own, const float *d, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)source[i] - (double)own[i]) * (double)d[i];
    return sum;
}

static void take_gradient(void *context, site s, size_t layer, size_t position, const float *d)
{
    const gradient_run *r = context;
    attribution *a = r->a;
    const trace_job *j = a->j;
    const decoder_config *c = &j->q->model->decoder.config;
    if (a->slot[s] == SIZE_MAX || !a->wanted[position])
        return;
    size_t heads = j->t->sites[a->slot[s]].heads, width = s == SITE_HEAD_OUT ? c->head_dim : c->d_model;
    size_t averaged = j->samples * (a->steps ? a->steps : 1);
    double *change = a->change[a->slot[s]] + (layer * j->q->length + position) * heads;
    for (size_t i = r->first_sample; i < r->end_sample; i++) {
        const float *source = recording_row(trace_source_run(j, i), s, layer, position);
        const float *own = recording_row(trace_patched_run(j, i), s, layer, position);
        for (size_t h = 0; h < heads; h++)
            change[h] += product(source + h * width, own + h * width, d + h * width, width) / (double)averaged;
    }
}

/* ---- a group of runs ---- */

/* d[count][answer_count][D] = the gradients of logprob with respect to the runs' final rows. */
static pb_status differentiate_readout(const attribution *a, const replay_fork *forks, size_t count, float *d,
                                       pb_error *err)
{
    trace_job *j = a->j;
    decoder *m = &j->q->model->decoder;
    size_t K = j->q->answer_count;
    readout *reads = mem_new(count * K, sizeof *reads);
    double begin = clock_now();
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < K; k++)
            reads[i * K + k] = (readout){
                .x = recording_row(forks[i].record, SITE_RESID_POST, m->config.layers - 1, j->q->last + k),
                .want = {j->q->answer[k], -1}};
    pb_status status = score_differentiate(m, reads, count * K, d, NULL, err);
    free(reads);
    j->own.readout_seconds += clock_now() - begin;
    j->own.readout_flop += 3 * (double)(count * K) * decoder_readout_flop(&m->config); /* forward, again, backward */
    return status;
}

static pb_status run_group(attribution *a, gradient_run *runs, replay_fork *forks, size_t count, float *d,
                           pb_error *err)
{
    trace_job *j = a->j;
    decoder *m = &j->q->model->decoder;
    size_t rows = 0;
    fork_gradient *gradients = mem_new(count, sizeof *gradients);
    for (size_t i = 0; i < count; i++) {
        rows += forks[i].end - forks[i].first;
        gradients[i] = (fork_gradient){.d_read = d + i * j->q->answer_count * m->config.d_model, .each = take_gradient,
                                       .context = &runs[i]};
    }
    replay_options options = {.memory = rows * m->config.d_model * sizeof(float)};
    pb_status status = is_reference(a) ? PB_OK : replay_run(m, forks, count, &options, &j->own.work, err);
    for (size_t i = 0; i < count; i++)
        forks[i].read_first = j->q->last;
    if (!status)
        status = differentiate_readout(a, forks, count, d, err);
    if (!status)
        status = backward_run(m, forks, gradients, count, NULL, options.memory, &j->own.work, err);
    free(gradients);
    return status;
}

static pb_status prepare_and_run(attribution *a, gradient_run *runs, replay_fork *forks, size_t first, size_t count,
                                 pb_error *err)
{
    float *d;
    size_t D = a->j->q->model->decoder.config.d_model;
    for (size_t i = 0; i < count; i++)
        TRY(prepare_run(a, first + i, &runs[i], &forks[i], err));
    TRY(mem_try(&d, count * a->j->q->answer_count, D * sizeof *d, "gradients of a read-out", err));
    pb_status status = run_group(a, runs, forks, count, d, err);
    free(d);
    return status;
}

static pb_status take_group(attribution *a, size_t first, size_t count, pb_error *err)
{
    gradient_run *runs = mem_new(count, sizeof *runs);
    replay_fork *forks = mem_new(count, sizeof *forks);
    pb_status status = prepare_and_run(a, runs, forks, first, count, err);
    for (size_t i = 0; i < count; i++) {
        recording_free(runs[i].own);
        free(runs[i].input);
    }
    free(runs);
    free(forks);
    return status;
}

static void report_progress(const attribution *a, size_t done)
{
    const pb_run_options *run = &a->j->options->run;
    if (run->progress)
        run->progress(run->context, "estimating", (double)done, (double)a->runs);
}

static pb_status take_gradients(attribution *a, pb_error *err)
{
    report_progress(a, 0);
    for (size_t i = 0, count; i < a->runs; i += count) {
        TRY(group_size(a, i, &count, err));
        TRY(take_group(a, i, count, err));
        report_progress(a, i + count);
    }
    return PB_OK;
}

/* ---- estimates ---- */

/* What a cell changes: the sum over its rows and layers. */
static double cell_change(const attribution *a, trace_cell c)
{
    const trace *t = a->j->t;
    const trace_grid *g = &t->sites[c.site];
    const span *cell = &t->cells[c.column];
    size_t T = a->j->q->length;
    double sum = 0;
    for (size_t l = g->restored[c.layer][0]; l <= g->restored[c.layer][1]; l++)
        for (size_t i = 0; i < cell->count; i++)
            sum += a->change[c.site][(l * T + cell->positions[i]) * g->heads + c.head];
    return sum;
}

static pb_status fill_estimates(attribution *a, pb_error *err)
{
    trace *t = a->j->t;
    for (size_t s = 0; s < t->site_count; s++) {
        t->sites[s].estimate = mem_new(trace_grid_size(t, &t->sites[s]), sizeof *t->sites[s].estimate);
        t->sites[s].spearman = NAN;
    }
    for (size_t i = 0; i < trace_cell_total(t); i++) {
        trace_cell c = trace_cell_at(t, i);
        double estimate = trace_unpatched_logprob(t) + cell_change(a, c);
        if (!isfinite(estimate))
            return fail(err, PB_EINVAL, "the gradient is NaN or infinite: it exceeds what float32 holds");
        t->sites[c.site].estimate[trace_cell_in_grid(t, c)] = estimate;
    }
    return PB_OK;
}

/* ---- exact values ---- */

typedef struct sized_cell {
    double size;
    size_t at;
} sized_cell;

/* The largest first; of equals the first. */
static int by_size(const void *a, const void *b)
{
    const sized_cell *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : (x->at > y->at) - (x->at < y->at);
}

static int by_number(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The cells whose estimates change most: t->estimates.largest, and their numbers cells[n], ascending. */
static void choose_largest(const attribution *a, size_t *cells, size_t n)
{
    trace *t = a->j->t;
    size_t total = trace_cell_total(t);
    sized_cell *all = mem_new(total, sizeof *all);
    for (size_t i = 0; i < total; i++)
        all[i] = (sized_cell){fabs(cell_change(a, trace_cell_at(t, i))), i};
    qsort(all, total, sizeof *all, by_size);
    t->estimates.exact = n;
    t->estimates.largest = mem_new(n, sizeof *t->estimates.largest);
    for (size_t i = 0; i < n; i++) {
        cells[i] = all[i].at;
        t->estimates.largest[i] = trace_cell_at(t, all[i].at);
    }
    qsort(cells, n, sizeof *cells, by_number);
    free(all);
}

static void forget(double *values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        values[i] = NAN;
}

/* Whatever is not run has no exact value. */
static void forget_exact(trace *t, const size_t *cells, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < trace_cell_total(t); i++) {
        trace_cell c = trace_cell_at(t, i);
        trace_grid *g = &t->sites[c.site];
        size_t k = trace_cell_in_grid(t, c);
        if (at < n && cells[at] == i) {
            at++;
            continue;
        }
        g->prob[k] = g->logprob[k] = NAN;
        forget(g->logit_diff ? g->logit_diff + k : NULL, 1);
        forget(g->sd ? g->sd + k : NULL, 1);
    }
}

static double correlate(const trace *t, size_t first, size_t end)
{
    size_t total = trace_cell_total(t), at = 0;
    double *pairs = mem_new(2 * total + 1, sizeof *pairs), *exact = pairs + total;
    for (size_t s = first; s < end; s++)
        for (size_t i = 0; i < trace_grid_size(t, &t->sites[s]); i++, at++) {
            pairs[at] = t->sites[s].estimate[i] - trace_unpatched_logprob(t);
            exact[at] = t->sites[s].logprob[i] - trace_unpatched_logprob(t);
        }
    double r = spearman_of(pairs, exact, at);
    free(pairs);
    return r;
}

/* How many cells are run. */
static size_t exact_cells(const attribution *a)
{
    size_t total = trace_cell_total(a->j->t), n = a->options->exact ? a->options->exact : ATTRIBUTE_EXACT;
    return a->options->exact_all || n > total ? total : n;
}

static pb_status run_exact(attribution *a, pb_error *err)
{
    trace *t = a->j->t;
    size_t total = trace_cell_total(t), n = exact_cells(a), *cells = mem_new(n + 1, sizeof *cells);
    choose_largest(a, cells, n);
    a->j->cells = cells;
    a->j->cell_count = n;
    pb_status status = trace_cells(a->j, 1, err);
    a->j->cells = NULL;
    forget_exact(t, cells, n);
    free(cells);
    if (status || n < total)
        return status;
    for (size_t s = 0; s < t->site_count; s++)
        t->sites[s].spearman = correlate(t, s, s + 1);
    t->estimates.spearman = correlate(t, 0, t->site_count);
    return PB_OK;
}

/* ---- all of it ---- */

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

static void open_attribution(attribution *a)
{
    const trace_job *j = a->j;
    const trace *t = j->t;
    a->runs = run_count(a);
    a->wanted = mem_new(j->q->length, sizeof *a->wanted);
    a->change = mem_new(t->site_count, sizeof *a->change);
    for (size_t s = 0; s < t->site_count; s++)
        a->change[s] = mem_new(change_count(a, s), sizeof **a->change);
    for (size_t s = 0; s < SITE_PUT_COUNT; s++)
        a->slot[s] = SIZE_MAX;
    for (size_t s = 0; s < t->site_count; s++)
        a->slot[t->sites[s].site] = s;
    for (size_t c = 0; c < t->cell_count; c++)
        for (size_t i = 0; i < t->cells[c].count; i++)
            a->wanted[t->cells[c].positions[i]] = true;
}

static pb_status estimate(attribution *a, pb_error *err)
{
    TRY(take_gradients(a, err));
    TRY(fill_estimates(a, err));
    return run_exact(a, err);
}

/* ---- what it takes ---- */

/* The runs in which gradients are taken; those that stand as references are not run again. */
static void foresee_gradients(const attribution *a, run_plan *plan)
{
    const trace_job *j = a->j;
    const decoder *m = &j->q->model->decoder;
    size_t runs = run_count(a);
    replay_fork *forks = mem_new(runs, sizeof *forks);
    for (size_t i = 0; i < runs; i++)
        forks[i] = (replay_fork){.first = first_of(a, i), .end = j->q->length, .input = j->q->input, .read_first = j->q->last};
    if (!is_reference(a))
        replay_plan_add(&plan->forks, m, forks, runs, SIZE_MAX);
    replay_plan_add_backward(&plan->forks, m, forks, runs, SIZE_MAX);
    plan->reads += 3 * runs * question_answer_tokens(j->q); /* forward, again, backward */
    free(forks);
}

/* Of cells[count] those behind the picture: late[]; returns how many. */
static size_t find_late(const attribution *a, const size_t *cells, size_t count, size_t *late)
{
    const trace *t = a->j->t;
    const prompt *p = &a->j->q->prompt;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (t->cells[trace_cell_at(t, cells[i]).column].positions[0] >= p->image_first + p->image_count)
            late[n++] = cells[i];
    return n;
}

static void choose_evenly(const size_t *cells, size_t count, size_t *chosen, size_t n)
{
    for (size_t i = 0; i < n; i++)
        chosen[i] = cells[i * count / n];
}

/* Which cells will be run is not known yet: as many of those that make a difference stand for them, evenly chosen: the first few behind
 * the picture, where answers are made, which have few rows, the others anywhere. Fills in chosen[]; returns how many. */
static size_t choose_likely(const attribution *a, size_t *chosen, size_t n)
{
    size_t total = trace_cell_total(a->j->t), *cells = mem_new(total, sizeof *cells), *late = mem_new(total, sizeof *late);
    size_t run = trace_plan_run_cells(a->j, cells), late_count = find_late(a, cells, run, late);
    n = n < run ? n : run;
    size_t first = n == run || late_count < ATTRIBUTE_EXACT ? 0 : n < ATTRIBUTE_EXACT ? n : ATTRIBUTE_EXACT;
    choose_evenly(late, late_count, chosen, first);
    choose_evenly(cells, run, chosen + first, n - first);
    free(cells);
    free(late);
    return n;
}

static pb_status announce(attribution *a, pb_error *err)
{
    trace_job *j = a->j;
    run_plan plan;
    size_t total = trace_cell_total(j->t), *cells;
    if (!j->options->run.progress)
        return PB_OK;
    cells = mem_new(total, sizeof *cells);
    j->cell_count = choose_likely(a, cells, exact_cells(a));
    j->cells = cells;
    trace_plan_jobs(&plan, j, 1);
    j->cells = NULL;
    foresee_gradients(a, &plan);
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
    open_attribution(&a);
    pb_status status = estimate(&a, err);
    free(a.wanted);
    for (size_t s = 0; s < j->t->site_count; s++)
        free(a.change[s]);
    free(a.change);
    j->vision_flop = question_vision_flop(j->q);
    trace_fill_cost(j, clock_now() - j->q->began);
    return status;
}

pb_status attribute_run_question(trace *t, question *q, const pb_attribute_options *options, pb_error *err)
{
    pb_trace_options traced = options->trace;
    traced.verify = 0;
    trace_job j = {.t = t, .q = q, .options = &traced, .least_after = least_bytes};
    *t = (trace){.foil = -1, .estimates = {.made = true, .steps = options->steps, .spearman = NAN}};
    pb_status status = run(&j, options, err);
    trace_job_free(&j);
    if (status)
        trace_free(t);
    return status;
}
