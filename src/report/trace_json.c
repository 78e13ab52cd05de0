/* trace_json.c: a trace as JSON (docs/formats.md): the field names and their order are a contract with other programs.
 *
 * A grid stands as one array per layer with one number per cell. NaN and infinities, which JSON lacks, are null. */
#include "method/trace_heads.h"
#include "report/json_values.h"
#include "report/report.h"
#include "report/run_json.h"
#include "report/trace_words.h"

static json_t *make_corruption(const trace_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->trace->corruption_count; i++)
        json_array_append_new(list, make_text(r->trace->corruptions[i]));
    return list;
}

/* [p...], or with groups [[p...]...]. */
static json_t *make_cell_positions(const trace *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->cell_count; i++)
        json_array_append_new(list, t->groups ? make_positions(t->cells[i].positions, t->cells[i].count)
                                              : make_count(t->cells[i].positions[0]));
    return list;
}

static json_t *make_groups(const trace *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->cell_count; i++)
        json_array_append_new(list, make_text(t->groups[i]));
    return list;
}

static json_t *make_layers(const trace *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->layer_count; i++)
        json_array_append_new(list, make_count(t->layers[i]));
    return list;
}

static json_t *make_marks(const trace *t)
{
    json_t *list = json_array();
    if (t->primed)
        json_array_append_new(list, json_string("primed"));
    if (t->weak)
        json_array_append_new(list, json_string("weak"));
    return list;
}

/* values[layers][cells] as one array per layer; of several heads values[layers][cells][heads], an array per cell. */
static json_t *make_grid(const trace *t, const trace_grid *g, const double *values)
{
    json_t *rows = json_array();
    for (size_t l = 0; l < t->layer_count; l++) {
        json_t *row = json_array();
        for (size_t c = 0; c < t->cell_count; c++) {
            const double *cell = values + (l * t->cell_count + c) * g->heads;
            json_array_append_new(row, g->site == SITE_HEAD_OUT ? make_numbers(cell, g->heads) : make_number(*cell));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *make_one_site(const trace *t, const trace_grid *g)
{
    json_t *object = json_object();
    if (g->estimate)
        json_object_set_new(object, "estimate", make_grid(t, g, g->estimate));
    json_object_set_new(object, "prob", make_grid(t, g, g->prob));
    json_object_set_new(object, "logprob", make_grid(t, g, g->logprob));
    if (g->logit_diff)
        json_object_set_new(object, "logit_diff", make_grid(t, g, g->logit_diff));
    if (g->sd)
        json_object_set_new(object, "sd", make_grid(t, g, g->sd));
    json_t *restored = json_array();
    for (size_t l = 0; l < t->layer_count; l++)
        json_array_append_new(restored,
                              json_pack("[o, o]", make_count(g->restored[l][0]), make_count(g->restored[l][1])));
    json_object_set_new(object, "restored", restored);
    if (g->estimate && t->estimates.exact == trace_cell_total(t))
        json_object_set_new(object, "spearman", make_number(g->spearman));
    return object;
}

/* A site on the picture's side says its own layers and cells. */
static json_t *make_vision_site(const trace *t, const trace_vision *g)
{
    trace view = trace_vision_view(t, g);
    json_t *object = make_one_site(&view, &g->grid);
    json_object_set_new(object, "layers", make_layers(&view));
    json_object_set_new(object, "positions", make_cell_positions(&view));
    if (g->groups)
        json_object_set_new(object, "groups", make_groups(&view));
    return object;
}

static json_t *make_sites(const trace *t)
{
    json_t *object = json_object();
    for (size_t s = 0; s < t->site_count; s++)
        json_object_set_new(object, site_name(t->sites[s].site), make_one_site(t, &t->sites[s]));
    for (size_t s = 0; s < t->vision_count; s++)
        json_object_set_new(object, t->vision[s].name, make_vision_site(t, &t->vision[s]));
    return object;
}

/* What is held in a severed trace. */
static json_t *make_freeze(const trace *t)
{
    return json_pack("{s:s, s:o, s:o}", "site", site_name(t->severed_site), "span", make_text(t->severed_name),
                     "positions", make_positions(t->severed_rows.positions, t->severed_rows.count));
}

/* [{"layer", "head", "position" or "group", "prob", "effect", "recovered"}...] */
static json_t *make_top_heads(const trace *t)
{
    trace_head top[TRACE_TOP_HEADS];
    size_t count = trace_top_heads(t, top, TRACE_TOP_HEADS);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const span *cell = &t->cells[top[i].column];
        json_t *at = t->groups ? make_text(t->groups[top[i].column]) : make_count(cell->positions[0]);
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "layer",
                                              make_count(t->layers[top[i].layer]), "head", make_count(top[i].head),
                                              t->groups ? "group" : "position", at, "prob", make_number(top[i].prob),
                                              "effect", make_number(top[i].effect), "recovered",
                                              make_number(trace_recovered(t, top[i].prob))));
    }
    return list;
}

