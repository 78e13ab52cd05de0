/* trace_tower.c: cells on the picture's side: see trace_tower.h.
 *
 * A cell in one sample is a unit. A unit of the tower is a fork of the tower's run, whose rows then stand in the
 * decoder's input: a fork of the decoder from the first image row on that they change. As a fork's input is as large
 * as the prompt, units go through tower and decoder a batch at a time, as many as the memory holds. A unit of the
 * projector is a fork of the decoder with rows put in at layer 0. */
#include "method/trace_tower.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct unit {
    const trace_vision *g;
    size_t layer, column, sample; /* indices into the grid's lists */
} unit;

size_t trace_tower_total(const trace *t)
{
    size_t total = 0;
    for (size_t i = 0; i < t->vision_count; i++)
        total += t->vision[i].layer_count * t->vision[i].cell_count;
    return total;
}

/* The unit of a numbered cell. */
static unit unit_at(const trace *t, size_t cell, size_t sample)
{
    const trace_vision *g = t->vision;
    for (; cell >= g->layer_count * g->cell_count; g++)
        cell -= g->layer_count * g->cell_count;
    return (unit){g, cell / g->cell_count, cell % g->cell_count, sample};
}

double trace_tower_prob(const trace *t, size_t cell)
{
    unit u = unit_at(t, cell, 0);
    return u.g->grid.prob[u.layer * u.g->cell_count + u.column];
}

static bool has_part(const trace *t, trace_part part)
{
    for (size_t i = 0; i < t->vision_count; i++)
        if (t->vision[i].part == part)
            return true;
    return false;
}

static bool has_site(const trace *t, site s)
{
    for (size_t i = 0; i < t->vision_count; i++)
        if (t->vision[i].part == TRACE_TOWER && t->vision[i].grid.site == s)
            return true;
    return false;
}

/* ---- sizes ---- */

static tower_kept kept_sites(const trace *t)
{
    return (tower_kept){has_site(t, SITE_ATTN_OUT), has_site(t, SITE_MLP_OUT)};
}

static size_t pixel_bytes(const trace_job *j)
{
    size_t side = vision_settings(j->q->model->vision)->image_size;
    return 3 * side * side * sizeof(float);
}

size_t trace_tower_held_bytes(const trace_job *j)
{
    if (!has_part(j->t, TRACE_TOWER))
        return 0;
    size_t recording_size = tower_recording_bytes(j->q->model->vision, kept_sites(j->t));
    return (1 + j->samples) * recording_size + j->samples * pixel_bytes(j);
}

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
    return has_part(j->t, TRACE_TOWER) ? tower_fixed_bytes(j->q->model->vision) + unit_bytes(j) : 0;
}

/* ---- the corrupted picture, and the tower's runs ---- */

pb_status trace_tower_inputs(trace_job *j, pb_error *err)
{
    if (!has_part(j->t, TRACE_TOWER))
        return PB_OK;
    j->pixels = mem_new(j->samples, sizeof *j->pixels);
    return corruption_watch_pixels(&j->corruption, j->q, err);
}

pb_status trace_tower_keep_input(trace_job *j, size_t sample, pb_error *err)
{
    if (!j->pixels)
        return PB_OK;
    TRY(mem_try(&j->pixels[sample], 1, pixel_bytes(j), "a corrupted picture", err));
    memcpy(j->pixels[sample], j->corruption.pixels, pixel_bytes(j));
    return PB_OK;
}

/* The pixels of the run that is patched. */
static const float *patched_pixels(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->pixels[sample] : j->q->picture.pixels;
}

pb_status trace_tower_references(trace_job *j, pb_error *err)
{
    vision *v = j->q->model->vision;
    if (!has_part(j->t, TRACE_TOWER))
        return PB_OK;
    j->tower_corrupted = mem_new(j->samples, sizeof *j->tower_corrupted);
    TRY(tower_recording_new(&j->tower_clean, v, kept_sites(j->t), err));
    tower_fork clean = {.pixels = j->q->picture.pixels, .record = j->tower_clean};
    TRY(tower_run(v, &clean, 1, err));
    for (size_t s = 0; s < j->samples; s++) {
        TRY(tower_recording_new(&j->tower_corrupted[s], v, kept_sites(j->t), err));
        tower_fork corrupted = {.pixels = j->pixels[s], .record = j->tower_corrupted[s]};
        TRY(tower_run(v, &corrupted, 1, err));
    }
    return PB_OK;
}

void trace_tower_free(trace_job *j)
{
    for (size_t s = 0; s < j->samples; s++) {
        if (j->pixels)
            free(j->pixels[s]);
        if (j->tower_corrupted)
            tower_recording_free(j->tower_corrupted[s]);
    }
    tower_recording_free(j->tower_clean);
    free(j->pixels);
    free(j->tower_corrupted);
}

