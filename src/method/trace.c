/* trace.c: see trace.h.
 *
 * The clean run and the corrupted runs are recorded; then each cell becomes one fork per sample, and all forks of all
 * questions are replayed together. */
#include "method/trace.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/replay_owned.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

void trace_fill_cost(trace_job *j)
{
    trace_cost *cost = &j->t->cost;
    cost->seconds = j->seconds;
    cost->flop = j->work.flop + j->readout_flop + j->vision_flop;
    cost->naive_flop = (double)(cost->cells * j->samples) * question_pass_flop(j->q) + trace_tower_naive_flop(j);
    cost->waves = j->work.waves;
    cost->peak_rss_bytes = process_peak_bytes();
    cost->products = j->work.products;
    cost->attention = j->work.attention;
    cost->loading = j->work.loading;
    cost->readout = j->readout_seconds;
}

pb_status trace_replay(trace_job *jobs, size_t count, replay_fork *forks, const size_t *fork_counts,
                       const replay_options *options, pb_error *err)
{
    replay_work **works = mem_new(count, sizeof *works);
    for (size_t i = 0; i < count; i++)
        works[i] = &jobs[i].work;
    pb_status status = replay_owned(&jobs[0].q->model->decoder, forks, fork_counts, works, count, options, err);
    free(works);
    return status;
}

static void keep_corruptions(trace_job *j)
{
    j->t->corruptions = mem_new(j->corruption.count, sizeof *j->t->corruptions);
    for (size_t i = 0; i < j->corruption.count; i++)
        j->t->corruptions[j->t->corruption_count++] = mem_text(j->corruption.items[i].spec);
    if (j->corruption.span.count)
        j->t->corrupt_span = mem_text(j->options->corrupt_span ? j->options->corrupt_span : "constraint");
}

pb_status trace_prepare(trace_job *j, pb_error *err)
{
    TRY(trace_choose(j, err));
    TRY(corruption_prepare(&j->corruption, j->q, j->options, err));
    j->samples = j->t->samples = j->corruption.samples;
    keep_corruptions(j);
    TRY(trace_choose_cells(j, err));
    return trace_inputs(j, err);
}

/* What tracing will take is said before. */
static pb_status announce(trace_job *jobs, size_t count, pb_error *err)
{
    const pb_run_options *run = &jobs[0].options->run;
    run_plan plan;
    if (!run->progress)
        return PB_OK;
    size_t cells = trace_plan_jobs(&plan, jobs, count);
    pb_status status = run_plan_announce(&plan, cells, "cell", run, err);
    run_plan_free(&plan);
    return status;
}

/* The tower's part of a job: forks of its own runs. */
static pb_status run_tower(trace_job *j, pb_error *err)
{
    double before = question_vision_flop(j->q);
    TRY(trace_tower_references(j, err));
    TRY(trace_tower_cells(j, err));
    j->vision_flop += question_vision_flop(j->q) - before;
    return PB_OK;
}

static pb_status run(trace_job *jobs, size_t count, pb_error *err)
{
    TRY(announce(jobs, count, err));
    TRY(trace_references(jobs, count, err));
    TRY(trace_cells(jobs, count, err));
    for (size_t i = 0; i < count; i++)
        TRY(run_tower(&jobs[i], err));
    return PB_OK;
}

void trace_job_free(trace_job *j)
{
    for (size_t s = 0; s < j->samples; s++) {
        if (j->inputs)
            free(j->inputs[s]);
        if (j->corrupted)
            recording_free(j->corrupted[s]);
    }
    recording_free(j->clean);
    trace_tower_free(j);
    corruption_free(&j->corruption);
    free(j->inputs);
    free(j->first_changed);
    free(j->corrupted_bases);
    free(j->corrupted);
    free(j->references);
    free(j->corrupted_score);
    free(j->clean_prob);
    free(j->corrupted_prob);
}

/* ---- several questions ---- */

/* Rows of cells, over all of them, that keep a walk over the layers busy: to read the weights takes little time beside them. */
enum { ROWS_ENOUGH = 16384 };

/* Those that are traced together. */
typedef struct trace_list {
    trace_job *jobs;   /* [count] */
    tracing **of;      /* [count] */
    size_t count, rows, held;
    double began;
    const question *first;
    double vision_before; /* question_vision_flop(first) when all began */
} trace_list;

/* Rows that a job's cells run, at most. */
static size_t cell_rows(const trace_job *j)
{
    size_t rows = 0, heads = 0;
    for (size_t s = 0; s < j->t->site_count; s++)
        heads += j->t->sites[s].heads;
    for (size_t i = 0; i < j->t->cell_count; i++)
        rows += j->q->length - j->t->cells[i].positions[0];
    return rows * heads * j->t->layer_count * j->samples;
}

/* A plain form shares nothing: such a question is traced by itself. */
static bool is_shared(const pb_trace_options *o)
{
    return !o->naive && !o->verify;
}

static void drop(trace_job *j)
{
    trace_job_free(j);
    trace_free(j->t);
}

