/* knockout.c: see knockout.h.
 *
 * The clean run is recorded; each point of each curve is a fork of it that cuts edges, and all of them are replayed
 * together. */
#include "method/knockout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "method/answer_choice.h"
#include "method/verify.h"

typedef struct knockout_job {
    knockout *k;
    question *q;
    const pb_knockout_options *options;
    clean_run clean;
    size_t wave_bytes;
} knockout_job;

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

/* ---- the clean run ---- */

static size_t cell_total(const knockout *k)
{
    return k->curve_count * k->layer_count;
}

/* What the budget leaves for the rows of a wave; too small a budget is an error that says what is needed. */
static pb_status plan_memory(knockout_job *j, size_t sites_first, pb_error *err)
{
    const decoder *m = &j->q->model->decoder;
    size_t T = j->q->length;
    size_t fixed = clean_run_bytes(j->q, sites_first) + replay_fixed_bytes(m, T) +
                   score_bytes(m, cell_total(j->k), T - j->q->last);
    TRY(question_fits(fixed + T * m->config.d_model * sizeof(float), j->options->run.memory, "this knockout", err));
    j->wave_bytes = question_budget(j->options->run.memory) - fixed;
    return PB_OK;
}

static pb_status run_clean(knockout_job *j, pb_error *err)
{
    knockout *k = j->k;
    size_t sites_first = span_pairs_first_destination(&k->pairs);
    TRY(plan_memory(j, sites_first, err));
    TRY(clean_run_make(&j->clean, j->q, sites_first, j->options->run.memory, err));
    k->clean = j->clean.score;
    memcpy(k->top_id, j->clean.top_id, sizeof k->top_id);
    memcpy(k->top_prob, j->clean.top_prob, sizeof k->top_prob);
    k->answer_count = j->q->answer_count;
    k->answer = mem_new(k->answer_count, sizeof *k->answer);
    memcpy(k->answer, j->q->answer, k->answer_count * sizeof *k->answer);
    return PB_OK;
}

/* ---- points ---- */

/* Forks of many points on their way through the engine. */
typedef struct knockout_batch {
    knockout_job *j;
    replay_fork *forks; /* [most] */
    edge_cut *cuts;     /* [most][the most pairs of a curve] */
    score *scores;      /* [most], filled in when they have run */
    size_t count, pairs;
    const char *what;   /* for progress */
} knockout_batch;

static knockout_batch batch_new(knockout_job *j, size_t most, const char *what)
{
    size_t pairs = j->k->curves[0].pair_count;
    return (knockout_batch){.j = j, .forks = mem_new(most, sizeof(replay_fork)), .cuts = mem_new(most * pairs, sizeof(edge_cut)),
                            .scores = mem_new(most, sizeof(score)), .pairs = pairs, .what = what};
}

