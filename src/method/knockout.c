/* knockout.c: see knockout.h.
 *
 * The clean runs are recorded; each point of each curve is a fork of its question's that cuts edges, and all of them, of all
 * questions, are replayed together. */
#include "method/knockout.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "method/answer_choice.h"
#include "method/verify.h"

/* One question. */
typedef struct knockout_job {
    knockout *k;
    question *q;
    const pb_knockout_options *options;
    clean_run clean;
} knockout_job;

/* Those whose edges are cut together. */
typedef struct knockout_list {
    together_list all;
    knockout_job *jobs;  /* [all.count] */
    clean_run **runs;    /* [all.count] the jobs' */
    size_t rows;         /* of their points, at most */
    size_t wave_bytes;   /* what forks' rows may take */
} knockout_list;

/* ---- what is asked ---- */

static void name_curve(const knockout *k, knockout_curve *c)
{
    buffer name = {0};
    for (size_t i = 0; i < c->pair_count; i++) {
        const span_pair *pair = &k->pairs.items[c->first_pair + i];
        buffer_printf(&name, "%s%s > %s", i ? ", " : "", pair->from, pair->to);
    }
    c->name = name.data;
}

static void choose_curves(knockout *k, bool together)
{
    k->curve_count = together ? 1 : k->pairs.count;
    k->curves = mem_new(k->curve_count, sizeof *k->curves);
    for (size_t i = 0; i < k->curve_count; i++) {
        knockout_curve *c = &k->curves[i];
        c->first_pair = together ? 0 : i;
        c->pair_count = together ? k->pairs.count : 1;
        c->prob = mem_new(k->layer_count, sizeof *c->prob);
        c->logprob = mem_new(k->layer_count, sizeof *c->logprob);
        c->relative = mem_new(k->layer_count, sizeof *c->relative);
        name_curve(k, c);
    }
}

/* A curve's cuts around the layer number `point` of those asked for: cuts[pair_count]. Destinations that no source can
 * reach are left out: they stand before the first one. */
static void cuts_of(const knockout *k, const knockout_curve *c, size_t point, edge_cut *cuts)
{
    for (size_t i = 0; i < c->pair_count; i++) {
        const span *from = &k->pairs.items[c->first_pair + i].sources, *to = &k->pairs.items[c->first_pair + i].destinations;
        size_t idle = 0;
        while (idle < to->count && to->positions[idle] < from->positions[0])
            idle++;
        cuts[i] = (edge_cut){.first_layer = k->cut[point][0], .end_layer = k->cut[point][1] + 1,
                             .edges = {.sources = from->positions, .source_count = from->count,
                                       .destinations = to->positions + idle, .destination_count = to->count - idle}};
    }
}

/* A row that the curve's cuts leave without a source: the same in all windows. */
static pb_status check_sources(const knockout_job *j, const knockout_curve *c, pb_error *err)
{
    edge_cut *cuts = mem_new(c->pair_count, sizeof *cuts);
    size_t row;
    cuts_of(j->k, c, 0, cuts);
    bool starved = cuts_starve(cuts, c->pair_count, &row);
    free(cuts);
    if (!starved)
        return PB_OK;
    buffer text = {0};
    prompt_row_text(&j->q->prompt, j->q->model->tokenizer, row, &text);
    fail(err, PB_EINVAL, "cutting %s leaves row %zu (\"%s\") no row to attend to, not even itself", c->name, row,
         text.data ? text.data : "");
    buffer_free(&text);
    return fail_hint(err, "leave it a source: --from without the row itself, or without bos");
}

static pb_status choose(knockout_job *j, pb_error *err)
{
    knockout *k = j->k;
    const pb_knockout_options *o = j->options;
    size_t L = j->q->model->decoder.config.layers;
    TRY(layers_choose(o->first_layer, o->end_layer, L, "the model", &k->layers, &k->layer_count, err));
    k->window_kind = o->radius ? WINDOW_RADIUS : WINDOW_CENTRED;
    k->window = o->window || o->radius ? o->window : 1;
    k->cut = mem_new(k->layer_count, sizeof *k->cut);
    layers_windows(k->window_kind, k->window, k->layers, k->layer_count, L, k->cut);
    TRY(span_pairs_choose(&k->pairs, &j->q->prompt, o->pairs, o->pair_count, err));
    choose_curves(k, o->together);
    for (size_t i = 0; i < k->curve_count; i++)
        TRY(check_sources(j, &k->curves[i], err));
    return answer_choose(j->q, &o->answer, err);
}

static size_t cell_total(const knockout *k)
{
    return k->curve_count * k->layer_count;
}

/* ---- points ---- */

/* Forks of many points on their way through the engine, job by job. */
typedef struct knockout_batch {
    const knockout_list *list;
    fork_batch forks;
    edge_cut *cuts;     /* [most forks][pairs] */
    size_t pairs;       /* the most of a curve */
} knockout_batch;