/* NULL in a plan. */
static const tower_recording *tower_patched(const trace_job *j, size_t sample)
{
    if (!j->tower_clean)
        return NULL;
    return j->t->direction == TRACE_DENOISE ? j->tower_corrupted[sample] : j->tower_clean;
}

static const tower_recording *tower_source(const trace_job *j, size_t sample)
{
    if (!j->tower_clean)
        return NULL;
    return j->t->direction == TRACE_DENOISE ? j->tower_clean : j->tower_corrupted[sample];
}

/* ---- the decoder's inputs ---- */

static const float *patched_input(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->inputs[sample] : j->q->input;
}

static const float *source_input(const trace_job *j, size_t sample)
{
    return j->t->direction == TRACE_DENOISE ? j->q->input : j->inputs[sample];
}

static bool same_row(const trace_job *j, const float *a, const float *b, size_t row)
{
    size_t D = j->q->model->decoder.config.d_model;
    return memcmp(a + row * D, b + row * D, D * sizeof *a) == 0;
}

/* ---- a unit's edits ---- */

static tower_edit unit_edit(const trace_job *j, unit u)
{
    const trace_vision *g = u.g;
    const span *rows = &g->cells[u.column];
    return (tower_edit){.site = g->grid.site, .first_layer = g->grid.restored[u.layer][0],
                        .end_layer = g->grid.restored[u.layer][1] + 1,
                        .rows = rows->positions, .row_count = rows->count,
                        .source = tower_source(j, u.sample)};
}

/* The projector's rows as rows of the decoder's input: edits of its first layer. *rows: free() */
static row_edit projector_edit(const trace_job *j, unit u, const float ***rows)
{
    const span *cell = &u.g->cells[u.column];
    size_t D = j->q->model->decoder.config.d_model;
    *rows = mem_new(cell->count, sizeof **rows);
    for (size_t i = 0; i < cell->count; i++)
        (*rows)[i] = source_input(j, u.sample) + cell->positions[i] * D;
    return (row_edit){.site = SITE_RESID_PRE, .first_layer = 0, .end_layer = 1, .positions = cell->positions,
                      .position_count = cell->count, .rows = *rows};
}

/* ---- what is known without running ---- */

/* Whether a tower's row put in at a layer changes no feature: it is there already, to the bit (which a plan cannot
 * know); or it lies above the features; or in the last layer that they pass, in a row that they leave out. */
static bool row_is_idle(const trace_job *j, const tower_edit *e, size_t layer, size_t row, size_t sample)
{
    const vision *v = j->q->model->vision;
    size_t L = vision_used_layers(v), D = vision_settings(v)->width;
    if (layer >= L)
        return true;
    if (layer + 1 == L && e->site != SITE_RESID_PRE && row < vision_settings(v)->skipped_rows)
        return true;
    if (!e->source)
        return false;
    const float *put = tower_recording_row(e->source, e->site, layer, row);
    return memcmp(put, tower_recording_row(tower_patched(j, sample), e->site, layer, row), D * sizeof *put) == 0;
}

static bool tower_unit_is_known(const trace_job *j, unit u)
{
    tower_edit e = unit_edit(j, u);
    for (size_t l = e.first_layer; l < e.end_layer; l++)
        for (size_t i = 0; i < e.row_count; i++)
            if (!row_is_idle(j, &e, l, e.rows[i], u.sample))
                return false;
    return true;
}

static bool projector_unit_is_known(const trace_job *j, unit u)
{
    const span *cell = &u.g->cells[u.column];
    for (size_t i = 0; i < cell->count; i++)
        if (!same_row(j, source_input(j, u.sample), patched_input(j, u.sample), cell->positions[i]))
            return false;
    return true;
}

static bool is_known(const trace_job *j, unit u)
{
    return u.g->part == TRACE_TOWER ? tower_unit_is_known(j, u) : projector_unit_is_known(j, u);
}

/* ---- batches ---- */

