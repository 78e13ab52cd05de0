/* trace.c: see trace.h.
 *
 * The clean run and the corrupted runs are recorded; then each cell becomes one fork per sample, and all forks of all
 * questions are replayed together. */
#include "method/trace.h"

#include <stdlib.h>

#include "base/memory.h"
#include "method/trace_job.h"
#include "method/trace_tower.h"

void trace_fill_cost(trace_job *j, double seconds)
{
    trace_cost *cost = &j->t->cost;
    fork_owner_cost(&j->own, j->vision_flop, cost);
    cost->seconds = seconds;
    cost->naive_flop = (double)(cost->cells * j->samples) * question_pass_flop(j->q) + trace_tower_naive_flop(j);
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
    j->own = (fork_owner){.q = j->q, .foil = j->t->foil};
    keep_corruptions(j);
    TRY(trace_choose_cells(j, err));
    return trace_inputs(j, err);
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

/* ---- several questions: see together.h ---- */

/* Rows of cells, over all of them, that keep a walk over the layers busy: to read the weights takes little time beside them. */
enum { ROWS_ENOUGH = 16384 };

/* Those that are traced together. */
typedef struct trace_list {
    together_list all;
    trace_job *jobs;      /* [all.count] */
    size_t rows, held;    /* of their cells, and bytes */
    const question *first;
    double vision_before; /* question_vision_flop(first) when all began */
} trace_list;

static void open_list(together_list *all, size_t most)
{
    trace_list *l = (trace_list *)all;
    l->jobs = mem_new(most, sizeof *l->jobs);
}

static void close_list(together_list *all)
{
    free(((trace_list *)all)->jobs);
}

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

static bool has_room(const together_list *all, const together_one *one)
{
    const trace_list *l = (const trace_list *)all;
    const pb_trace_options *first = l->jobs[0].options;
    return l->rows < ROWS_ENOUGH && l->held < question_budget(first->run.memory) / 2 && is_shared(first) &&
           is_shared(((const tracing *)one)->options);
}

static pb_status prepare(together_list *all, together_one *one, pb_error *err)
{
    trace_list *l = (trace_list *)all;
    tracing *asked = (tracing *)one;
    trace_job *j = &l->jobs[all->count];
    asked->trace = (trace){.foil = -1};
    *j = (trace_job){.t = &asked->trace, .q = one->q, .options = asked->options};
    if (!l->first) {
        l->first = one->q;
        l->vision_before = question_vision_flop(one->q);
    }
    double others = question_vision_flop(l->first) - l->vision_before;
    TRY(trace_prepare(j, err));
    j->vision_flop = question_vision_flop(j->q) - others; /* from its opening on, without the others' */
    return PB_OK;
}

static pb_status join(together_list *all, pb_error *err)
{
    trace_list *l = (trace_list *)all;
    trace_job *j = &l->jobs[all->count];
    TRY(trace_join(l->jobs, all->count + 1, err));
    all->owners[all->count] = &j->own;
    l->rows += cell_rows(j);
    l->held += j->held_bytes;
    return PB_OK;
}

static size_t foresee(together_list *all, run_plan *plan)
{
    return trace_plan_jobs(plan, ((trace_list *)all)->jobs, all->count);
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

static pb_status run(together_list *all, pb_error *err)
{
    trace_job *jobs = ((trace_list *)all)->jobs;
    TRY(together_announce(all, &jobs[0].options->run, err));
    TRY(trace_references(jobs, all->count, err));
    TRY(trace_cells(jobs, all->count, err));
    for (size_t i = 0; i < all->count; i++)
        TRY(run_tower(&jobs[i], err));
    for (size_t i = 0; i < all->count; i++)
        trace_fill_cost(&jobs[i], together_seconds(all, i));
    return trace_verify(jobs, all->count, err);
}

static void release(together_list *all, size_t job)
{
    trace_job_free(&((trace_list *)all)->jobs[job]);
}

static void forget(together_list *all, size_t job)
{
    trace_free(((trace_list *)all)->jobs[job].t);
}

static const together_method traces = {
    .one_size = sizeof(tracing), .list_size = sizeof(trace_list), .open = open_list, .close = close_list,
    .has_room = has_room, .prepare = prepare, .join = join, .foresee = foresee, .unit = "cell", .run = run,
    .release = release, .forget = forget,
};

size_t trace_some(tracing *list, size_t n)
{
    return together_some(&traces, &list->one, n);
}

pb_status trace_run_question(trace *t, question *q, const pb_trace_options *options, pb_error *err)
{
    tracing asked = {.one.q = q, .options = options};
    trace_some(&asked, 1);
    *t = asked.trace;
    return together_status(&asked.one, err);
}

pb_status trace_foresee(run_plan *plan, question *q, const pb_trace_options *options, pb_error *err)
{
    tracing asked = {.one.q = q, .options = options};
    return together_foresee(&traces, &asked.one, plan, err);
}

/* ---- results ---- */

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
