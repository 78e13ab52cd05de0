/* trace_read.c: trace.json and attribute.json read back (result_read.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method/vision_site.h"
#include "report/result_read.h"

/* ---- cells ---- */

/* One cell: a position, or with groups a list of them. */
static pb_status read_cell(const json_at *item, bool grouped, size_t end, span *cell, pb_error *err)
{
    if (grouped)
        return json_at_positions(item, end, &cell->positions, &cell->count, err);
    cell->positions = mem_new(1, sizeof *cell->positions);
    cell->count = 1;
    return json_at_size(item, end - 1, cell->positions, err);
}

static pb_status read_names(const json_at *list, char **names, size_t count, pb_error *err)
{
    TRY(json_at_list_of(list, count, err));
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(list, i);
        const char *name;
        TRY(json_at_text(&item, &name, err));
        names[i] = mem_text(name);
    }
    return PB_OK;
}

/* "positions" and "groups" of `of`; positions lie below end. */
static pb_status read_cells(const json_at *of, size_t end, span **cells, char ***groups, size_t *count, pb_error *err)
{
    json_at list = json_at_key(of, "positions"), names = json_at_key(of, "groups");
    bool grouped = json_at_is_there(&names);
    size_t n;
    TRY(json_at_list(&list, &n, err));
    *cells = mem_new(n, sizeof **cells);
    *groups = grouped ? mem_new(n, sizeof **groups) : NULL;
    *count = n;
    for (size_t i = 0; i < n; i++) {
        json_at item = json_at_item(&list, i);
        TRY(read_cell(&item, grouped, end, &(*cells)[i], err));
        if ((*cells)[i].count == 0)
            return json_at_wrong(&item, "a position or more", err);
    }
    return grouped ? read_names(&names, *groups, n, err) : PB_OK;
}

/* ---- grids ---- */

/* What a grid's arrays are like: [layers][cells], of heads [layers][cells][heads]. */
typedef struct grid_shape {
    size_t layers, cells, heads;
    bool nested; /* an innermost axis of heads */
} grid_shape;

static pb_status read_grid_row(const json_at *row, const grid_shape *s, double *values, pb_error *err)
{
    if (!s->nested)
        return json_at_numbers(row, values, s->cells, err);
    TRY(json_at_list_of(row, s->cells, err));
    for (size_t c = 0; c < s->cells; c++) {
        json_at cell = json_at_item(row, c);
        TRY(json_at_numbers(&cell, values + c * s->heads, s->heads, err));
    }
    return PB_OK;
}

static pb_status read_grid(const json_at *object, const char *key, const grid_shape *s, double **values, pb_error *err)
{
    json_at list = json_at_key(object, key);
    TRY(json_at_list_of(&list, s->layers, err));
    *values = mem_new(s->layers * s->cells * s->heads, sizeof **values);
    for (size_t l = 0; l < s->layers; l++) {
        json_at row = json_at_item(&list, l);
        TRY(read_grid_row(&row, s, *values + l * s->cells * s->heads, err));
    }
    return PB_OK;
}

static pb_status read_grid_if_there(const json_at *object, const char *key, const grid_shape *s, double **values,
                                    pb_error *err)
{
    json_at list = json_at_key(object, key);
    return json_at_is_there(&list) ? read_grid(object, key, s, values, err) : PB_OK;
}

/* The heads of the first cell, which all have to have. */
static grid_shape shape_of(const trace *t, const trace_grid *g, const json_at *object)
{
    grid_shape s = {.layers = t->layer_count, .cells = t->cell_count, .heads = 1, .nested = g->site == SITE_HEAD_OUT};
    const json_t *cell = json_array_get(json_array_get(json_object_get(object->value, "prob"), 0), 0);
    if (s.nested)
        s.heads = json_array_size(cell);
    return s;
}

static pb_status read_site(const trace *t, trace_grid *g, const json_at *object, pb_error *err)
{
    json_at restored = json_at_key(object, "restored"), spearman = json_at_key(object, "spearman");
    TRY(json_at_object(object, err));
    grid_shape s = shape_of(t, g, object);
    g->heads = s.heads;
    g->spearman = NAN;
    TRY(read_grid(object, "prob", &s, &g->prob, err));
    TRY(read_grid(object, "logprob", &s, &g->logprob, err));
    TRY(read_grid_if_there(object, "logit_diff", &s, &g->logit_diff, err));
    TRY(read_grid_if_there(object, "sd", &s, &g->sd, err));
    if (t->estimates.made)
        TRY(read_grid(object, "estimate", &s, &g->estimate, err));
    if (json_at_is_there(&spearman))
        TRY(json_at_number(&spearman, &g->spearman, err));
    return windows_read(&restored, s.layers, &g->restored, err);
}

/* ---- sites on the picture's side ---- */

