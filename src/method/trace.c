/* trace.c: see trace.h.
 *
 * The clean run and the corrupted runs (one per sample) are recorded; then each cell becomes one fork per sample, and
 * all forks are replayed together. */
#include "method/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/memory.h"
#include "engine/replay.h"
#include "method/corruption.h"
#include "method/score.h"

typedef struct job {
    trace *t;
    question *q;
    const pb_trace_options *options;
    corruption_list corruption;
    size_t samples;
    float **inputs;          /* [samples][T][D]: the corrupted inputs */
    size_t *first_changed;   /* [samples]: the first row in which an input differs from the clean one */
    recording *clean, **corrupted; /* [samples] */
    fork *references;        /* [1 + samples]: the clean run, then the corrupted ones */
    score clean_score, *corrupted_score; /* [samples] */
    double *clean_prob, *corrupted_prob; /* [V] of the next token, corrupted ones summed over samples */
    size_t wave_bytes;
    replay_work work;
    double readout_seconds, readout_flop;
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void say_progress(const job *j, const char *what, double share)
{
    if (j->options->run.progress)
        j->options->run.progress(j->options->run.context, what, share);
}

/* ---- what is asked ---- */

static pb_status choose_sites(job *j, pb_error *err)
{
    trace *t = j->t;
    const char *list = j->options->sites ? j->options->sites : "attn_out,mlp_out,resid_post";
    t->sites = mem_new(SITE_COUNT, sizeof *t->sites);
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        char *name = mem_text_n(at, length);
        site s;
        bool known = site_find(name, &s), repeated = false;
        for (size_t i = 0; known && i < t->site_count; i++)
            repeated |= t->sites[i].site == s;
        pb_status status = PB_OK;
        if (!known)
            status = fail(err, PB_EINVAL, "--sites: \"%s\" is no site; known are %s", name, site_names());
        free(name);
        TRY(status);
        if (!repeated)
            t->sites[t->site_count++].site = s;
        at += length + (at[length] == ',');
    }
    return t->site_count ? PB_OK : fail(err, PB_EINVAL, "--sites: names no site; known are %s", site_names());
}

static pb_status choose_layers(job *j, pb_error *err)
{
    size_t L = j->q->model->decoder.config.layers, first = j->options->first_layer;
    size_t end = j->options->end_layer ? j->options->end_layer : L;
    if (first >= end || end > L)
        return fail(err, PB_EINVAL, "--layers %zu:%zu: the model has layers 0:%zu", first, end, L);
    j->t->layer_count = end - first;
    j->t->layers = mem_new(end - first, sizeof *j->t->layers);
    for (size_t i = 0; i < end - first; i++)
        j->t->layers[i] = first + i;
    j->t->window_kind = j->options->radius ? TRACE_RADIUS : TRACE_CENTRED;
    j->t->window = j->options->window || j->options->radius ? j->options->window : 1;
    return PB_OK;
}

/* The layers restored around l: first .. end-1 (methods.md, "Cell"). */
static void window_of(const trace *t, size_t l, size_t layers, size_t *first, size_t *end)
{
    size_t below = t->window_kind == TRACE_RADIUS ? t->window : t->window / 2;
    size_t above = t->window_kind == TRACE_RADIUS ? t->window + 1 : (t->window + 1) / 2;
    *first = l > below ? l - below : 0;
    *end = above < layers - l ? l + above : layers;
}

static pb_status add_group(trace *t, const prompt *p, const char *name, pb_error *err)
{
    TRY(prompt_span(p, name, &t->cells[t->cell_count], err));
    t->groups[t->cell_count++] = mem_text(name);
    return PB_OK;
}

