/* knockout_points.c: the points of a knockout's curves. See knockout_parts.h.
 *
 * Each is a fork of its question's clean run that cuts edges, and all of them, of all questions, are replayed together. A point
 * whose cuts change no row that is read says what the clean run says, and is not run. */
#include "method/knockout_parts.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "method/verify.h"

/* ---- sizes ---- */

size_t knockout_point_count(const knockout *k)
{
    return k->curve_count * k->layer_count;
}

size_t knockout_point_total(const knockout_list *l, size_t count)
{
    size_t cells = 0;
    for (size_t i = 0; i < count; i++)
        cells += knockout_point_count(l->jobs[i].k);
    return cells;
}

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

size_t knockout_points_bytes(const knockout_list *l, size_t count)
{
    return knockout_point_total(l, count) * point_bytes(pairs_of_a_curve(l, count));
}

/* ---- forks ---- */

/* Forks of many points on their way through the engine, job by job. */
typedef struct knockout_batch {
    const knockout_list *list;
    fork_batch forks;
    edge_cut *cuts;     /* [most forks][pairs] */
    size_t pairs;       /* the most of a curve */
} knockout_batch;

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
    knockout_cuts(j->k, c, point, cuts);
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
    knockout_cuts(j->k, c, point, cuts);
    fork_batch_add(&b->forks, job, (replay_fork){.end = j->q->length, .input = j->q->input, .cuts = cuts,
                                                 .cut_count = c->pair_count, .read_first = j->q->last, .plain = true});
}

/* Adds all points of a job; slot[its cells] = 1 + the index of a point's fork; 0: it is known. */
static void add_points(knockout_batch *b, size_t job, size_t *slot)
{
    const knockout_job *j = &b->list->jobs[job];
    for (size_t i = 0; i < knockout_point_count(j->k); i++) {
        size_t before = b->forks.count;
        (j->options->naive ? add_plain : add_point)(b, job, &j->k->curves[i / j->k->layer_count], i % j->k->layer_count);
        slot[i] = b->forks.count > before ? b->forks.count : 0;
    }
}

/* ---- running them ---- */

static void store(knockout *k, size_t cell, double prob, double logprob)
{
    knockout_curve *c = &k->curves[cell / k->layer_count];
    size_t point = cell % k->layer_count;
    c->prob[point] = prob;
    c->logprob[point] = logprob;
    c->relative[point] = k->clean.prob > 0 ? (prob - k->clean.prob) / k->clean.prob : NAN;
}

static void fill_in(knockout *k, const knockout_batch *b, size_t job, const size_t *slot)
{
    for (size_t i = 0; i < knockout_point_count(k); i++) {
        const score *cut = slot[i] ? &b->forks.scores[slot[i] - 1] : NULL;
        store(k, i, cut ? cut->prob : k->clean.prob, cut ? cut->logprob : k->clean.logprob);
    }
    k->cost.cells = knockout_point_count(k);
    k->cost.cells_skipped = knockout_point_count(k) - b->forks.forks_of[job];
}

pb_status knockout_points(knockout_list *l, pb_error *err)
{
    size_t cells = knockout_point_total(l, l->all.count), *slot = mem_new(cells, sizeof *slot);
    knockout_batch b = batch_new(l, cells, "cutting");
    for (size_t i = 0; i < l->all.count; i++)
        add_points(&b, i, slot + knockout_point_total(l, i));
    pb_status status = fork_batch_run(&b.forks, l->jobs[0].options->naive ? 0 : l->wave_bytes, err);
    for (size_t i = 0; i < l->all.count && !status; i++)
        fill_in(l->jobs[i].k, &b, i, slot + knockout_point_total(l, i));
    batch_free(&b);
    free(slot);
    return status;
}

void knockout_points_foresee(const knockout_list *l, run_plan *plan)
{
    size_t cells = knockout_point_total(l, l->all.count), *slot = mem_new(cells, sizeof *slot);
    knockout_batch b = batch_new(l, cells, "");
    for (size_t i = 0; i < l->all.count; i++) {
        add_points(&b, i, slot);
        plan->reads += b.forks.forks_of[i] * question_answer_tokens(l->jobs[i].q);
    }
    replay_plan_add(&plan->forks, &l->jobs[0].q->model->decoder, b.forks.forks, b.forks.count,
                    l->jobs[0].options->naive ? 0 : l->wave_bytes);
    batch_free(&b);
    free(slot);
}

pb_status knockout_verify(const knockout_list *l, pb_error *err)
{
    const pb_knockout_options *o = l->jobs[0].options;
    knockout *k = l->jobs[0].k;
    size_t total = knockout_point_count(k), n = o->verify < total ? o->verify : total;
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