static pb_status read_vision(trace_read *r, const json_at *object, const vision_site *of, pb_error *err)
{
    trace *t = &r->trace;
    trace_vision *g = &t->vision[t->vision_count++];
    size_t end = of->projector ? r->about.prompt.length : t->tower_rows;
    *g = (trace_vision){.name = of->hook, .part = of->projector ? TRACE_PROJECTOR : TRACE_TOWER, .grid.site = of->site};
    TRY(json_at_object(object, err));
    TRY(layers_read(object, &g->layers, &g->layer_count, err));
    json_at positions = json_at_key(object, "positions");
    if (end == 0)
        return json_at_wrong(&positions, "tower_areas at the top, which say what its rows show", err);
    TRY(read_cells(object, end, &g->cells, &g->groups, &g->cell_count, err));
    trace view = trace_vision_view(t, g);
    return read_site(&view, &g->grid, object, err);
}

static pb_status read_sites(trace_read *r, const json_at *root, pb_error *err)
{
    json_at sites = json_at_key(root, "sites");
    trace *t = &r->trace;
    const char *name;
    json_t *value;
    TRY(json_at_object(&sites, err));
    size_t count = json_object_size(sites.value);
    if (count == 0)
        return json_at_wrong(&sites, "a site or more", err);
    t->sites = mem_new(count, sizeof *t->sites);
    t->vision = mem_new(count, sizeof *t->vision);
    json_object_foreach((json_t *)sites.value, name, value)
    {
        json_at object = json_at_key(&sites, name);
        const vision_site *in_picture = vision_site_find(name);
        if (in_picture) {
            TRY(read_vision(r, &object, in_picture, err));
            continue;
        }
        trace_grid *g = &t->sites[t->site_count];
        if (!site_find(name, &g->site))
            return json_at_wrong(&object, "no such site", err);
        t->site_count++;
        if (t->layer_count == 0 || t->cell_count == 0)
            return json_at_wrong(&object, "layers and positions at the top", err);
        TRY(read_site(t, g, &object, err));
    }
    return PB_OK;
}

/* ---- estimates ---- */

typedef struct sized_cell {
    double size;
    size_t at;
    trace_cell cell;
} sized_cell;

/* As attribute.h orders them: the largest first; of equals the first. */
static int by_size(const void *a, const void *b)
{
    const sized_cell *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : (x->at > y->at) - (x->at < y->at);
}

/* The cells that were run are those with exact values. Returns how many. */
static size_t find_largest(trace *t)
{
    sized_cell *run = mem_new(trace_cell_total(t), sizeof *run);
    size_t count = 0, at = 0;
    for (size_t s = 0; s < t->site_count; s++) {
        const trace_grid *g = &t->sites[s];
        for (size_t i = 0; i < trace_grid_size(t, g); i++, at++)
            if (!isnan(g->prob[i]))
                run[count++] = (sized_cell){fabs(g->estimate[i] - trace_unpatched_logprob(t)), at,
                                            {s, i / g->heads / t->cell_count, i / g->heads % t->cell_count,
                                             i % g->heads}};
    }
    qsort(run, count, sizeof *run, by_size);
    t->estimates.largest = mem_new(count, sizeof *t->estimates.largest);
    for (size_t i = 0; i < count; i++)
        t->estimates.largest[i] = run[i].cell;
    free(run);
    return count;
}

static pb_status read_estimates(trace *t, const json_at *root, pb_error *err)
{
    json_at exact = json_at_key(root, "exact"), spearman = json_at_key(root, "spearman");
    size_t found = find_largest(t);
    TRY(json_at_size(&exact, SIZE_MAX, &t->estimates.exact, err));
    if (t->estimates.exact != found)
        return json_at_wrong(&exact, "the number of cells with a prob", err);
    t->estimates.spearman = NAN;
    return json_at_is_there(&spearman) ? json_at_number(&spearman, &t->estimates.spearman, err) : PB_OK;
}

/* ---- how it was made ---- */

static pb_status read_corruption(trace *t, const json_at *root, pb_error *err)
{
    json_at list = json_at_key(root, "corruption"), where = json_at_key(root, "corrupt_span"),
            samples = json_at_key(root, "samples");
    const char *text;
    TRY(json_at_list(&list, &t->corruption_count, err));
    t->corruptions = mem_new(t->corruption_count, sizeof *t->corruptions);
    TRY(read_names(&list, t->corruptions, t->corruption_count, err));
    t->samples = 1;
    if (json_at_is_there(&samples))
        TRY(json_at_size(&samples, SIZE_MAX, &t->samples, err));
    if (!json_at_is_there(&where))
        return PB_OK;
    TRY(json_at_text(&where, &text, err));
    t->corrupt_span = mem_text(text);
    return PB_OK;
}