static json_t *make_verify(const trace *t)
{
    if (t->verify_cells == 0)
        return json_null();
    return json_pack("{s:o, s:o}", "cells", make_count(t->verify_cells),
                     "max_rel_diff", make_number(t->verify_max_rel_diff));
}

/* How the estimates were made, and where all cells were run, how well they agree with them. */
static void add_estimates(json_t *o, const trace *t)
{
    json_object_set_new(o, "ig", t->estimates.steps ? make_count(t->estimates.steps) : json_null());
    json_object_set_new(o, "exact", make_count(t->estimates.exact));
    if (t->estimates.exact == trace_cell_total(t))
        json_object_set_new(o, "spearman", make_number(t->estimates.spearman));
}

json_t *report_trace_json(const trace_report *r)
{
    const trace *t = r->trace;
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_string(t->estimates.made ? "patchbay.attribute/1" : "patchbay.trace/1"));
    about_json(&r->about, o);
    json_object_set_new(o, "corruption", make_corruption(r));
    if (t->corrupt_span)
        json_object_set_new(o, "corrupt_span", make_text(t->corrupt_span));
    if (t->samples > 1)
        json_object_set_new(o, "samples", make_count(t->samples));
    json_object_set_new(o, "answer", about_answer_json(&r->about, t->answer, t->answer_count));
    if (t->foil >= 0)
        json_object_set_new(o, "foil", json_pack("{s:i, s:o}", "id", t->foil,
                                                 "text", about_token_text_json(&r->about, t->foil)));
    json_object_set_new(o, "window", window_json(t->window_kind, t->window));
    json_object_set_new(o, "positions", make_cell_positions(t));
    if (t->groups)
        json_object_set_new(o, "groups", make_groups(t));
    if (t->blocks)
        json_object_set_new(o, "blocks", make_count(t->blocks));
    if (t->tower_areas)
        json_object_set_new(o, "tower_areas", about_areas_json(t->tower_areas, t->tower_rows));
    json_object_set_new(o, "layers", make_layers(t));
    json_object_set_new(o, "clean", run_json(&r->about, &t->clean));
    json_object_set_new(o, "corrupted", run_json(&r->about, &t->corrupted));
    json_object_set_new(o, "marks", make_marks(t));
    json_object_set_new(o, "direction", json_string(t->direction == TRACE_DENOISE ? "denoise" : "noise"));
    if (t->estimates.made)
        add_estimates(o, t);
    if (t->severed)
        json_object_set_new(o, "freeze", make_freeze(t));
    json_object_set_new(o, "sites", make_sites(t));
    if (trace_heads_grid(t) && !t->estimates.made)
        json_object_set_new(o, "top_heads", make_top_heads(t));
    json_object_set_new(o, "verify", make_verify(t));
    json_object_set_new(o, "cost", cells_cost_json(&t->cost));
    return o;
}