/* Whether the list may grow by this question, as far as can be seen before it is prepared. */
static bool has_room(const trace_list *l, const tracing *one)
{
    if (l->count == 0)
        return true;
    size_t budget = question_budget(l->jobs[0].options->run.memory);
    return l->rows < ROWS_ENOUGH && l->held < budget / 2 && is_shared(one->options) && is_shared(l->jobs[0].options);
}

/* Takes a question on, or finds that it cannot be traced; false: it has to wait. */
static bool take_on(trace_list *l, tracing *one)
{
    trace_job *j = &l->jobs[l->count];
    *j = (trace_job){.t = &one->trace, .q = one->q, .options = one->options, .seconds = l->began - one->q->began};
    one->trace = (trace){.foil = -1};
    double others = question_vision_flop(l->first) - l->vision_before;
    one->status = trace_prepare(j, &one->why);
    bool prepared = !one->status;
    if (prepared)
        one->status = trace_join(l->jobs, l->count + 1, &one->why);
    if (one->status) {
        drop(j);
        return !prepared || l->count == 0;
    }
    j->vision_flop = question_vision_flop(j->q) - others; /* from its opening on, without the others' */
    l->of[l->count++] = one;
    l->rows += cell_rows(j);
    l->held += j->held_bytes;
    return true;
}

/* What all of them took, by what each of them was of it. */
static void fill_costs(trace_list *l)
{
    double all = 0, seconds = clock_now() - l->began;
    for (size_t i = 0; i < l->count; i++)
        all += l->jobs[i].work.flop;
    for (size_t i = 0; i < l->count; i++) {
        trace_job *j = &l->jobs[i];
        j->seconds += l->count == 1 ? seconds : all > 0 ? seconds * j->work.flop / all : 0;
        trace_fill_cost(j);
    }
}

/* Where they fail together, each is traced by itself, so that it is the failure of one. */
static void trace_all(trace_list *l)
{
    pb_error why = {0};
    pb_status status = run(l->jobs, l->count, &why);
    if (!status) {
        fill_costs(l);
        status = trace_verify(l->jobs, l->count, &why);
    }
    for (size_t i = 0; i < l->count; i++)
        status ? drop(&l->jobs[i]) : trace_job_free(&l->jobs[i]);
    if (status && l->count == 1) {
        l->of[0]->status = status;
        l->of[0]->why = why;
    }
    for (size_t i = 0; status && l->count > 1 && i < l->count; i++)
        trace_some(l->of[i], 1);
}

size_t trace_some(tracing *list, size_t n)
{
    trace_list l = {.jobs = mem_new(n, sizeof *l.jobs), .of = mem_new(n, sizeof *l.of), .began = clock_now(),
                    .first = list[0].q, .vision_before = question_vision_flop(list[0].q)};
    size_t taken = 0;
    while (taken < n && has_room(&l, &list[taken]) && take_on(&l, &list[taken]))
        taken++;
    if (l.count)
        trace_all(&l);
    free(l.jobs);
    free(l.of);
    return taken;
}

pb_status trace_run_question(trace *t, question *q, const pb_trace_options *options, pb_error *err)
{
    tracing one = {.q = q, .options = options};
    trace_some(&one, 1);
    *t = one.trace;
    if (one.status && err)
        *err = one.why;
    return one.status;
}

static void grid_free(trace_grid *g)
{
    free(g->prob);
    free(g->logprob);
    free(g->logit_diff);
    free(g->sd);
    free(g->restored);
    free(g->estimate);
}

static void vision_grid_free(trace_vision *g)
{
    for (size_t i = 0; i < g->cell_count; i++) {
        span_free(&g->cells[i]);
        if (g->groups)
            free(g->groups[i]);
    }
    grid_free(&g->grid);
    free(g->layers);
    free(g->cells);
    free(g->groups);
}

trace trace_vision_view(const trace *t, const trace_vision *g)
{
    trace view = *t;
    view.layer_count = g->layer_count;
    view.layers = g->layers;
    view.cell_count = g->cell_count;
    view.cells = g->cells;
    view.groups = g->groups;
    view.site_count = view.vision_count = 0;
    return view;
}

void trace_free(trace *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        span_free(&t->cells[i]);
        if (t->groups)
            free(t->groups[i]);
    }
    for (size_t s = 0; s < t->site_count; s++)
        grid_free(&t->sites[s]);
    for (size_t i = 0; i < t->vision_count; i++)
        vision_grid_free(&t->vision[i]);
    free(t->vision);
    free(t->tower_areas);
    for (size_t i = 0; i < t->corruption_count; i++)
        free(t->corruptions[i]);
    free(t->estimates.largest);
    free(t->corruptions);
    free(t->cells);
    free(t->groups);
    free(t->sites);
    free(t->layers);
    free(t->answer);
    free(t->severed_name);
    free(t->corrupt_span);
    span_free(&t->severed_rows);
    *t = (trace){0};
}

double trace_unpatched_logprob(const trace *t)
{
    return t->direction == TRACE_DENOISE ? t->corrupted.logprob : t->clean.logprob;
}