static pb_status choose_groups(trace *t, const prompt *p, const char *expression, pb_error *err)
{
    size_t most = 1;
    for (const char *at = expression; *at; at++)
        most += *at == ',';
    t->cells = mem_new(most, sizeof *t->cells);
    t->groups = mem_new(most, sizeof *t->groups);
    for (const char *at = expression; *at;) {
        size_t length = strcspn(at, ",");
        char *name = mem_text_n(at, length);
        pb_status status = add_group(t, p, name, err);
        free(name);
        TRY(status);
        at += length + (at[length] == ',');
    }
    return t->cell_count ? PB_OK : fail(err, PB_EINVAL, "--positions: names no span");
}

static pb_status choose_cells(job *j, pb_error *err)
{
    trace *t = j->t;
    const char *expression = j->options->positions ? j->options->positions : j->corruption.on_image ? "all" : "text";
    if (j->options->group)
        return choose_groups(t, &j->q->prompt, expression, err);
    span all;
    TRY(prompt_span(&j->q->prompt, expression, &all, err));
    t->cells = mem_new(all.count, sizeof *t->cells);
    for (; t->cell_count < all.count; t->cell_count++) {
        span *cell = &t->cells[t->cell_count];
        *cell = (span){.positions = mem_new(1, sizeof *cell->positions), .count = 1};
        cell->positions[0] = all.positions[t->cell_count];
    }
    span_free(&all);
    return PB_OK;
}

static void make_grids(job *j)
{
    trace *t = j->t;
    size_t n = t->layer_count * t->cell_count, L = j->q->model->decoder.config.layers;
    for (size_t s = 0; s < t->site_count; s++) {
        trace_grid *g = &t->sites[s];
        g->prob = mem_new(n, sizeof *g->prob);
        g->logprob = mem_new(n, sizeof *g->logprob);
        g->logit_diff = t->foil >= 0 ? mem_new(n, sizeof *g->logit_diff) : NULL;
        g->sd = j->samples > 1 ? mem_new(n, sizeof *g->sd) : NULL;
        g->restored = mem_new(t->layer_count, sizeof *g->restored);
        for (size_t i = 0; i < t->layer_count; i++) {
            window_of(t, t->layers[i], L, &g->restored[i][0], &g->restored[i][1]);
            g->restored[i][1]--;
        }
    }
}

/* A text's tokens in mid-sentence, which the model must have rows for: its tokenizer may know more. */
static pb_status answer_tokens(const job *j, const char *text, const char *option, int32_t **ids, size_t *count,
                               pb_error *err)
{
    size_t V = j->q->model->decoder.config.vocab;
    TRY(tokenizer_mid_sentence(j->q->model->tokenizer, text, option, ids, count, err));
    for (size_t i = 0; i < *count; i++)
        if ((size_t)(*ids)[i] >= V) {
            fail(err, PB_EINVAL, "%s: token %d of \"%s\" is outside the model's vocabulary of %zu", option, (*ids)[i],
                 text, V);
            free(*ids);
            return PB_EINVAL;
        }
    return PB_OK;
}

/* --answer, --answer-id and --foil; without any answer it is set from the clean run. */
static pb_status choose_answer(job *j, pb_error *err)
{
    const pb_trace_options *o = j->options;
    size_t count, V = j->q->model->decoder.config.vocab;
    int32_t *ids;
    j->t->foil = -1;
    if (o->foil) {
        TRY(answer_tokens(j, o->foil, "--foil", &ids, &count, err));
        j->t->foil = ids[0];
        free(ids);
    }
    if (o->answer_id >= 0) {
        if ((size_t)o->answer_id >= V)
            return fail(err, PB_EINVAL, "--answer-id %d: the vocabulary has %zu tokens", o->answer_id, V);
        return question_set_answer(j->q, &o->answer_id, 1, err);
    }
    if (!o->answer)
        return PB_OK;
    TRY(answer_tokens(j, o->answer, "--answer", &ids, &count, err));
    pb_status status = question_set_answer(j->q, ids, o->whole_answer ? count : 1, err);
    free(ids);
    return status;
}

/* ---- the reference runs ---- */

