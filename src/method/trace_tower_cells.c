/* trace_tower_cells.c: a trace's cells on the picture's side, run. See trace_tower_parts.h.
 *
 * A unit of the tower is a fork of the tower's run, whose rows then stand in the decoder's input: a fork of the decoder from the
 * first image row on that they change. As a fork's input is as large as the prompt, units go through tower and decoder a batch at
 * a time, as many as the memory holds. A unit of the projector is a fork of the decoder with rows put in at layer 0. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/trace_tower_parts.h"

/* ---- sizes ---- */

/* The decoder's rows from the picture on, which a unit has of its own. */
static size_t own_rows(const trace_job *j)
{
    return j->q->length - j->q->prompt.image_first;
}

/* What a unit takes while it runs: the tower's rows, its image rows, its input and its rows in the decoder. */
static size_t unit_bytes(const trace_job *j)
{
    size_t rows = j->q->prompt.image_count + 2 * own_rows(j);
    return tower_fork_bytes(j->q->model->vision) + rows * j->q->model->decoder.config.d_model * sizeof(float);
}

size_t trace_tower_working_bytes(const trace_job *j)
{
    return trace_tower_has_part(j->t, TRACE_TOWER) ? tower_fixed_bytes(j->q->model->vision) + unit_bytes(j) : 0;
}

static size_t at_once(const trace_job *j)
{
    size_t n = j->wave_bytes / unit_bytes(j);
    return n ? n : 1;
}

/* ---- batches ---- */

/* Units on their way through tower and decoder. */
typedef struct unit_batch {
    trace_job *j;
    size_t count;
    const tower_unit *units; /* [count] */
    score **scores;        /* [count] where each unit's goes */
    tower_edit *edits;     /* [count] */
    float **rows;          /* [count] image rows in the projector's order, then in the question's */
    float **inputs;        /* [count] the decoder's rows from the picture on */
    const float ***lent;   /* [count] a projector's rows */
    row_edit *row_edits;   /* [count] */
    fork_owner *owner;     /* the job's */
    fork_batch forks;      /* of the units that reach the decoder's rows */
    size_t *fork_unit;     /* [forks.count] */
} unit_batch;

static void batch_open(unit_batch *b)
{
    size_t n = b->count;
    b->edits = mem_new(n, sizeof *b->edits);
    b->rows = mem_new(n, sizeof *b->rows);
    b->inputs = mem_new(n, sizeof *b->inputs);
    b->lent = mem_new(n, sizeof *b->lent);
    b->row_edits = mem_new(n, sizeof *b->row_edits);
    b->owner = &b->j->own;
    b->forks = fork_batch_new(&b->owner, 1, n);
    b->fork_unit = mem_new(n, sizeof *b->fork_unit);
}

static void batch_close(unit_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->rows[i]);
        free(b->inputs[i]);
        free(b->lent[i]);
    }
    free(b->edits);
    free(b->rows);
    free(b->inputs);
    free(b->lent);
    free(b->row_edits);
    fork_batch_free(&b->forks);
    free(b->fork_unit);
}

/* The tower's part of the batch: each unit's image rows, in the question's order. `plain`: from the pixels on. */
static pb_status run_towers(unit_batch *b, bool plain, pb_error *err)
{
    const question *q = b->j->q;
    size_t D = q->model->decoder.config.d_model, count = 0;
    tower_fork *forks = mem_new(b->count, sizeof *forks);
    pb_status status = PB_OK;
    for (size_t i = 0; i < b->count && !status; i++) {
        if (b->units[i].g->part != TRACE_TOWER)
            continue;
        size_t sample = b->units[i].sample;
        b->edits[i] = tower_unit_edit(b->j, b->units[i]);
        status = mem_try(&b->rows[i], q->prompt.image_count, D * sizeof(float), "the picture's rows", err);
        forks[count++] = (tower_fork){.base = plain ? NULL : trace_tower_patched(b->j, sample),
                                      .pixels = plain ? trace_tower_patched_pixels(b->j, sample) : NULL, .edit = &b->edits[i],
                                      .image_rows = b->rows[i]};
    }
    if (!status && count)
        status = tower_run(q->model->vision, forks, count, err);
    for (size_t i = 0; i < b->count && !status; i++)
        if (b->rows[i])
            status = image_order_apply(&q->order, b->rows[i], D, err);
    free(forks);
    return status;
}

