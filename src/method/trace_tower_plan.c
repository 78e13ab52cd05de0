/* trace_tower_plan.c: what a trace's cells on the picture's side will take. See trace_tower_parts.h. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/trace_tower_parts.h"

/* What a unit takes in the tower and the projector. */
static double unit_flop(const trace_job *j, tower_unit u)
{
    if (u.g->part == TRACE_PROJECTOR)
        return 0;
    static const tower_recording some;
    float rows = 0;
    tower_edit e = tower_unit_edit(j, u);
    tower_fork f = {.base = j->options->naive ? NULL : &some, .edit = &e, .image_rows = &rows};
    return tower_fork_flop(j->q->model->vision, &f);
}

/* The first position of the prompt that a unit changes, as far as that is known before: what is put in the last layer, behind its
 * keys, changes no other row. */
static size_t first_changed(const trace_job *j, tower_unit u)
{
    const question *q = j->q;
    const vision *v = q->model->vision;
    if (u.g->part == TRACE_PROJECTOR)
        return u.g->cells[u.column].positions[0];
    tower_edit e = tower_unit_edit(j, u);
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
    if (!trace_tower_has_part(j->t, TRACE_TOWER))
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
        tower_unit u = tower_unit_at(j->t, i / j->samples, i % j->samples);
        if (!j->options->naive && tower_unit_is_known(j, u))
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