static size_t first_difference(const float *a, const float *b, size_t rows, size_t D)
{
    for (size_t r = 0; r < rows; r++)
        if (memcmp(a + r * D, b + r * D, D * sizeof *a) != 0)
            return r;
    return rows;
}

static pb_status corrupt_inputs(job *j, pb_error *err)
{
    size_t T = j->q->length, D = j->q->model->decoder.config.d_model;
    j->inputs = mem_new(j->samples, sizeof *j->inputs);
    j->first_changed = mem_new(j->samples, sizeof *j->first_changed);
    for (size_t s = 0; s < j->samples; s++) {
        TRY(mem_try(&j->inputs[s], T, D * sizeof(float), "a corrupted input", err));
        TRY(corruption_apply(&j->corruption, j->q, s, j->inputs[s], err));
        j->first_changed[s] = first_difference(j->q->input, j->inputs[s], T, D);
        if (j->first_changed[s] > j->q->last)
            j->first_changed[s] = j->q->last; /* nothing changed: the run is read all the same */
        if (s == 0 || j->first_changed[s] < j->t->first_changed)
            j->t->first_changed = j->first_changed[s];
    }
    return PB_OK;
}

/* Site rows are needed from the first changed row on; where cells are computed without sharing, from the first cell's. */
static size_t sites_first(const job *j)
{
    size_t first = j->t->first_changed;
    for (size_t c = 0; (j->options->naive || j->options->verify) && c < j->t->cell_count; c++)
        first = j->t->cells[c].positions[0] < first ? j->t->cells[c].positions[0] : first;
    return first;
}

static pb_status new_recordings(job *j, pb_error *err)
{
    const decoder_config *c = &j->q->model->decoder.config;
    size_t from = sites_first(j), T = j->q->length;
    TRY(recording_new(&j->clean, c, NULL, 0, T, from, err));
    j->corrupted = mem_new(j->samples, sizeof *j->corrupted);
    for (size_t s = 0; s < j->samples; s++) {
        size_t first = j->first_changed[s];
        TRY(recording_new(&j->corrupted[s], c, j->clean, first, T, first, err));
    }
    return PB_OK;
}

static size_t recordings_bytes(const job *j)
{
    const decoder_config *c = &j->q->model->decoder.config;
    size_t T = j->q->length, bytes = recording_bytes(c, 0, T, sites_first(j));
    for (size_t s = 0; s < j->samples; s++)
        bytes += recording_bytes(c, j->first_changed[s], T, j->first_changed[s]) + T * c->d_model * sizeof(float);
    return bytes;
}

/* What the budget leaves for the rows of a wave; too small a budget is an error that says what is needed. */
static pb_status plan_memory(job *j, pb_error *err)
{
    size_t fixed = recordings_bytes(j) + replay_fixed_bytes(&j->q->model->decoder, j->q->length);
    size_t least = fixed + j->q->length * j->q->model->decoder.config.d_model * sizeof(float) * (j->samples + 1);
    TRY(question_fits(least, j->options->run.memory, "this trace", err));
    j->wave_bytes = question_budget(j->options->run.memory) - fixed;
    return PB_OK;
}

static score_target target_of(const job *j)
{
    return (score_target){j->q->answer, j->q->answer_count, j->t->foil};
}

/* Scores of a wave's forks, in their order. */
static pb_status read_scores(job *j, fork *const *forks, size_t n, score *scores, pb_error *err)
{
    const float **rows = mem_new(n, sizeof *rows);
    score_target target = target_of(j);
    double begin = now();
    for (size_t i = 0; i < n; i++)
        rows[i] = forks[i]->read;
    pb_status status = score_runs(&j->q->model->decoder, rows, n, &target, scores, err);
    free(rows);
    j->readout_seconds += now() - begin;
    j->readout_flop += (double)(n * target.count) * decoder_readout_flop(&j->q->model->decoder.config);
    return status;
}

