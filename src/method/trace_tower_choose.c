/* trace_tower_choose.c: what a trace is asked to do on the picture's side. See trace_tower.h.
 *
 * A tower has rows of its own: the class row first where there is one, then the patches. Of the spans that
 * --positions takes, `image` is the patches and `all` the class row too; other spans are the decoder's alone. The
 * projector's rows are the image rows, under the positions that they have in the prompt. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/image_blocks.h"
#include "method/trace_tower.h"
#include "method/vision_site.h"

/* ---- sites ---- */

bool trace_tower_find(trace *t, const char *name)
{
    const vision_site *found = vision_site_find(name);
    if (!found)
        return false;
    for (size_t k = 0; k < t->vision_count; k++)
        if (t->vision[k].name == found->hook)
            return true;
    t->vision = mem_resize(t->vision, t->vision_count + 1, sizeof *t->vision);
    t->vision[t->vision_count++] = (trace_vision){.name = found->hook, .part = found->projector ? TRACE_PROJECTOR : TRACE_TOWER,
                                                  .grid = {.site = found->site, .heads = 1}};
    return true;
}

/* ---- layers ---- */

static pb_status choose_layers(const trace_job *j, trace_vision *g, pb_error *err)
{
    const pb_trace_options *o = j->options;
    size_t L = vision_settings(j->q->model->vision)->layers;
    if (g->part == TRACE_PROJECTOR) {
        g->layers = mem_new(g->layer_count = 1, sizeof *g->layers);
        return PB_OK;
    }
    return layers_choose(o->first_layer, o->end_layer, L, "the vision tower", &g->layers, &g->layer_count, err);
}

/* ---- cells ---- */

static void add_row(span *s, size_t row)
{
    s->positions = mem_resize(s->positions, s->count + 1, sizeof *s->positions);
    s->positions[s->count++] = row;
}

/* The tower's rows that spans name; none of a span that is the decoder's alone. */
static span tower_span(const vision *v, bool all, bool patches)
{
    span s = {0};
    for (size_t r = 0; r < vision_tower_rows(v); r++)
        if (all || (patches && r >= vision_settings(v)->class_row))
            add_row(&s, r);
    return s;
}

/* The image rows among a span's positions. */
static span image_span(const prompt *p, const span *from)
{
    span s = {0};
    for (size_t i = 0; i < from->count; i++)
        if (prompt_is_image(p, from->positions[i]))
            add_row(&s, from->positions[i]);
    return s;
}

/* Whether a union of spans holds this name. */
static bool names(const char *expression, const char *wanted)
{
    bool found = false;
    for (char *name; (name = mem_text_item(&expression)); free(name))
        found |= strcmp(name, wanted) == 0;
    return found;
}

/* The rows of a grid that a span expression names. */
static pb_status rows_of(const trace_job *j, const trace_vision *g, const char *expression, span *out, pb_error *err)
{
    span all;
    TRY(prompt_span(&j->q->prompt, expression, &all, err)); /* which is checked for the tower's sites too */
    if (g->part == TRACE_PROJECTOR)
        *out = image_span(&j->q->prompt, &all);
    else
        *out = tower_span(j->q->model->vision, names(expression, "all"), names(expression, "image"));
    span_free(&all);
    return PB_OK;
}

static void add_cell(trace_vision *g, span rows, const char *name)
{
    g->cells = mem_resize(g->cells, g->cell_count + 1, sizeof *g->cells);
    if (name) {
        g->groups = mem_resize(g->groups, g->cell_count + 1, sizeof *g->groups);
        g->groups[g->cell_count] = mem_text(name);
    }
    g->cells[g->cell_count++] = rows;
}

static pb_status choose_groups(const trace_job *j, trace_vision *g, const char *expression, pb_error *err)
{
    for (char *name; (name = mem_text_item(&expression));) {
        span rows = {0};
        pb_status status = rows_of(j, g, name, &rows, err);
        if (rows.count)
            add_cell(g, rows, name);
        free(name);
        TRY(status);
    }
    return PB_OK;
}