static void add_fork(unit_batch *b, size_t unit_index, replay_fork f)
{
    b->fork_unit[b->forks.count] = unit_index;
    fork_batch_add(&b->forks, 0, f);
}

/* The decoder's fork of a unit of the tower: from the first image row that became another one; none where none did. */
static pb_status add_tower_fork(unit_batch *b, size_t i, pb_error *err)
{
    const trace_job *j = b->j;
    const prompt *p = &j->q->prompt;
    size_t D = j->q->model->decoder.config.d_model, sample = b->units[i].sample, first = 0;
    const float *input = trace_tower_patched_input(j, sample) + p->image_first * D;
    while (first < p->image_count && trace_tower_same_row(j, b->rows[i], input, first))
        first++;
    if (first == p->image_count)
        return PB_OK;
    TRY(mem_try(&b->inputs[i], own_rows(j), D * sizeof(float), "a patched input", err));
    memcpy(b->inputs[i], input, own_rows(j) * D * sizeof(float));
    memcpy(b->inputs[i], b->rows[i], p->image_count * D * sizeof(float));
    add_fork(b, i, (replay_fork){.base = trace_patched_run(j, sample), .first = p->image_first + first,
                                 .end = j->q->length, .input = b->inputs[i] + first * D,
                                 .read_first = j->q->last});
    return PB_OK;
}

static void add_projector_fork(unit_batch *b, size_t i)
{
    const trace_job *j = b->j;
    row_edit *e = &b->row_edits[i];
    *e = tower_unit_row_edit(j, b->units[i], &b->lent[i]);
    while (trace_tower_input_is_shared(j, b->units[i].sample, e->positions[0])) {
        e->positions++; /* rows that are there already: the unit is not known, so one is left */
        e->rows++;
        e->position_count--;
    }
    add_fork(b, i, (replay_fork){.base = trace_patched_run(j, b->units[i].sample), .first = e->positions[0],
                                 .end = j->q->length, .edits = e, .edit_count = 1, .read_first = j->q->last});
}

static pb_status run_forks(unit_batch *b, size_t memory, pb_error *err)
{
    TRY(fork_batch_run(&b->forks, memory, err));
    for (size_t i = 0; i < b->forks.count; i++)
        *b->scores[b->fork_unit[i]] = b->forks.scores[i];
    return PB_OK;
}

static pb_status run_batch(unit_batch *b, pb_error *err)
{
    size_t rows = b->count * own_rows(b->j) * b->j->q->model->decoder.config.d_model * sizeof(float);
    TRY(run_towers(b, false, err));
    for (size_t i = 0; i < b->count; i++) {
        if (b->units[i].g->part == TRACE_TOWER)
            TRY(add_tower_fork(b, i, err));
        else
            add_projector_fork(b, i);
    }
    return run_forks(b, rows, err);
}

/* ---- plainly ---- */

/* input[T][D] becomes that of the batch's only unit. */
static pb_status run_plain_on(unit_batch *b, float *input, pb_error *err)
{
    const trace_job *j = b->j;
    size_t D = j->q->model->decoder.config.d_model, T = j->q->length;
    memcpy(input, trace_tower_patched_input(j, b->units[0].sample), T * D * sizeof *input);
    replay_fork f = {.end = T, .input = input, .read_first = j->q->last, .plain = true};
    TRY(run_towers(b, true, err));
    if (b->units[0].g->part == TRACE_TOWER) {
        memcpy(input + j->q->prompt.image_first * D, b->rows[0], j->q->prompt.image_count * D * sizeof *input);
    } else {
        b->row_edits[0] = tower_unit_row_edit(j, b->units[0], &b->lent[0]);
        f.edits = &b->row_edits[0];
        f.edit_count = 1;
    }
    add_fork(b, 0, f);
    return run_forks(b, T * D * sizeof *input, err);
}