/* The clean run stands first; where no answer was named, it says which one is traced. */
static pb_status read_reference(void *context, fork *const *forks, size_t count, pb_error *err)
{
    job *j = context;
    decoder *m = &j->q->model->decoder;
    for (size_t i = 0; i < count; i++) {
        size_t sample = (size_t)(forks[i] - j->references);
        TRY(score_add_probabilities(m, forks[i]->read, sample == 0 ? j->clean_prob : j->corrupted_prob, err));
        if (!j->q->answer) {
            int32_t best;
            score_top(j->clean_prob, m->config.vocab, 1, &best);
            TRY(question_set_answer(j->q, &best, 1, err));
        }
        TRY(read_scores(j, &forks[i], 1, sample == 0 ? &j->clean_score : &j->corrupted_score[sample - 1], err));
    }
    return PB_OK;
}

static fork reference_fork(const job *j, recording *record, const float *input)
{
    size_t D = j->q->model->decoder.config.d_model;
    return (fork){.base = record->base, .first = record->first, .end = record->end,
                  .input = input + record->first * D, .record = record, .read_first = j->q->last};
}

static pb_status run_references(job *j, pb_error *err)
{
    size_t V = j->q->model->decoder.config.vocab;
    j->references = mem_new(1 + j->samples, sizeof *j->references);
    j->corrupted_score = mem_new(j->samples, sizeof *j->corrupted_score);
    j->clean_prob = mem_new(V, sizeof *j->clean_prob);
    j->corrupted_prob = mem_new(V, sizeof *j->corrupted_prob);
    j->references[0] = reference_fork(j, j->clean, j->q->input);
    for (size_t s = 0; s < j->samples; s++)
        j->references[1 + s] = reference_fork(j, j->corrupted[s], j->inputs[s]);
    replay_options options = {.memory = j->wave_bytes, .finished = read_reference, .context = j};
    return replay_run(&j->q->model->decoder, j->references, 1 + j->samples, &options, &j->work, err);
}

static void summarise(trace_run *run, const double *prob, size_t vocab, double samples)
{
    score_top(prob, vocab, TRACE_TOP, run->top_id);
    for (size_t i = 0; i < TRACE_TOP; i++)
        run->top_prob[i] = run->top_id[i] >= 0 ? prob[run->top_id[i]] / samples : 0;
}

static void summarise_references(job *j)
{
    trace *t = j->t;
    size_t V = j->q->model->decoder.config.vocab;
    t->clean = (trace_run){.prob = j->clean_score.prob, .logprob = j->clean_score.logprob};
    t->corrupted = (trace_run){0};
    for (size_t s = 0; s < j->samples; s++) {
        t->corrupted.prob += j->corrupted_score[s].prob / (double)j->samples;
        t->corrupted.logprob += j->corrupted_score[s].logprob / (double)j->samples;
    }
    summarise(&t->clean, j->clean_prob, V, 1);
    summarise(&t->corrupted, j->corrupted_prob, V, (double)j->samples);
    t->weak = t->clean.prob - t->corrupted.prob < 0.1;
    for (size_t i = 0; i < j->corruption.count; i++)
        if (j->corruption.items[i].ids && j->corruption.items[i].ids[0] == t->corrupted.top_id[0])
            t->primed = true;
    t->answer_count = j->q->answer_count;
    t->answer = mem_new(t->answer_count, sizeof *t->answer);
    memcpy(t->answer, j->q->answer, t->answer_count * sizeof *t->answer);
}

/* ---- cells ---- */

/* Cells are numbered site by site, layer by layer, position by position. */
typedef struct cell {
    size_t site, layer, column; /* indices into the trace's lists */
} cell;

static size_t cell_total(const trace *t)
{
    return t->site_count * t->layer_count * t->cell_count;
}

static cell cell_at(const trace *t, size_t index)
{
    return (cell){index / (t->layer_count * t->cell_count), index / t->cell_count % t->layer_count,
                  index % t->cell_count};
}