static pb_status choose_rows(const trace_job *j, trace_vision *g, const char *expression, pb_error *err)
{
    span rows;
    TRY(rows_of(j, g, expression, &rows, err));
    for (size_t i = 0; i < rows.count; i++) {
        span one = {0};
        add_row(&one, rows.positions[i]);
        add_cell(g, one, NULL);
    }
    span_free(&rows);
    return PB_OK;
}

static void choose_blocks(const trace_job *j, trace_vision *g)
{
    image_blocks b;
    if (g->part == TRACE_TOWER)
        image_blocks_of_tower(&b, j->q->model->vision, j->options->blocks);
    else
        image_blocks_of_prompt(&b, j->q, j->options->blocks);
    g->cells = b.rows;
    g->groups = b.names;
    g->cell_count = b.count;
}

static pb_status choose_cells(const trace_job *j, trace_vision *g, pb_error *err)
{
    const char *expression = j->options->positions ? j->options->positions : "all";
    if (j->options->blocks)
        choose_blocks(j, g);
    else
        TRY((j->options->group ? choose_groups : choose_rows)(j, g, expression, err));
    if (g->cell_count)
        return PB_OK;
    fail(err, PB_EINVAL, "--positions %s: names no row of %s", expression, g->name);
    return fail_hint(err, "%s", g->part == TRACE_TOWER
                                    ? "the tower's rows are `image`, its patches, and `all`, with the class row"
                                    : "the projector's rows are the image rows: `image`");
}

/* ---- all of it ---- */

static void make_grid(const trace_job *j, trace_vision *v)
{
    const trace *t = j->t;
    trace_grid *g = &v->grid;
    size_t n = v->layer_count * v->cell_count;
    size_t L = v->part == TRACE_PROJECTOR ? 1 : vision_settings(j->q->model->vision)->layers;
    g->prob = mem_new(n, sizeof *g->prob);
    g->logprob = mem_new(n, sizeof *g->logprob);
    g->logit_diff = t->foil >= 0 ? mem_new(n, sizeof *g->logit_diff) : NULL;
    g->sd = j->samples > 1 ? mem_new(n, sizeof *g->sd) : NULL;
    g->restored = mem_new(v->layer_count, sizeof *g->restored);
    layers_windows(t->window_kind, t->window, v->layers, v->layer_count, L, g->restored);
}

/* That the site has something to restore. */
static pb_status check_asked(const trace_job *j, const trace_vision *g, pb_error *err)
{
    if (!j->q->image_rows) {
        fail(err, PB_EINVAL, "--sites %s: the question has no picture", g->name);
        return fail_hint(err, "give --image FILE");
    }
    if (!j->corruption.on_image) {
        fail(err, PB_EINVAL, "--sites %s: is the same in both runs, as the picture is not corrupted", g->name);
        return fail_hint(err, "give --corrupt image:FILE or image-noise:S");
    }
    if (j->t->severed)
        return fail(err, PB_EINVAL, "--sites %s: --freeze holds rows of the decoder, for its sites alone", g->name);
    return PB_OK;
}

/* The pixels of the tower's rows, for who draws them. */
static void find_areas(trace_job *j)
{
    const vision *v = j->q->model->vision;
    j->t->tower_rows = vision_tower_rows(v);
    j->t->tower_areas = mem_new(j->t->tower_rows, sizeof *j->t->tower_areas);
    tower_areas(j->q->model, j->q->picture.width, j->q->picture.height, j->t->tower_areas);
}

pb_status trace_tower_choose(trace_job *j, pb_error *err)
{
    trace *t = j->t;
    for (size_t i = 0; i < t->vision_count; i++) {
        trace_vision *g = &t->vision[i];
        TRY(check_asked(j, g, err));
        TRY(choose_layers(j, g, err));
        TRY(choose_cells(j, g, err));
        make_grid(j, g);
    }
    if (t->vision_count)
        find_areas(j);
    return PB_OK;
}
