/* knockout.c: see knockout.h. Questions are taken on as far as memory holds their clean runs beside each other (together.h); these
 * are recorded, and the points of all are run from them (knockout_points.c). */
#include "method/knockout.h"

#include <stdlib.h>

#include "base/memory.h"
#include "method/knockout_parts.h"

/* ---- several questions: see together.h ---- */

/* Rows of points, over all questions, that keep a walk over the layers busy: to read the weights takes little time beside them. */
enum { ROWS_ENOUGH = 16384 };

static void open_list(together_list *all, size_t most)
{
    knockout_list *l = (knockout_list *)all;
    l->jobs = mem_new(most, sizeof *l->jobs);
    l->runs = mem_new(most, sizeof *l->runs);
}

static void close_list(together_list *all)
{
    knockout_list *l = (knockout_list *)all;
    free(l->jobs);
    free(l->runs);
}

/* A plain form shares nothing: such a question goes by itself. */
static bool is_shared(const pb_knockout_options *o)
{
    return !o->naive && !o->verify;
}

static bool has_room(const together_list *all, const together_one *one)
{
    const knockout_list *l = (const knockout_list *)all;
    return l->rows < ROWS_ENOUGH && is_shared(((const knocking_out *)one)->options) && is_shared(l->jobs[0].options);
}

static pb_status prepare(together_list *all, together_one *one, pb_error *err)
{
    knocking_out *asked = (knocking_out *)one;
    knockout_job *j = &((knockout_list *)all)->jobs[all->count];
    asked->knockout = (knockout){0};
    *j = (knockout_job){.k = &asked->knockout, .q = one->q, .options = asked->options};
    return knockout_choose(j, err);
}

/* What the budget leaves for the rows of a wave of the first jobs; too small a budget is an error that says what is needed. */
static pb_status divide(knockout_list *l, size_t count, pb_error *err)
{
    const decoder *m = &l->jobs[0].q->model->decoder;
    size_t fixed = 0, longest = 0, tokens = 0, cells = knockout_point_total(l, count), memory = l->jobs[0].options->run.memory;
    for (size_t i = 0; i < count; i++) {
        const question *q = l->jobs[i].q;
        fixed += clean_run_held_bytes(l->runs[i]);
        longest = q->length > longest ? q->length : longest;
        tokens = q->length - q->last > tokens ? q->length - q->last : tokens;
    }
    fixed += replay_fixed_bytes(m, longest) + score_bytes(m, cells, tokens) + knockout_points_bytes(l, count) +
             (count > 1 ? clean_runs_reading_bytes(m, count) : 0);
    size_t bytes = question_needs(l->jobs[0].q, fixed + longest * m->config.d_model * sizeof(float));
    TRY(question_fits(bytes, memory, "this knockout", err));
    l->wave_bytes = question_budget(memory) - fixed;
    return PB_OK;
}

static pb_status join(together_list *all, pb_error *err)
{
    knockout_list *l = (knockout_list *)all;
    knockout_job *j = &l->jobs[all->count];
    size_t first = span_pairs_first_destination(&j->k->pairs);
    l->runs[all->count] = &j->clean;
    all->owners[all->count] = &j->clean.own;
    clean_run_plan(&j->clean, j->q, first, l->runs, all->count);
    TRY(divide(l, all->count + 1, err));
    TRY(clean_run_open(&j->clean, err));
    l->rows += knockout_point_count(j->k) * (j->q->length - first);
    return PB_OK;
}

/* The runs and points. */
static size_t foresee(together_list *all, run_plan *plan)
{
    const knockout_list *l = (const knockout_list *)all;
    const decoder *m = &l->jobs[0].q->model->decoder;
    *plan = (run_plan){.question = l->jobs[0].q, .wave_bytes = l->wave_bytes};
    clean_runs_foresee(plan, l->runs, all->count, l->wave_bytes);
    knockout_points_foresee(l, plan);
    plan->working_bytes = question_budget(l->jobs[0].options->run.memory) - l->wave_bytes +
                          plan->forks.largest * m->config.d_model * sizeof(float);
    return knockout_point_total(l, all->count);
}

static void fill_costs(knockout_list *l)
{
    for (size_t i = 0; i < l->all.count; i++) {
        const knockout_job *j = &l->jobs[i];
        trace_cost *cost = &j->k->cost;
        fork_owner_cost(&j->clean.own, question_vision_flop(j->q), cost);
        cost->seconds = together_seconds(&l->all, i);
        cost->naive_flop = (double)cost->cells * question_pass_flop(j->q);
    }
}

static pb_status run(together_list *all, pb_error *err)
{
    knockout_list *l = (knockout_list *)all;
    TRY(divide(l, all->count, err)); /* another one may have been turned away */
    TRY(together_announce(all, &l->jobs[0].options->run, err));
    TRY(clean_runs_make(l->runs, all->count, l->wave_bytes, err));
    for (size_t i = 0; i < all->count; i++) {
        knockout *k = l->jobs[i].k;
        k->clean = l->jobs[i].clean.says;
        k->answer = question_copy_answer(l->jobs[i].q, &k->answer_count);
    }
    TRY(knockout_points(l, err));
    fill_costs(l);
    return knockout_verify(l, err);
}

static void release(together_list *all, size_t job)
{
    clean_run_free(&((knockout_list *)all)->jobs[job].clean);
}

static void forget(together_list *all, size_t job)
{
    knockout_free(((knockout_list *)all)->jobs[job].k);
}

static const together_method cutting = {
    .one_size = sizeof(knocking_out), .list_size = sizeof(knockout_list), .open = open_list, .close = close_list,
    .has_room = has_room, .prepare = prepare, .join = join, .foresee = foresee, .unit = "point", .run = run,
    .release = release, .forget = forget,
};

size_t knockout_some(knocking_out *list, size_t n)
{
    return together_some(&cutting, &list->one, n);
}

pb_status knockout_run_question(knockout *k, question *q, const pb_knockout_options *options, pb_error *err)
{
    knocking_out asked = {.one.q = q, .options = options};
    knockout_some(&asked, 1);
    *k = asked.knockout;
    return together_status(&asked.one, err);
}

pb_status knockout_foresee(run_plan *plan, question *q, const pb_knockout_options *options, pb_error *err)
{
    knocking_out asked = {.one.q = q, .options = options};
    return together_foresee(&cutting, &asked.one, plan, err);
}

void knockout_free(knockout *k)
{
    for (size_t i = 0; i < k->curve_count; i++) {
        free(k->curves[i].name);
        free(k->curves[i].prob);
        free(k->curves[i].logprob);
        free(k->curves[i].relative);
    }
    free(k->curves);
    free(k->layers);
    free(k->cut);
    free(k->answer);
    span_pairs_free(&k->pairs);
    *k = (knockout){0};
}