static edit cell_edit(const job *j, cell c, size_t sample)
{
    const trace *t = j->t;
    const trace_grid *g = &t->sites[c.site];
    const span *positions = &t->cells[c.column];
    return (edit){.site = g->site, .first_layer = g->restored[c.layer][0], .end_layer = g->restored[c.layer][1] + 1,
                  .positions = positions->positions, .position_count = positions->count,
                  .source = t->direction == TRACE_DENOISE ? j->clean : j->corrupted[sample]};
}

static const recording *patched_run(const job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->corrupted[sample] : j->clean;
}

static const score *unpatched_score(const job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? &j->corrupted_score[sample] : &j->clean_score;
}

/* Whether putting the row in changes nothing that is read: it is there already, to the bit, or it lies in the last
 * layer where no later row attends to it. */
static bool row_is_idle(const job *j, const edit *e, size_t layer, size_t position, size_t sample)
{
    size_t L = j->q->model->decoder.config.layers, D = j->q->model->decoder.config.d_model;
    if (position < j->first_changed[sample])
        return true;
    if (layer + 1 == L && e->site != SITE_RESID_PRE && position < j->q->last)
        return true;
    return memcmp(recording_row(e->source, e->site, layer, position),
                  recording_row(patched_run(j, sample), e->site, layer, position), D * sizeof(float)) == 0;
}

static bool cell_is_known(const job *j, const edit *e, size_t sample)
{
    for (size_t l = e->first_layer; l < e->end_layer; l++)
        for (size_t i = 0; i < e->position_count; i++)
            if (!row_is_idle(j, e, l, e->positions[i], sample))
                return false;
    return true;
}

/* The fork of a cell in one sample. Rows of the edit below the first changed one are idle, and are left out. */
static fork cell_fork(const job *j, edit *e, size_t sample)
{
    while (e->position_count && e->positions[0] < j->first_changed[sample]) {
        e->positions++;
        e->position_count--;
    }
    return (fork){.base = patched_run(j, sample), .first = e->positions[0], .end = j->q->length, .edits = e,
                  .edit_count = 1, .read_first = j->q->last};
}

/* The same cell in its plain form: a full forward pass that shares nothing but the source's activations. */
static fork plain_fork(const job *j, const edit *e, size_t sample)
{
    return (fork){.first = 0, .end = j->q->length,
                  .input = j->t->direction == TRACE_DENOISE ? j->inputs[sample] : j->q->input,
                  .edits = e, .edit_count = 1, .read_first = j->q->last, .plain = true};
}

/* Forks of many cells on their way through the engine. */
typedef struct batch {
    job *j;
    fork *forks;     /* [most] */
    edit *edits;     /* [most] */
    score *scores;   /* [most] */
    size_t count;
    const char *what; /* for progress */
} batch;

static batch batch_new(job *j, size_t most, const char *what)
{
    return (batch){.j = j, .forks = mem_new(most, sizeof(fork)), .edits = mem_new(most, sizeof(edit)),
                   .scores = mem_new(most, sizeof(score)), .what = what};
}

static void batch_free(batch *b)
{
    free(b->forks);
    free(b->edits);
    free(b->scores);
}

static pb_status read_batch(void *context, fork *const *forks, size_t count, pb_error *err)
{
    batch *b = context;
    score *scores = mem_new(count, sizeof *scores);
    pb_status status = read_scores(b->j, forks, count, scores, err);
    for (size_t i = 0; i < count && !status; i++)
        b->scores[forks[i] - b->forks] = scores[i];
    free(scores);
    return status;
}

static void batch_progress(void *context, double share)
{
    const batch *b = context;
    say_progress(b->j, b->what, share);
}

