/* trace_cells.c: the cells of a trace: a fork for each that is not known beforehand. See trace_job.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/trace_job.h"

size_t trace_grid_size(const trace *t, const trace_grid *g)
{
    return t->layer_count * t->cell_count * g->heads;
}

size_t trace_cell_total(const trace *t)
{
    size_t total = 0;
    for (size_t s = 0; s < t->site_count; s++)
        total += trace_grid_size(t, &t->sites[s]);
    return total;
}

trace_cell trace_cell_at(const trace *t, size_t index)
{
    size_t s = 0;
    for (; index >= trace_grid_size(t, &t->sites[s]); s++)
        index -= trace_grid_size(t, &t->sites[s]);
    size_t heads = t->sites[s].heads;
    return (trace_cell){.site = s, .layer = index / heads / t->cell_count, .column = index / heads % t->cell_count,
                        .head = index % heads};
}

size_t trace_cell_in_grid(const trace *t, trace_cell c)
{
    return (c.layer * t->cell_count + c.column) * t->sites[c.site].heads + c.head;
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
                  .source = trace_source_run(j, sample),
                  .first_head = c.head, .end_head = g->site == SITE_HEAD_OUT ? c.head + 1 : 0};
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

/* The rows of a severed trace that are held after a cell's window: at what they are in the run that is patched. */
static row_edit held_edit(const trace_job *j, trace_cell c, size_t sample)
{
    const trace *t = j->t;
    return (row_edit){.site = t->severed_site, .first_layer = t->sites[c.site].restored[c.layer][1] + 1,
                      .end_layer = j->q->model->decoder.config.layers, .positions = t->severed_rows.positions,
                      .position_count = t->severed_rows.count, .source = trace_patched_run(j, sample)};
}

/* The edits of a cell; returns how many they are. */
static size_t cell_edits(const trace_job *j, trace_cell c, size_t sample, row_edit edits[2])
{
    edits[0] = cell_edit(j, c, sample);
    if (!j->t->severed)
        return 1;
    edits[1] = held_edit(j, c, sample);
    return edits[1].first_layer < edits[1].end_layer ? 2 : 1;
}

/* Whether putting the row in changes nothing that is read: it is there already, to the bit (which a plan knows of inputs alone), or
 * it lies in the last layer where no later row attends to it. */
static bool row_is_idle(const trace_job *j, const row_edit *e, size_t layer, size_t position, size_t sample)
{
    const decoder_config *c = &j->q->model->decoder.config;
    size_t at = e->end_head ? e->first_head * c->head_dim : 0, width = e->end_head ? c->head_dim : c->d_model;
    if (position < j->first_changed[sample])
        return true;
    if (layer + 1 == c->layers && e->site != SITE_RESID_PRE && position < j->q->last)
        return true;
    if (layer == 0 && e->site == SITE_RESID_PRE) /* the inputs: a plan knows them, too */
        return memcmp(j->inputs[sample] + position * c->d_model, j->q->input + position * c->d_model,
                      c->d_model * sizeof(float)) == 0;
    return e->source && memcmp(recording_row(e->source, e->site, layer, position) + at,
                               recording_row(trace_patched_run(j, sample), e->site, layer, position) + at,
                               width * sizeof(float)) == 0;
}

/* Where nothing that a cell puts in changes anything, what is held after it is what stands there, so a severed cell is
 * known where a plain one is. */
static bool cell_is_known(const trace_job *j, const row_edit *e, size_t sample)
{
    for (size_t l = e->first_layer; l < e->end_layer; l++)
        for (size_t i = 0; i < e->position_count; i++)
            if (!row_is_idle(j, e, l, e->positions[i], sample))
                return false;
    return true;
}

static void drop_rows_below(row_edit *e, size_t position)
{
    while (e->position_count && e->positions[0] < position) {
        e->positions++;
        e->position_count--;
    }
}

/* The fork of a cell in one sample. Rows of the edit below the first changed one are idle, and are left out; and so are
 * rows held below the first that is put in, which it does not reach. */
static replay_fork cell_fork(const trace_job *j, row_edit *edits, size_t count, size_t sample)
{
    drop_rows_below(&edits[0], j->first_changed[sample]);
    if (count > 1)
        drop_rows_below(&edits[1], edits[0].positions[0]);
    return (replay_fork){.base = trace_patched_run(j, sample), .first = edits[0].positions[0], .end = j->q->length,
                  .edits = edits, .edit_count = count, .read_first = j->q->last};
}

/* The same cell in its plain form. */
static replay_fork plain_fork(const trace_job *j, const row_edit *edits, size_t count, size_t sample)
{
    return (replay_fork){.first = 0, .end = j->q->length,
                  .input = j->t->direction == TRACE_DENOISE ? j->inputs[sample] : j->q->input,
                  .edits = edits, .edit_count = count, .read_first = j->q->last, .plain = true};
}