static size_t pairs_of_a_curve(const knockout_list *l, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t pairs = l->jobs[i].k->curves[0].pair_count;
        most = pairs > most ? pairs : most;
    }
    return most;
}

/* Bytes of one point. */
static size_t point_bytes(size_t pairs)
{
    return sizeof(replay_fork) + sizeof(clean_run *) + pairs * sizeof(edge_cut) + sizeof(score) + sizeof(size_t);
}

static knockout_batch batch_new(const knockout_list *l, size_t most, const char *what)
{
    size_t pairs = pairs_of_a_curve(l, l->all.count);
    knockout_batch b = {.list = l, .forks = fork_batch_new(l->all.owners, l->all.count, most),
                        .cuts = mem_new(most * pairs, sizeof(edge_cut)), .pairs = pairs};
    b.forks.run = &l->jobs[0].options->run;
    b.forks.what = what;
    return b;
}

static void batch_free(knockout_batch *b)
{
    fork_batch_free(&b->forks);
    free(b->cuts);
}

/* The first row that the cuts change, in their first layer; the question's length when none is, or none that is read: in
 * the last layer only the answer's rows are. */
static size_t first_felt(const knockout_job *j, const edge_cut *cuts, size_t count)
{
    size_t first = j->q->length;
    bool in_last = cuts[0].first_layer + 1 == j->q->model->decoder.config.layers;
    for (size_t i = 0; i < count; i++) {
        const attention_cut *edges = &cuts[i].edges;
        if (edges->destination_count == 0 || (in_last && edges->destinations[edges->destination_count - 1] < j->q->last))
            continue;
        first = edges->destinations[0] < first ? edges->destinations[0] : first;
    }
    return first;
}

/* Adds a job's point where it must be run. */
static void add_point(knockout_batch *b, size_t job, const knockout_curve *c, size_t point)
{
    const knockout_job *j = &b->list->jobs[job];
    edge_cut *cuts = &b->cuts[b->forks.count * b->pairs];
    cuts_of(j->k, c, point, cuts);
    size_t first = first_felt(j, cuts, c->pair_count);
    if (first == j->q->length)
        return;
    fork_batch_add(&b->forks, job, (replay_fork){.base = j->clean.recording, .first = first, .end = j->q->length, .cuts = cuts,
                                                 .cut_count = c->pair_count, .read_first = j->q->last});
}

/* The same in its plain form: a full forward pass that shares nothing. */
static void add_plain(knockout_batch *b, size_t job, const knockout_curve *c, size_t point)
{
    const knockout_job *j = &b->list->jobs[job];
    edge_cut *cuts = &b->cuts[b->forks.count * b->pairs];
    cuts_of(j->k, c, point, cuts);
    fork_batch_add(&b->forks, job, (replay_fork){.end = j->q->length, .input = j->q->input, .cuts = cuts,
                                                 .cut_count = c->pair_count, .read_first = j->q->last, .plain = true});
}

static void store(knockout *k, size_t cell, double prob, double logprob)
{
    knockout_curve *c = &k->curves[cell / k->layer_count];
    size_t point = cell % k->layer_count;
    c->prob[point] = prob;
    c->logprob[point] = logprob;
    c->relative[point] = k->clean.prob > 0 ? (prob - k->clean.prob) / k->clean.prob : NAN;
}

/* Adds all points of a job; slot[its cells] = 1 + the index of a point's fork; 0: it is known. */
static void add_points(knockout_batch *b, size_t job, size_t *slot)
{
    const knockout_job *j = &b->list->jobs[job];
    for (size_t i = 0; i < cell_total(j->k); i++) {
        size_t before = b->forks.count;
        (j->options->naive ? add_plain : add_point)(b, job, &j->k->curves[i / j->k->layer_count], i % j->k->layer_count);
        slot[i] = b->forks.count > before ? b->forks.count : 0;
    }
}

static void fill_in(knockout *k, const knockout_batch *b, size_t job, const size_t *slot)
{
    for (size_t i = 0; i < cell_total(k); i++) {
        const score *cut = slot[i] ? &b->forks.scores[slot[i] - 1] : NULL;
        store(k, i, cut ? cut->prob : k->clean.prob, cut ? cut->logprob : k->clean.logprob);
    }
    k->cost.cells = cell_total(k);
    k->cost.cells_skipped = cell_total(k) - b->forks.forks_of[job];
}

static size_t cells_of(const knockout_list *l, size_t count)
{
    size_t cells = 0;
    for (size_t i = 0; i < count; i++)
        cells += cell_total(l->jobs[i].k);
    return cells;
}