static pb_status batch_run(batch *b, size_t memory, pb_error *err)
{
    replay_options options = {.memory = memory, .finished = read_batch, .progress = batch_progress, .context = b};
    return replay_run(&b->j->q->model->decoder, b->forks, b->count, &options, &b->j->work, err);
}

static void store(job *j, cell c, const score *scores)
{
    trace_grid *g = &j->t->sites[c.site];
    size_t at = c.layer * j->t->cell_count + c.column;
    double n = (double)j->samples, squares = 0;
    for (size_t s = 0; s < j->samples; s++) {
        g->prob[at] += scores[s].prob / n;
        g->logprob[at] += scores[s].logprob / n;
        if (g->logit_diff)
            g->logit_diff[at] += scores[s].logit_diff / n;
    }
    for (size_t s = 0; g->sd && s < j->samples; s++)
        squares += (scores[s].prob - g->prob[at]) * (scores[s].prob - g->prob[at]);
    if (g->sd)
        g->sd[at] = sqrt(squares / n);
}

static void add_cell(batch *b, cell c, size_t sample)
{
    const job *j = b->j;
    edit *e = &b->edits[b->count];
    *e = cell_edit(j, c, sample);
    if (!j->options->naive && cell_is_known(j, e, sample))
        return;
    b->forks[b->count++] = j->options->naive ? plain_fork(j, e, sample) : cell_fork(j, e, sample);
}

/* Runs every cell in every sample that is not known beforehand, and fills the grids. */
static pb_status run_cells(job *j, pb_error *err)
{
    size_t cells = cell_total(j->t), skipped = 0;
    batch b = batch_new(j, cells * j->samples, "tracing");
    size_t *slot = mem_new(cells * j->samples, sizeof *slot); /* 1 + index of the cell's fork in b; 0: known */
    for (size_t i = 0; i < cells * j->samples; i++) {
        size_t before = b.count;
        add_cell(&b, cell_at(j->t, i / j->samples), i % j->samples);
        slot[i] = b.count > before ? b.count : 0;
    }
    pb_status status = batch_run(&b, j->options->naive ? 0 : j->wave_bytes, err);
    score *scores = mem_new(j->samples, sizeof *scores);
    for (size_t i = 0; i < cells && !status; i++) {
        bool known = true;
        for (size_t s = 0; s < j->samples; s++) {
            size_t at = slot[i * j->samples + s];
            scores[s] = at ? b.scores[at - 1] : *unpatched_score(j, s);
            known &= at == 0;
        }
        store(j, cell_at(j->t, i), scores);
        skipped += known;
    }
    free(scores);
    free(slot);
    batch_free(&b);
    j->t->cost.cells = cells;
    j->t->cost.cells_skipped = skipped;
    return status;
}

/* ---- verify ---- */

