/* knockout.c: see knockout.h.
 *
 * The clean runs are recorded; each point of each curve is a fork of its question's that cuts edges, and all of them, of all
 * questions, are replayed together. */
#include "method/knockout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/replay_owned.h"
#include "method/answer_choice.h"
#include "method/verify.h"

/* One question. */
typedef struct knockout_job {
    knockout *k;
    question *q;
    const pb_knockout_options *options;
    clean_run clean;
    double seconds;      /* before the list began, and its part of what that took */
} knockout_job;

/* Those whose edges are cut together. */
typedef struct knockout_list {
    knockout_job *jobs;  /* [count] */
    knocking_out **of;   /* [count] */
    clean_run **runs;    /* [count] the jobs' */
    size_t count, rows;  /* rows: of their points, at most */
    size_t wave_bytes;   /* what forks' rows may take */
    double began;
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
    size_t *forks_of;   /* [list->count] */
    clean_run **owners; /* [most] whose each fork is */
    replay_fork *forks; /* [most] */
    edge_cut *cuts;     /* [most][the most pairs of a curve] */
    score *scores;      /* [most], filled in when they have run */
    size_t count, pairs;
    const char *what;   /* for progress */
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
    size_t pairs = pairs_of_a_curve(l, l->count);
    return (knockout_batch){.list = l, .forks_of = mem_new(l->count, sizeof(size_t)), .owners = mem_new(most, sizeof(clean_run *)),
                            .forks = mem_new(most, sizeof(replay_fork)), .cuts = mem_new(most * pairs, sizeof(edge_cut)),
                            .scores = mem_new(most, sizeof(score)), .pairs = pairs, .what = what};
}

static void batch_free(knockout_batch *b)
{
    free(b->forks_of);
    free(b->owners);
    free(b->forks);
    free(b->cuts);
    free(b->scores);
}

static void add_fork(knockout_batch *b, size_t job, replay_fork f)
{
    b->owners[b->count] = b->list->runs[job];
    b->forks[b->count++] = f;
    b->forks_of[job]++;
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
    edge_cut *cuts = &b->cuts[b->count * b->pairs];
    cuts_of(j->k, c, point, cuts);
    size_t first = first_felt(j, cuts, c->pair_count);
    if (first == j->q->length)
        return;
    add_fork(b, job, (replay_fork){.base = j->clean.recording, .first = first, .end = j->q->length, .cuts = cuts,
                                   .cut_count = c->pair_count, .read_first = j->q->last});
}

/* The same in its plain form: a full forward pass that shares nothing. */
static void add_plain(knockout_batch *b, size_t job, const knockout_curve *c, size_t point)
{
    const knockout_job *j = &b->list->jobs[job];
    edge_cut *cuts = &b->cuts[b->count * b->pairs];
    cuts_of(j->k, c, point, cuts);
    add_fork(b, job, (replay_fork){.end = j->q->length, .input = j->q->input, .cuts = cuts, .cut_count = c->pair_count,
                                   .read_first = j->q->last, .plain = true});
}

static pb_status read_batch(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    knockout_batch *b = context;
    score *scores = mem_new(count, sizeof *scores);
    clean_run **owners = mem_new(count, sizeof *owners);
    for (size_t i = 0; i < count; i++)
        owners[i] = b->owners[forks[i] - b->forks];
    pb_status status = clean_run_scores(owners, forks, count, scores, err);
    for (size_t i = 0; i < count && !status; i++)
        b->scores[forks[i] - b->forks] = scores[i];
    free(scores);
    free(owners);
    return status;
}

static void batch_progress(void *context, double share)
{
    const knockout_batch *b = context;
    const pb_run_options *run = &b->list->jobs[0].options->run;
    if (run->progress)
        run->progress(run->context, b->what, share * (double)b->count, (double)b->count);
}

/* In waves of at most `memory` bytes of rows; 0: one at a time. */
static pb_status batch_run(knockout_batch *b, size_t memory, pb_error *err)
{
    const knockout_list *l = b->list;
    replay_options options = {.memory = memory, .finished = read_batch, .progress = batch_progress, .context = b};
    replay_work **works = mem_new(l->count, sizeof *works);
    for (size_t i = 0; i < l->count; i++)
        works[i] = &l->runs[i]->work;
    pb_status status = replay_owned(&l->jobs[0].q->model->decoder, b->forks, b->forks_of, works, l->count, &options, err);
    free(works);
    return status;
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
        size_t before = b->count;
        (j->options->naive ? add_plain : add_point)(b, job, &j->k->curves[i / j->k->layer_count], i % j->k->layer_count);
        slot[i] = b->count > before ? b->count : 0;
    }
}