static pb_status run_cells(knockout_list *l, pb_error *err)
{
    size_t cells = cells_of(l, l->all.count), *slot = mem_new(cells, sizeof *slot);
    knockout_batch b = batch_new(l, cells, "cutting");
    for (size_t i = 0; i < l->all.count; i++)
        add_points(&b, i, slot + cells_of(l, i));
    pb_status status = fork_batch_run(&b.forks, l->jobs[0].options->naive ? 0 : l->wave_bytes, err);
    for (size_t i = 0; i < l->all.count && !status; i++)
        fill_in(l->jobs[i].k, &b, i, slot + cells_of(l, i));
    batch_free(&b);
    free(slot);
    return status;
}

/* ---- checks ---- */

/* Of a list of one. */
static pb_status verify(const knockout_list *l, pb_error *err)
{
    const pb_knockout_options *o = l->jobs[0].options;
    knockout *k = l->jobs[0].k;
    size_t total = cell_total(k), n = o->verify < total ? o->verify : total;
    if (n == 0)
        return PB_OK;
    size_t *order = verify_choose(total, n, o->run.seed);
    knockout_batch b = batch_new(l, n, "verifying");
    for (size_t i = 0; i < n; i++)
        add_plain(&b, 0, &k->curves[order[i] / k->layer_count], order[i] % k->layer_count);
    pb_status status = fork_batch_run(&b.forks, 0, err);
    for (size_t i = 0; i < n && !status; i++) {
        double prob = k->curves[order[i] / k->layer_count].prob[order[i] % k->layer_count];
        k->verify_max_rel_diff = fmax(k->verify_max_rel_diff, verify_difference(prob, b.forks.scores[i].prob));
    }
    k->verify_cells = n;
    batch_free(&b);
    free(order);
    return status;
}

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
    return choose(j, err);
}

/* What the budget leaves for the rows of a wave of the first jobs; too small a budget is an error that says what is needed. */
static pb_status divide(knockout_list *l, size_t count, pb_error *err)
{
    const decoder *m = &l->jobs[0].q->model->decoder;
    size_t fixed = 0, longest = 0, tokens = 0, cells = cells_of(l, count), memory = l->jobs[0].options->run.memory;
    for (size_t i = 0; i < count; i++) {
        const question *q = l->jobs[i].q;
        fixed += clean_run_held_bytes(l->runs[i]);
        longest = q->length > longest ? q->length : longest;
        tokens = q->length - q->last > tokens ? q->length - q->last : tokens;
    }
    fixed += replay_fixed_bytes(m, longest) + score_bytes(m, cells, tokens) + cells * point_bytes(pairs_of_a_curve(l, count)) +
             (count > 1 ? clean_runs_reading_bytes(m, count) : 0);
    TRY(question_fits(fixed + longest * m->config.d_model * sizeof(float), memory, "this knockout", err));
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
    l->rows += cell_total(j->k) * (j->q->length - first);
    return PB_OK;
}

/* The runs and points. */
static void foresee(together_list *all, run_plan *plan)
{
    const knockout_list *l = (const knockout_list *)all;
    const decoder *m = &l->jobs[0].q->model->decoder;
    size_t cells = cells_of(l, all->count), *slot = mem_new(cells, sizeof *slot);
    knockout_batch b = batch_new(l, cells, "");
    *plan = (run_plan){.question = l->jobs[0].q, .wave_bytes = l->wave_bytes};
    clean_runs_foresee(plan, l->runs, all->count, l->wave_bytes);
    for (size_t i = 0; i < all->count; i++) {
        add_points(&b, i, slot);
        plan->reads += b.forks.forks_of[i] * question_answer_tokens(l->jobs[i].q);
    }
    replay_plan_add(&plan->forks, m, b.forks.forks, b.forks.count, l->jobs[0].options->naive ? 0 : l->wave_bytes);
    plan->working_bytes = question_budget(l->jobs[0].options->run.memory) - l->wave_bytes +
                          plan->forks.largest * m->config.d_model * sizeof(float);
    batch_free(&b);
    free(slot);
}

/* What all of it will take is said before. */
static pb_status announce(knockout_list *l, pb_error *err)
{
    const pb_run_options *o = &l->jobs[0].options->run;
    run_plan plan;
    if (!o->progress)
        return PB_OK;
    foresee(&l->all, &plan);
    pb_status status = run_plan_announce(&plan, cells_of(l, l->all.count), "point", o, err);
    run_plan_free(&plan);
    return status;
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
    TRY(announce(l, err));
    TRY(clean_runs_make(l->runs, all->count, l->wave_bytes, err));
    for (size_t i = 0; i < all->count; i++) {
        knockout *k = l->jobs[i].k;
        k->clean = l->jobs[i].clean.says;
        k->answer = question_copy_answer(l->jobs[i].q, &k->answer_count);
    }
    TRY(run_cells(l, err));
    fill_costs(l);
    return verify(l, err);
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
    .has_room = has_room, .prepare = prepare, .join = join, .foresee = foresee, .run = run, .release = release, .forget = forget,
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