/* The first n entries of a shuffled 0 .. total-1. */
static size_t *choose_some(size_t total, size_t n, uint64_t seed)
{
    size_t *order = mem_new(total, sizeof *order);
    random_state r = random_from(seed);
    for (size_t i = 0; i < total; i++)
        order[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t other = i + random_below(&r, total - i), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    return order;
}

static double relative_difference(double a, double b)
{
    double larger = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    return larger > 0 ? fabs(a - b) / larger : 0;
}

static double check_cell(const job *j, cell c, const score *scores)
{
    const trace_grid *g = &j->t->sites[c.site];
    double mean = 0;
    for (size_t s = 0; s < j->samples; s++)
        mean += scores[s].prob / (double)j->samples;
    return relative_difference(mean, g->prob[c.layer * j->t->cell_count + c.column]);
}

/* Recomputes some cells by full, unshared passes and keeps the largest relative difference in prob. */
static pb_status verify(job *j, pb_error *err)
{
    size_t total = cell_total(j->t), n = j->options->verify < total ? j->options->verify : total;
    if (n == 0)
        return PB_OK;
    size_t *order = choose_some(total, n, j->options->run.seed);
    batch b = batch_new(j, n * j->samples, "verifying");
    for (size_t i = 0; i < n * j->samples; i++) {
        b.edits[i] = cell_edit(j, cell_at(j->t, order[i / j->samples]), i % j->samples);
        b.forks[i] = plain_fork(j, &b.edits[i], i % j->samples);
    }
    b.count = n * j->samples;
    pb_status status = batch_run(&b, 0, err);
    for (size_t i = 0; i < n && !status; i++) {
        double d = check_cell(j, cell_at(j->t, order[i]), b.scores + i * j->samples);
        j->t->verify_max_rel_diff = d > j->t->verify_max_rel_diff ? d : j->t->verify_max_rel_diff;
    }
    j->t->verify_cells = n;
    batch_free(&b);
    free(order);
    return status;
}

/* ---- the whole ---- */

/* One full-length pass of the decoder: every row through every layer, and the read rows to logits. */
static double full_pass_flop(const question *q)
{
    const decoder_config *c = &q->model->decoder.config;
    double T = (double)q->length, L = (double)c->layers;
    double attention = decoder_attention_flop(c, 1) * T * (T + 1) / 2;
    return L * (T * decoder_layer_flop(c) + attention) + (double)q->answer_count * decoder_readout_flop(c);
}

static void fill_cost(job *j, double begin)
{
    trace_cost *cost = &j->t->cost;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    cost->seconds = now() - begin;
    cost->flop = j->work.flop + j->readout_flop;
    cost->naive_flop = (double)(cost->cells * j->samples) * full_pass_flop(j->q);
    cost->waves = j->work.waves;
    cost->peak_rss_bytes = (size_t)usage.ru_maxrss * 1024;
    cost->products = j->work.products;
    cost->attention = j->work.attention;
    cost->loading = j->work.loading;
    cost->readout = j->readout_seconds;
}

static pb_status run(job *j, pb_error *err)
{
    double begin = now();
    j->t->direction = j->options->noise_direction ? TRACE_NOISE : TRACE_DENOISE;
    TRY(choose_sites(j, err));
    TRY(choose_layers(j, err));
    TRY(choose_answer(j, err));
    TRY(corruption_prepare(&j->corruption, j->q, j->options, err));
    j->samples = j->t->samples = j->corruption.samples;
    TRY(choose_cells(j, err));
    make_grids(j);
    TRY(corrupt_inputs(j, err));
    TRY(plan_memory(j, err));
    TRY(new_recordings(j, err));
    TRY(run_references(j, err));
    summarise_references(j);
    TRY(run_cells(j, err));
    fill_cost(j, begin);
    return verify(j, err);
}

static void job_free(job *j)
{
    for (size_t s = 0; s < j->samples; s++) {
        if (j->inputs)
            free(j->inputs[s]);
        if (j->corrupted)
            recording_free(j->corrupted[s]);
    }
    recording_free(j->clean);
    corruption_free(&j->corruption);
    free(j->inputs);
    free(j->first_changed);
    free(j->corrupted);
    free(j->references);
    free(j->corrupted_score);
    free(j->clean_prob);
    free(j->corrupted_prob);
}

pb_status trace_run_question(trace *t, question *q, const pb_trace_options *options, pb_error *err)
{
    job j = {.t = t, .q = q, .options = options};
    *t = (trace){.foil = -1};
    pb_status status = run(&j, err);
    job_free(&j);
    if (status)
        trace_free(t);
    return status;
}

void trace_free(trace *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        span_free(&t->cells[i]);
        if (t->groups)
            free(t->groups[i]);
    }
    for (size_t s = 0; s < t->site_count; s++) {
        free(t->sites[s].prob);
        free(t->sites[s].logprob);
        free(t->sites[s].logit_diff);
        free(t->sites[s].sd);
        free(t->sites[s].restored);
    }
    free(t->cells);
    free(t->groups);
    free(t->sites);
    free(t->layers);
    free(t->answer);
    *t = (trace){0};
}