static pb_status read_marks(trace *t, const json_at *root, pb_error *err)
{
    json_at list = json_at_key(root, "marks");
    size_t count;
    TRY(json_at_list(&list, &count, err));
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(&list, i);
        const char *mark;
        TRY(json_at_text(&item, &mark, err));
        t->primed |= strcmp(mark, "primed") == 0;
        t->weak |= strcmp(mark, "weak") == 0;
    }
    return PB_OK;
}

static pb_status read_direction(trace *t, const json_at *root, pb_error *err)
{
    json_at direction = json_at_key(root, "direction");
    const char *word;
    TRY(json_at_text(&direction, &word, err));
    if (strcmp(word, "denoise") != 0 && strcmp(word, "noise") != 0)
        return json_at_wrong(&direction, "\"denoise\" or \"noise\"", err);
    t->direction = word[0] == 'd' ? TRACE_DENOISE : TRACE_NOISE;
    return PB_OK;
}

static pb_status read_freeze(trace_read *r, const json_at *root, pb_error *err)
{
    json_at freeze = json_at_key(root, "freeze"), held = json_at_key(&freeze, "site"),
            name = json_at_key(&freeze, "span");
    json_at rows = json_at_key(&freeze, "positions");
    trace *t = &r->trace;
    const char *text;
    if (!json_at_is_there(&freeze))
        return PB_OK;
    TRY(json_at_object(&freeze, err));
    TRY(json_at_text(&held, &text, err));
    if (!site_find(text, &t->severed_site))
        return json_at_wrong(&held, site_names(), err);
    TRY(json_at_text(&name, &text, err));
    t->severed = true;
    t->severed_name = mem_text(text);
    return json_at_positions(&rows, r->about.prompt.length, &t->severed_rows.positions, &t->severed_rows.count, err);
}

/* ---- the whole ---- */

static pb_status read_runs(trace_read *r, const json_at *root, pb_error *err)
{
    trace *t = &r->trace;
    json_at clean = json_at_key(root, "clean"), corrupted = json_at_key(root, "corrupted"),
            foil = json_at_key(root, "foil");
    TRY(answer_read(&r->about, root, &t->answer, &t->answer_count, err));
    TRY(run_read(&r->about, &clean, &t->clean, err));
    TRY(run_read(&r->about, &corrupted, &t->corrupted, err));
    t->foil = -1;
    return json_at_is_there(&foil) ? token_read(&r->about, &foil, &t->foil, err) : PB_OK;
}

/* The decoder's layers and cells, of which there are none where only the picture's side was traced;
 * the tower's rows. */
static pb_status read_axes(trace_read *r, const json_at *root, pb_error *err)
{
    trace *t = &r->trace;
    json_at layers = json_at_key(root, "layers"), blocks = json_at_key(root, "blocks"),
            areas = json_at_key(root, "tower_areas");
    TRY(json_at_positions(&layers, SIZE_MAX, &t->layers, &t->layer_count, err));
    TRY(read_cells(root, r->about.prompt.length, &t->cells, &t->groups, &t->cell_count, err));
    if (json_at_is_there(&blocks))
        TRY(json_at_size(&blocks, SIZE_MAX, &t->blocks, err));
    if (!json_at_is_there(&areas))
        return PB_OK;
    TRY(json_at_list(&areas, &t->tower_rows, err));
    return areas_read(&areas, t->tower_rows, &t->tower_areas, err);
}

static pb_status read_all(trace_read *r, const json_at *root, pb_error *err)
{
    trace *t = &r->trace;
    json_at schema = json_at_key(root, "schema"), steps = json_at_key(root, "ig");
    const char *name;
    TRY(json_at_text(&schema, &name, err));
    t->estimates.made = strcmp(name, "patchbay.attribute/1") == 0;
    if (json_at_is_there(&steps))
        TRY(json_at_size(&steps, SIZE_MAX, &t->estimates.steps, err));
    TRY(read_corruption(t, root, err));
    TRY(read_runs(r, root, err));
    TRY(window_read(root, &t->window_kind, &t->window, err));
    TRY(read_axes(r, root, err));
    TRY(read_marks(t, root, err));
    TRY(read_direction(t, root, err));
    TRY(read_freeze(r, root, err));
    TRY(read_sites(r, root, err));
    if (t->estimates.made)
        TRY(read_estimates(t, root, err));
    TRY(verify_read(root, &t->verify_cells, &t->verify_max_rel_diff, err));
    return cells_cost_read(root, &t->cost, err);
}

pb_status trace_read_json(trace_read *t, const json_at *root, pb_error *err)
{
    *t = (trace_read){0};
    TRY(about_read_json(&t->about, root, err));
    pb_status status = read_all(t, root, err);
    t->report = (trace_report){.trace = &t->trace, .about = t->about.about};
    if (status)
        trace_read_free(t);
    return status;
}

void trace_read_free(trace_read *t)
{
    trace_free(&t->trace);
    about_read_free(&t->about);
}