/* A batch of one unit by full passes of tower, projector and decoder. */
static pb_status run_plain(unit_batch *b, pb_error *err)
{
    float *input;
    TRY(mem_try(&input, b->j->q->length, b->j->q->model->decoder.config.d_model * sizeof *input, "a patched input", err));
    pb_status status = run_plain_on(b, input, err);
    free(input);
    return status;
}

pb_status trace_tower_plain(trace_job *j, size_t cell, size_t sample, score *out, pb_error *err)
{
    tower_unit u = tower_unit_at(j->t, cell, sample);
    unit_batch b = {.j = j, .count = 1, .units = &u, .scores = &out};
    batch_open(&b);
    pb_status status = run_plain(&b, err);
    batch_close(&b);
    return status;
}

/* ---- all cells ---- */

/* The units that must be run, units[most], and where each one's score goes; known ones' scores are filled in. */
static size_t choose_units(trace_job *j, tower_unit *units, score **where, score *scores)
{
    size_t count = 0, total = trace_tower_total(j->t) * j->samples;
    for (size_t i = 0; i < total; i++) {
        tower_unit u = tower_unit_at(j->t, i / j->samples, i % j->samples);
        scores[i] = *trace_unpatched_score(j, u.sample);
        if (!j->options->naive && tower_unit_is_known(j, u))
            continue;
        units[count] = u;
        where[count++] = &scores[i];
    }
    return count;
}

static pb_status run_units(trace_job *j, const tower_unit *units, score **where, size_t count, pb_error *err)
{
    pb_status status = PB_OK;
    for (size_t i = 0, n; i < count && !status; i += n) {
        n = j->options->naive ? 1 : at_once(j);
        n = n < count - i ? n : count - i;
        unit_batch b = {.j = j, .count = n, .units = units + i, .scores = where + i};
        batch_open(&b);
        b.forks.run = &j->options->run;
        b.forks.what = "tracing the tower";
        b.forks.begin = (double)i;
        b.forks.end = (double)(i + n);
        b.forks.total = (double)count;
        status = (j->options->naive ? run_plain : run_batch)(&b, err);
        batch_close(&b);
    }
    return status;
}

/* Cells of which no unit was run. */
static size_t count_skipped(const trace_job *j, score *const *where, size_t count, const score *scores)
{
    size_t cells = trace_tower_total(j->t), run = 0, last = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t cell = (size_t)(where[i] - scores) / j->samples;
        run += cell != last;
        last = cell;
    }
    return cells - run;
}

pb_status trace_tower_cells(trace_job *j, pb_error *err)
{
    size_t cells = trace_tower_total(j->t), most = cells * j->samples;
    if (!cells)
        return PB_OK;
    tower_unit *units = mem_new(most, sizeof *units);
    score **where = mem_new(most, sizeof *where), *scores = mem_new(most, sizeof *scores);
    size_t count = choose_units(j, units, where, scores);
    pb_status status = run_units(j, units, where, count, err);
    for (size_t i = 0; i < cells && !status; i++) {
        tower_unit u = tower_unit_at(j->t, i, 0);
        trace_grid *g = &j->t->vision[u.g - j->t->vision].grid;
        trace_store(g, u.layer * u.g->cell_count + u.column, scores + i * j->samples, j->samples);
    }
    j->t->cost.cells += cells;
    j->t->cost.cells_skipped += count_skipped(j, where, count, scores);
    free(units);
    free(where);
    free(scores);
    return status;
}
