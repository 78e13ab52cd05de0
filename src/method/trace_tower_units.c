/* trace_tower_units.c: what a cell in one sample puts in, and whether that changes anything. See trace_tower_parts.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/trace_tower_parts.h"

/* ---- numbers ---- */

size_t trace_tower_total(const trace *t)
{
    size_t total = 0;
    for (size_t i = 0; i < t->vision_count; i++)
        total += t->vision[i].layer_count * t->vision[i].cell_count;
    return total;
}

tower_unit tower_unit_at(const trace *t, size_t cell, size_t sample)
{
    const trace_vision *g = t->vision;
    for (; cell >= g->layer_count * g->cell_count; g++)
        cell -= g->layer_count * g->cell_count;
    return (tower_unit){g, cell / g->cell_count, cell % g->cell_count, sample};
}

double trace_tower_prob(const trace *t, size_t cell)
{
    tower_unit u = tower_unit_at(t, cell, 0);
    return u.g->grid.prob[u.layer * u.g->cell_count + u.column];
}

bool trace_tower_has_part(const trace *t, trace_part part)
{
    for (size_t i = 0; i < t->vision_count; i++)
        if (t->vision[i].part == part)
            return true;
    return false;
}

/* ---- edits ---- */

tower_edit tower_unit_edit(const trace_job *j, tower_unit u)
{
    const trace_vision *g = u.g;
    const span *rows = &g->cells[u.column];
    return (tower_edit){.site = g->grid.site, .first_layer = g->grid.restored[u.layer][0],
                        .end_layer = g->grid.restored[u.layer][1] + 1,
                        .rows = rows->positions, .row_count = rows->count,
                        .source = trace_tower_source(j, u.sample)};
}

row_edit tower_unit_row_edit(const trace_job *j, tower_unit u, const float ***rows)
{
    const span *cell = &u.g->cells[u.column];
    size_t D = j->q->model->decoder.config.d_model;
    *rows = mem_new(cell->count, sizeof **rows);
    for (size_t i = 0; i < cell->count; i++)
        (*rows)[i] = trace_tower_source_input(j, u.sample) + cell->positions[i] * D;
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
    return memcmp(put, tower_recording_row(trace_tower_patched(j, sample), e->site, layer, row), D * sizeof *put) == 0;
}

static bool is_known_in_tower(const trace_job *j, tower_unit u)
{
    tower_edit e = tower_unit_edit(j, u);
    for (size_t l = e.first_layer; l < e.end_layer; l++)
        for (size_t i = 0; i < e.row_count; i++)
            if (!row_is_idle(j, &e, l, e.rows[i], u.sample))
                return false;
    return true;
}

static bool is_known_in_projector(const trace_job *j, tower_unit u)
{
    const span *cell = &u.g->cells[u.column];
    for (size_t i = 0; i < cell->count; i++)
        if (!trace_tower_input_is_shared(j, u.sample, cell->positions[i]))
            return false;
    return true;
}

bool tower_unit_is_known(const trace_job *j, tower_unit u)
{
    return u.g->part == TRACE_TOWER ? is_known_in_tower(j, u) : is_known_in_projector(j, u);
}