static void batch_free(knockout_batch *b)
{
    free(b->forks);
    free(b->cuts);
    free(b->scores);
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

/* Adds a point where it must be run. */
static void add_point(knockout_batch *b, const knockout_curve *c, size_t point)
{
    edge_cut *cuts = &b->cuts[b->count * b->pairs];
    cuts_of(b->j->k, c, point, cuts);
    size_t first = first_felt(b->j, cuts, c->pair_count);
    if (first == b->j->q->length)
        return;
    b->forks[b->count++] = (replay_fork){.base = b->j->clean.recording, .first = first, .end = b->j->q->length, .cuts = cuts,
                                         .cut_count = c->pair_count, .read_first = b->j->q->last};
}

/* The same in its plain form: a full forward pass that shares nothing. */
static void add_plain(knockout_batch *b, const knockout_curve *c, size_t point)
{
    edge_cut *cuts = &b->cuts[b->count * b->pairs];
    cuts_of(b->j->k, c, point, cuts);
    b->forks[b->count++] = (replay_fork){.end = b->j->q->length, .input = b->j->q->input, .cuts = cuts,
                                         .cut_count = c->pair_count, .read_first = b->j->q->last, .plain = true};
}

static pb_status read_batch(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    knockout_batch *b = context;
    score *scores = mem_new(count, sizeof *scores);
    pb_status status = clean_run_scores(&b->j->clean, forks, count, scores, err);
    for (size_t i = 0; i < count && !status; i++)
        b->scores[forks[i] - b->forks] = scores[i];
    free(scores);
    return status;
}

static void batch_progress(void *context, double share)
{
    const knockout_batch *b = context;
    const pb_run_options *run = &b->j->options->run;
    if (run->progress)
        run->progress(run->context, b->what, share * (double)b->count, (double)b->count);
}

/* In waves of at most `memory` bytes of rows; 0: one at a time. */
static pb_status batch_run(knockout_batch *b, size_t memory, pb_error *err)
{
    replay_options options = {.memory = memory, .finished = read_batch, .progress = batch_progress, .context = b};
    return replay_run(&b->j->q->model->decoder, b->forks, b->count, &options, &b->j->clean.work, err);
}

static void store(knockout *k, size_t cell, const score *s)
{
    knockout_curve *c = &k->curves[cell / k->layer_count];
    size_t point = cell % k->layer_count;
    c->prob[point] = s->prob;
    c->logprob[point] = s->logprob;
    c->relative[point] = k->clean.prob > 0 ? (s->prob - k->clean.prob) / k->clean.prob : NAN;
}

static pb_status run_cells(knockout_job *j, pb_error *err)
{
    knockout *k = j->k;
    size_t cells = cell_total(k), *slot = mem_new(cells, sizeof *slot); /* 1 + the index of its fork; 0: known */
    knockout_batch b = batch_new(j, cells, "cutting");
    for (size_t i = 0; i < cells; i++) {
        size_t before = b.count;
        (j->options->naive ? add_plain : add_point)(&b, &k->curves[i / k->layer_count], i % k->layer_count);
        slot[i] = b.count > before ? b.count : 0;
    }
    pb_status status = batch_run(&b, j->options->naive ? 0 : j->wave_bytes, err);
    for (size_t i = 0; i < cells && !status; i++)
        store(k, i, slot[i] ? &b.scores[slot[i] - 1] : &k->clean);
    k->cost.cells = cells;
    k->cost.cells_skipped = cells - b.count;
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
    cost->seconds = all.seconds;
    cost->flop = all.flop;
    cost->peak_rss_bytes = all.peak_rss_bytes;
    cost->naive_flop = (double)cost->cells * question_pass_flop(j->q);
    cost->waves = work->waves;
    cost->products = work->products;
    cost->attention = work->attention;
    cost->loading = work->loading;
    cost->readout = j->clean.readout_seconds;
}

static pb_status verify(knockout_job *j, pb_error *err)
{
    knockout *k = j->k;
    size_t total = cell_total(k), n = j->options->verify < total ? j->options->verify : total;
    if (n == 0)
        return PB_OK;
    size_t *order = verify_choose(total, n, j->options->run.seed);
    knockout_batch b = batch_new(j, n, "verifying");
    for (size_t i = 0; i < n; i++)
        add_plain(&b, &k->curves[order[i] / k->layer_count], order[i] % k->layer_count);
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

/* ---- all of it ---- */

static pb_status run(knockout_job *j, pb_error *err)
{
    TRY(choose(j, err));
    TRY(run_clean(j, err));
    TRY(run_cells(j, err));
    fill_cost(j);
    return verify(j, err);
}

pb_status knockout_run_question(knockout *k, question *q, const pb_knockout_options *options, pb_error *err)
{
    knockout_job j = {.k = k, .q = q, .options = options};
    *k = (knockout){0};
    pb_status status = run(&j, err);
    clean_run_free(&j.clean);
    if (status)
        knockout_free(k);
    return status;
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
