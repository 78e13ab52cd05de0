/* trace_cells.c: the cells of a trace: a fork for each that is not known beforehand. See trace_job.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/trace_job.h"

size_t trace_cell_total(const trace *t)
{
    return t->site_count * t->layer_count * t->cell_count;
}

trace_cell trace_cell_at(const trace *t, size_t index)
{
    return (trace_cell){index / (t->layer_count * t->cell_count), index / t->cell_count % t->layer_count,
                  index % t->cell_count};
}

/* NULL in a plan. */
static const recording *corrupted_run(const trace_job *j, size_t sample)
{
    return j->corrupted ? j->corrupted[sample] : NULL;
}

static row_edit cell_edit(const trace_job *j, trace_cell c, size_t sample)
{
    const trace *t = j->t;
    const trace_grid *g = &t->sites[c.site];
    const span *positions = &t->cells[c.column];
    return (row_edit){.site = g->site, .first_layer = g->restored[c.layer][0], .end_layer = g->restored[c.layer][1] + 1,
                  .positions = positions->positions, .position_count = positions->count,
                  .source = trace_source_run(j, sample)};
}

const recording *trace_patched_run(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? corrupted_run(j, sample) : j->clean;
}

const recording *trace_source_run(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->clean : corrupted_run(j, sample);
}

const score *trace_unpatched_score(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? &j->corrupted_score[sample] : &j->clean_score;
}

/* Whether putting the row in changes nothing that is read: it is there already, to the bit (which a plan cannot know), or
 * it lies in the last layer where no later row attends to it. */
static bool row_is_idle(const trace_job *j, const row_edit *e, size_t layer, size_t position, size_t sample)
{
    size_t L = j->q->model->decoder.config.layers, D = j->q->model->decoder.config.d_model;
    if (position < j->first_changed[sample])
        return true;
    if (layer + 1 == L && e->site != SITE_RESID_PRE && position < j->q->last)
        return true;
    return e->source && memcmp(recording_row(e->source, e->site, layer, position),
                  recording_row(trace_patched_run(j, sample), e->site, layer, position), D * sizeof(float)) == 0;
}

static bool cell_is_known(const trace_job *j, const row_edit *e, size_t sample)
{
    for (size_t l = e->first_layer; l < e->end_layer; l++)
        for (size_t i = 0; i < e->position_count; i++)
            if (!row_is_idle(j, e, l, e->positions[i], sample))
                return false;
    return true;
}

/* The fork of a cell in one sample. Rows of the edit below the first changed one are idle, and are left out. */
static replay_fork cell_fork(const trace_job *j, row_edit *e, size_t sample)
{
    while (e->position_count && e->positions[0] < j->first_changed[sample]) {
        e->positions++;
        e->position_count--;
    }
    return (replay_fork){.base = trace_patched_run(j, sample), .first = e->positions[0], .end = j->q->length, .edits = e,
                  .edit_count = 1, .read_first = j->q->last};
}

/* The same cell in its plain form. */
static replay_fork plain_fork(const trace_job *j, const row_edit *e, size_t sample)
{
    return (replay_fork){.first = 0, .end = j->q->length,
                  .input = j->t->direction == TRACE_DENOISE ? j->inputs[sample] : j->q->input,
                  .edits = e, .edit_count = 1, .read_first = j->q->last, .plain = true};
}

trace_batch trace_batch_new(trace_job *j, size_t most, const char *what)
{
    return (trace_batch){.j = j, .forks = mem_new(most, sizeof(replay_fork)), .edits = mem_new(most, sizeof(row_edit)),
                   .scores = mem_new(most, sizeof(score)), .what = what};
}

void trace_batch_free(trace_batch *b)
{
    free(b->forks);
    free(b->edits);
    free(b->scores);
}

static pb_status read_batch(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    trace_batch *b = context;
    score *scores = mem_new(count, sizeof *scores);
    pb_status status = trace_read_scores(b->j, forks, count, scores, err);
    for (size_t i = 0; i < count && !status; i++)
        b->scores[forks[i] - b->forks] = scores[i];
    free(scores);
    return status;
}

static void batch_progress(void *context, double share)
{
    const trace_batch *b = context;
    const pb_run_options *run = &b->j->options->run;
    if (run->progress)
        run->progress(run->context, b->what, share * (double)b->count, (double)b->count);
}

pb_status trace_batch_run(trace_batch *b, size_t memory, pb_error *err)
{
    replay_options options = {.memory = memory, .finished = read_batch, .progress = batch_progress, .context = b};
    return replay_run(&b->j->q->model->decoder, b->forks, b->count, &options, &b->j->work, err);
}

static void store(trace_job *j, trace_cell c, const score *scores)
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

void trace_batch_add_plain(trace_batch *b, trace_cell c, size_t sample)
{
    row_edit *e = &b->edits[b->count];
    *e = cell_edit(b->j, c, sample);
    b->forks[b->count++] = plain_fork(b->j, e, sample);
}

/* Adds a cell where it must be run. */
static void add_cell(trace_batch *b, trace_cell c, size_t sample)
{
    row_edit *e = &b->edits[b->count];
    *e = cell_edit(b->j, c, sample);
    if (!cell_is_known(b->j, e, sample))
        b->forks[b->count++] = cell_fork(b->j, e, sample);
}

void trace_batch_add_cells(trace_batch *b, const size_t *cells, size_t count, size_t *slot)
{
    const trace_job *j = b->j;
    for (size_t i = 0; i < count * j->samples; i++) {
        size_t before = b->count, cell = cells ? cells[i / j->samples] : i / j->samples;
        (j->options->naive ? trace_batch_add_plain : add_cell)(b, trace_cell_at(j->t, cell), i % j->samples);
        if (slot)
            slot[i] = b->count > before ? b->count : 0;
    }
}

pb_status trace_cells(trace_job *j, const size_t *cells, size_t count, pb_error *err)
{
    size_t skipped = 0;
    trace_batch b = trace_batch_new(j, count * j->samples, "tracing");
    size_t *slot = mem_new(count * j->samples, sizeof *slot);
    trace_batch_add_cells(&b, cells, count, slot);
    pb_status status = trace_batch_run(&b, j->options->naive ? 0 : j->wave_bytes, err);
    score *scores = mem_new(j->samples, sizeof *scores);
    for (size_t i = 0; i < count && !status; i++) {
        bool known = true;
        for (size_t s = 0; s < j->samples; s++) {
            size_t at = slot[i * j->samples + s];
            scores[s] = at ? b.scores[at - 1] : *trace_unpatched_score(j, s);
            known &= at == 0;
        }
        store(j, trace_cell_at(j->t, cells ? cells[i] : i), scores);
        skipped += known;
    }
    free(scores);
    free(slot);
    trace_batch_free(&b);
    j->t->cost.cells = trace_cell_total(j->t);
    j->t->cost.cells_skipped = skipped;
    return status;
}