/* Units on their way through tower and decoder. */
typedef struct unit_batch {
    trace_job *j;
    size_t count;
    const unit *units;     /* [count] */
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
        b->edits[i] = unit_edit(b->j, b->units[i]);
        status = mem_try(&b->rows[i], q->prompt.image_count, D * sizeof(float), "the picture's rows", err);
        forks[count++] = (tower_fork){.base = plain ? NULL : tower_patched(b->j, sample),
                                      .pixels = plain ? patched_pixels(b->j, sample) : NULL, .edit = &b->edits[i],
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
    const float *input = patched_input(j, sample) + p->image_first * D;
    while (first < p->image_count && same_row(j, b->rows[i], input, first))
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
    *e = projector_edit(j, b->units[i], &b->lent[i]);
    while (same_row(j, source_input(j, b->units[i].sample), patched_input(j, b->units[i].sample), e->positions[0])) {
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
    memcpy(input, patched_input(j, b->units[0].sample), T * D * sizeof *input);
    replay_fork f = {.end = T, .input = input, .read_first = j->q->last, .plain = true};
    TRY(run_towers(b, true, err));
    if (b->units[0].g->part == TRACE_TOWER) {
        memcpy(input + j->q->prompt.image_first * D, b->rows[0], j->q->prompt.image_count * D * sizeof *input);
    } else {
        b->row_edits[0] = projector_edit(j, b->units[0], &b->lent[0]);
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
    unit u = unit_at(j->t, cell, sample);
    unit_batch b = {.j = j, .count = 1, .units = &u, .scores = &out};
    batch_open(&b);
    pb_status status = run_plain(&b, err);
    batch_close(&b);
    return status;
}

/* ---- all cells ---- */

/* The units that must be run, units[most], and where each one's score goes; known ones' scores are filled in. */
static size_t choose_units(trace_job *j, unit *units, score **where, score *scores)
{
    size_t count = 0, total = trace_tower_total(j->t) * j->samples;
    for (size_t i = 0; i < total; i++) {
        unit u = unit_at(j->t, i / j->samples, i % j->samples);
        scores[i] = *trace_unpatched_score(j, u.sample);
        if (!j->options->naive && is_known(j, u))
            continue;
        units[count] = u;
        where[count++] = &scores[i];
    }
    return count;
}

static size_t at_once(const trace_job *j)
{
    size_t n = j->wave_bytes / unit_bytes(j);
    return n ? n : 1;
}

static pb_status run_units(trace_job *j, const unit *units, score **where, size_t count, pb_error *err)
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
    unit *units = mem_new(most, sizeof *units);
    score **where = mem_new(most, sizeof *where), *scores = mem_new(most, sizeof *scores);
    size_t count = choose_units(j, units, where, scores);
    pb_status status = run_units(j, units, where, count, err);
    for (size_t i = 0; i < cells && !status; i++) {
        unit u = unit_at(j->t, i, 0);
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

/* ---- plans ---- */

/* What a unit takes in the tower and the projector. */
static double unit_flop(const trace_job *j, unit u)
{
    if (u.g->part == TRACE_PROJECTOR)
        return 0;
    static const tower_recording some;
    float rows = 0;
    tower_edit e = unit_edit(j, u);
    tower_fork f = {.base = j->options->naive ? NULL : &some, .edit = &e, .image_rows = &rows};
    return tower_fork_flop(j->q->model->vision, &f);
}

/* The first position of the prompt that a unit changes, as far as that is known before: what is put in the last layer, behind its
 * keys, changes no other row. */
static size_t first_changed(const trace_job *j, unit u)
{
    const question *q = j->q;
    const vision *v = q->model->vision;
    if (u.g->part == TRACE_PROJECTOR)
        return u.g->cells[u.column].positions[0];
    tower_edit e = unit_edit(j, u);
    if (e.first_layer + 1 < vision_used_layers(v) || e.site == SITE_RESID_PRE)
        return q->prompt.image_first;
    for (size_t i = 0; i < q->prompt.image_count; i++)
        for (size_t r = 0; r < e.row_count; r++)
            if (e.rows[r] == image_order_from(&q->order, i) + vision_settings(v)->skipped_rows)
                return q->prompt.image_first + i;
    return q->prompt.image_first;
}

/* The runs that trace_tower_references records. */
static double references_flop(const trace_job *j)
{
    const vision *v = j->q->model->vision;
    if (!has_part(j->t, TRACE_TOWER))
        return 0;
    return (double)(1 + j->samples) * (vision_embed_flop(v) + (double)vision_used_layers(v) * vision_layer_flop(v));
}

size_t trace_tower_plan(trace_job *j, replay_plan *plan, double *flop)
{
    const question *q = j->q;
    size_t total = trace_tower_total(j->t) * j->samples, count = 0;
    replay_fork *forks = mem_new(total, sizeof *forks);
    *flop += references_flop(j);
    for (size_t i = 0; i < total; i++) {
        unit u = unit_at(j->t, i / j->samples, i % j->samples);
        if (!j->options->naive && is_known(j, u))
            continue;
        forks[count++] = (replay_fork){.first = j->options->naive ? 0 : first_changed(j, u), .end = q->length,
                                       .input = q->input, .read_first = q->last, .plain = j->options->naive};
        *flop += unit_flop(j, u);
    }
    replay_plan_add(plan, &q->model->decoder, forks, count, j->options->naive ? 0 : j->wave_bytes);
    free(forks);
    return count;
}

double trace_tower_naive_flop(const trace_job *j)
{
    double cells = 0;
    for (size_t i = 0; i < j->t->vision_count; i++)
        if (j->t->vision[i].part == TRACE_TOWER)
            cells += (double)(j->t->vision[i].layer_count * j->t->vision[i].cell_count);
    if (!(cells > 0))
        return 0;
    const vision *v = j->q->model->vision;
    double pass = vision_embed_flop(v) + (double)vision_used_layers(v) * vision_layer_flop(v) + vision_project_flop(v);
    return cells * (double)j->samples * pass;
}