static void fill_in(knockout *k, const knockout_batch *b, size_t job, const size_t *slot)
{
    for (size_t i = 0; i < cell_total(k); i++) {
        const score *cut = slot[i] ? &b->scores[slot[i] - 1] : NULL;
        store(k, i, cut ? cut->prob : k->clean.prob, cut ? cut->logprob : k->clean.logprob);
    }
    k->cost.cells = cell_total(k);
    k->cost.cells_skipped = cell_total(k) - b->forks_of[job];
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
    size_t cells = cells_of(l, l->count), *slot = mem_new(cells, sizeof *slot);
    knockout_batch b = batch_new(l, cells, "cutting");
    for (size_t i = 0; i < l->count; i++)
        add_points(&b, i, slot + cells_of(l, i));
    pb_status status = batch_run(&b, l->jobs[0].options->naive ? 0 : l->wave_bytes, err);
    for (size_t i = 0; i < l->count && !status; i++)
        fill_in(l->jobs[i].k, &b, i, slot + cells_of(l, i));
    batch_free(&b);
    free(slot);
    return status;
}

/* ---- cost, and checks ---- */

static void fill_cost(knockout_job *j)
{
    trace_cost *cost = &j->k->cost;
    const replay_work *work = &j->clean.work;
    method_cost all = clean_run_cost(&j->clean);
    cost->seconds = j->seconds;
    cost->flop = all.flop;
    cost->peak_rss_bytes = all.peak_rss_bytes;
    cost->naive_flop = (double)cost->cells * question_pass_flop(j->q);
    cost->waves = work->waves;
    cost->products = work->products;
    cost->attention = work->attention;
    cost->loading = work->loading;
    cost->readout = j->clean.readout_seconds;
}

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
    pb_status status = batch_run(&b, 0, err);
    for (size_t i = 0; i < n && !status; i++) {
        double prob = k->curves[order[i] / k->layer_count].prob[order[i] % k->layer_count];
        k->verify_max_rel_diff = fmax(k->verify_max_rel_diff, verify_difference(prob, b.scores[i].prob));
    }
    k->verify_cells = n;
    batch_free(&b);
    free(order);
    return status;
}

/* ---- several questions ---- */

/* Rows of points, over all questions, that keep a walk over the layers busy: to read the weights takes little time beside them. */
enum { ROWS_ENOUGH = 16384 };

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

/* The next job joins the others, as far as memory holds them all. */
static pb_status join(knockout_list *l, pb_error *err)
{
    knockout_job *j = &l->jobs[l->count];
    l->runs[l->count] = &j->clean;
    clean_run_plan(&j->clean, j->q, span_pairs_first_destination(&j->k->pairs), l->runs, l->count);
    TRY(divide(l, l->count + 1, err));
    return clean_run_open(&j->clean, err);
}

/* A plain form shares nothing: such a question goes by itself. */
static bool is_shared(const pb_knockout_options *o)
{
    return !o->naive && !o->verify;
}

/* Whether the list may grow by this question, as far as can be seen before it is looked at. */
static bool has_room(const knockout_list *l, const knocking_out *one)
{
    return l->count == 0 || (l->rows < ROWS_ENOUGH && is_shared(one->options) && is_shared(l->jobs[0].options));
}

static void drop(knockout_job *j)
{
    clean_run_free(&j->clean);
    knockout_free(j->k);
}

/* Takes a question on, or finds that it cannot be cut; false: it has to wait. */
static bool take_on(knockout_list *l, knocking_out *one)
{
    knockout_job *j = &l->jobs[l->count];
    *j = (knockout_job){.k = &one->knockout, .q = one->q, .options = one->options, .seconds = l->began - one->q->began};
    one->knockout = (knockout){0};
    one->status = choose(j, &one->why);
    bool chosen = !one->status;
    if (chosen)
        one->status = join(l, &one->why);
    if (one->status) {
        drop(j);
        return !chosen || l->count == 0;
    }
    l->of[l->count++] = one;
    l->rows += cell_total(j->k) * (one->q->length - span_pairs_first_destination(&j->k->pairs));
    return true;
}

/* ---- what it takes ---- */