trace_batch trace_batch_new(trace_job *jobs, size_t job_count, size_t most, const char *what)
{
    fork_owner **owners = mem_new(job_count, sizeof *owners);
    for (size_t i = 0; i < job_count; i++)
        owners[i] = &jobs[i].own;
    trace_batch b = {.jobs = jobs, .owners = owners, .forks = fork_batch_new(owners, job_count, most),
                     .edits = mem_new(most, sizeof(row_edit[2]))};
    b.forks.run = &jobs[0].options->run;
    b.forks.what = what;
    return b;
}

void trace_batch_free(trace_batch *b)
{
    fork_batch_free(&b->forks);
    free(b->owners);
    free(b->edits);
}

void trace_store(trace_grid *g, size_t at, const score *scores, size_t samples)
{
    double n = (double)samples, squares = 0;
    for (size_t s = 0; s < samples; s++) {
        g->prob[at] += scores[s].prob / n;
        g->logprob[at] += scores[s].logprob / n;
        if (g->logit_diff)
            g->logit_diff[at] += scores[s].logit_diff / n;
    }
    for (size_t s = 0; g->sd && s < samples; s++)
        squares += (scores[s].prob - g->prob[at]) * (scores[s].prob - g->prob[at]);
    if (g->sd)
        g->sd[at] = sqrt(squares / n);
}

void trace_batch_add_plain(trace_batch *b, size_t job, trace_cell c, size_t sample)
{
    row_edit *edits = b->edits[b->forks.count];
    size_t count = cell_edits(&b->jobs[job], c, sample, edits);
    fork_batch_add(&b->forks, job, plain_fork(&b->jobs[job], edits, count, sample));
}

/* Adds a cell where it must be run. */
static void add_cell(trace_batch *b, size_t job, trace_cell c, size_t sample)
{
    const trace_job *j = &b->jobs[job];
    row_edit *edits = b->edits[b->forks.count];
    size_t count = cell_edits(j, c, sample, edits);
    if (!cell_is_known(j, &edits[0], sample))
        fork_batch_add(&b->forks, job, cell_fork(j, edits, count, sample));
}

size_t trace_cells_wanted(const trace_job *j)
{
    return j->cells ? j->cell_count : trace_cell_total(j->t);
}

static trace_cell wanted_cell(const trace_job *j, size_t i)
{
    return trace_cell_at(j->t, j->cells ? j->cells[i] : i);
}

void trace_batch_add_cells(trace_batch *b, size_t job, size_t *slot)
{
    const trace_job *j = &b->jobs[job];
    for (size_t i = 0; i < trace_cells_wanted(j) * j->samples; i++) {
        size_t before = b->forks.count;
        (j->options->naive ? trace_batch_add_plain : add_cell)(b, job, wanted_cell(j, i / j->samples), i % j->samples);
        if (slot)
            slot[i] = b->forks.count > before ? b->forks.count : 0;
    }
}

/* What a job's cells say: of forks, or of the run that is patched. */
static void fill_in(trace_job *j, const trace_batch *b, const size_t *slot)
{
    size_t wanted = trace_cells_wanted(j), skipped = 0;
    score *scores = mem_new(j->samples, sizeof *scores);
    for (size_t i = 0; i < wanted; i++) {
        bool known = true;
        for (size_t s = 0; s < j->samples; s++) {
            size_t at = slot[i * j->samples + s];
            scores[s] = at ? b->forks.scores[at - 1] : *trace_unpatched_score(j, s);
            known &= at == 0;
        }
        trace_cell c = wanted_cell(j, i);
        trace_store(&j->t->sites[c.site], trace_cell_in_grid(j->t, c), scores, j->samples);
        skipped += known;
    }
    free(scores);
    j->t->cost.cells = trace_cell_total(j->t);
    j->t->cost.cells_skipped = skipped;
}

pb_status trace_cells(trace_job *jobs, size_t count, pb_error *err)
{
    size_t most = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        most += trace_cells_wanted(&jobs[i]) * jobs[i].samples;
    trace_batch b = trace_batch_new(jobs, count, most, "tracing");
    size_t *slot = mem_new(most, sizeof *slot);
    for (size_t i = 0; i < count; at += trace_cells_wanted(&jobs[i]) * jobs[i].samples, i++)
        trace_batch_add_cells(&b, i, slot + at);
    pb_status status = fork_batch_run(&b.forks, jobs[0].options->naive ? 0 : jobs[0].wave_bytes, err);
    at = 0;
    for (size_t i = 0; i < count && !status; at += trace_cells_wanted(&jobs[i]) * jobs[i].samples, i++)
        fill_in(&jobs[i], &b, slot + at);
    free(slot);
    trace_batch_free(&b);
    return status;
}