/* Adds the list's runs and points. */
static void foresee(const knockout_list *l, run_plan *plan)
{
    const decoder *m = &l->jobs[0].q->model->decoder;
    size_t cells = cells_of(l, l->count), *slot = mem_new(cells, sizeof *slot);
    knockout_batch b = batch_new(l, cells, "");
    *plan = (run_plan){.question = l->jobs[0].q, .wave_bytes = l->wave_bytes};
    clean_runs_foresee(plan, l->runs, l->count, l->wave_bytes);
    for (size_t i = 0; i < l->count; i++) {
        add_points(&b, i, slot);
        plan->reads += b.forks_of[i] * question_answer_tokens(l->jobs[i].q);
    }
    replay_plan_add(&plan->forks, m, b.forks, b.count, l->jobs[0].options->naive ? 0 : l->wave_bytes);
    plan->working_bytes = question_budget(l->jobs[0].options->run.memory) - l->wave_bytes +
                          plan->forks.largest * m->config.d_model * sizeof(float);
    batch_free(&b);
    free(slot);
}

/* What all of it will take is said before. */
static pb_status announce(const knockout_list *l, pb_error *err)
{
    const pb_run_options *o = &l->jobs[0].options->run;
    run_plan plan;
    if (!o->progress)
        return PB_OK;
    foresee(l, &plan);
    pb_status status = run_plan_announce(&plan, cells_of(l, l->count), "point", o, err);
    run_plan_free(&plan);
    return status;
}

pb_status knockout_foresee(run_plan *plan, question *q, const pb_knockout_options *options, pb_error *err)
{
    knocking_out one = {.q = q, .options = options}, *of;
    knockout_job job;
    clean_run *run;
    knockout_list l = {.jobs = &job, .of = &of, .runs = &run, .began = clock_now()};
    *plan = (run_plan){.question = q};
    if (!take_on(&l, &one) || one.status) {
        if (err)
            *err = one.why;
        return one.status;
    }
    foresee(&l, plan);
    drop(&job);
    return PB_OK;
}

static pb_status run(knockout_list *l, pb_error *err)
{
    TRY(divide(l, l->count, err)); /* another one may have been turned away */
    TRY(announce(l, err));
    TRY(clean_runs_make(l->runs, l->count, l->wave_bytes, err));
    for (size_t i = 0; i < l->count; i++) {
        knockout *k = l->jobs[i].k;
        k->clean = l->jobs[i].clean.says;
        k->answer = question_copy_answer(l->jobs[i].q, &k->answer_count);
    }
    return run_cells(l, err);
}

/* What all of them took, by what each of them was of it. */
static void fill_costs(knockout_list *l)
{
    double seconds = clock_now() - l->began;
    for (size_t i = 0; i < l->count; i++) {
        l->jobs[i].seconds += seconds * clean_run_part(l->runs, l->count, i);
        fill_cost(&l->jobs[i]);
    }
}

/* Where they fail together, each goes by itself, so that it is the failure of one. */
static void run_all(knockout_list *l)
{
    pb_error why = {0};
    pb_status status = run(l, &why);
    if (!status) {
        fill_costs(l);
        status = verify(l, &why);
    }
    for (size_t i = 0; i < l->count; i++)
        status ? drop(&l->jobs[i]) : clean_run_free(&l->jobs[i].clean);
    if (status && l->count == 1) {
        l->of[0]->status = status;
        l->of[0]->why = why;
    }
    for (size_t i = 0; status && l->count > 1 && i < l->count; i++)
        knockout_some(l->of[i], 1);
}

size_t knockout_some(knocking_out *list, size_t n)
{
    knockout_list l = {.jobs = mem_new(n, sizeof *l.jobs), .of = mem_new(n, sizeof *l.of), .runs = mem_new(n, sizeof *l.runs),
                       .began = clock_now()};
    size_t taken = 0;
    while (taken < n && has_room(&l, &list[taken]) && take_on(&l, &list[taken]))
        taken++;
    if (l.count)
        run_all(&l);
    free(l.jobs);
    free(l.of);
    free(l.runs);
    return taken;
}

pb_status knockout_run_question(knockout *k, question *q, const pb_knockout_options *options, pb_error *err)
{
    knocking_out one = {.q = q, .options = options};
    knockout_some(&one, 1);
    *k = one.knockout;
    if (one.status && err)
        *err = one.why;
    return one.status;
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
