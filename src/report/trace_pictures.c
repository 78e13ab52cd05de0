/* trace_pictures.c: see trace_pictures.h. */
#include "report/trace_pictures.h"

#include <math.h>
#include <stdlib.h>

#include "method/trace_heads.h"
#include "report/heat.h"
#include "report/trace_words.h"

bool trace_shows_tokens(const trace *t)
{
    bool heads_alone = t->site_count == 1 && trace_heads_grid(t);
    return t->blocks == 0 && t->site_count > 0 && !heads_alone;
}

/* values[layers][rows] of a grid, each row having its cell's; NaN where it has none, and of cells that are not
 * placed. Rows are counted from position `first`. */
static double *row_values(const trace *t, const trace_grid *g, size_t first, size_t rows)
{
    double *values = mem_new(t->layer_count * rows, sizeof *values);
    for (size_t i = 0; i < t->layer_count * rows; i++)
        values[i] = NAN;
    for (size_t c = 0; c < t->cell_count; c++)
        for (size_t i = 0; (t->blocks || !t->groups) && i < t->cells[c].count; i++)
            for (size_t l = 0; l < t->layer_count && t->cells[c].positions[i] - first < rows; l++)
                values[l * rows + t->cells[c].positions[i] - first] = trace_shown(g)[l * t->cell_count + c];
    return values;
}

/* A cell that is drawn over the picture: a block, or a single image row. A span restored as a whole says nothing of
 * places. */
static bool is_placed(const trace_report *r, size_t cell)
{
    const trace *t = r->trace;
    return t->blocks || (!t->groups && prompt_is_image(r->about.prompt, t->cells[cell].positions[0]));
}

static bool has_placed(const trace_report *r)
{
    for (size_t c = 0; c < r->trace->cell_count; c++)
        if (is_placed(r, c))
            return true;
    return false;
}

static char *scale_title(const trace_report *r)
{
    buffer title = {0};
    buffer_text(&title, r->trace->estimates.made ? "log p(" : "p(");
    trace_answer_label(r, &title);
    buffer_text(&title, ")");
    return title.data;
}

static char *site_title(const trace *t, site s)
{
    buffer title = {0};
    trace_site_title(t, s, &title);
    return title.data;
}

static void add_map(trace_pictures *p, const trace_report *r, const trace_grid *g)
{
    const trace *t = r->trace;
    heat_scale scale = heat_scale_of(t, g);
    double *values = p->values[p->count] = row_values(t, g, r->about.prompt->image_first, r->about.prompt->image_count);
    p->titles[p->count] = site_title(t, g->site);
    p->maps[p->count] = (picture_map){.about = &r->about, .title = p->titles[p->count], .layers = t->layers,
                                      .layer_count = t->layer_count, .values = values,
                                      .scale = {scale.from, scale.to, p->scale_title}, .colours = palette_of(g->site)};
    p->count++;
}

/* Of a site on the picture's side. */
static void add_vision_map(trace_pictures *p, const trace_report *r, const trace_vision *g)
{
    const trace view = trace_vision_view(r->trace, g);
    bool tower = g->part == TRACE_TOWER;
    heat_scale scale = heat_scale_of(&view, &g->grid);
    buffer title = {0};
    trace_vision_title(r->trace, g, &title);
    size_t rows = tower ? r->trace->tower_rows : r->about.prompt->image_count;
    p->titles[p->count] = title.data;
    p->values[p->count] = row_values(&view, &g->grid, tower ? 0 : r->about.prompt->image_first, rows);
    p->maps[p->count] = (picture_map){.about = &r->about, .title = title.data, .layers = tower ? g->layers : NULL,
                                      .layer_count = g->layer_count, .values = p->values[p->count],
                                      .scale = {scale.from, scale.to, p->scale_title},
                                      .colours = palette_of(g->grid.site)};
    if (tower) {
        p->maps[p->count].areas = r->trace->tower_areas;
        p->maps[p->count].row_count = rows;
        p->maps[p->count].row_word = "tower row";
    }
    p->count++;
}

void trace_pictures_make(trace_pictures *p, const trace_report *r)
{
    const trace *t = r->trace;
    *p = (trace_pictures){0};
    if (!r->about.image_path || !r->about.image_areas)
        return;
    size_t most = t->site_count + t->vision_count;
    p->maps = mem_new(most, sizeof *p->maps);
    p->values = mem_new(most, sizeof *p->values);
    p->titles = mem_new(most, sizeof *p->titles);
    p->scale_title = scale_title(r);
    for (size_t s = 0; s < t->site_count && has_placed(r); s++)
        if (t->sites[s].heads == 1) /* a head's cells have maps of their own */
            add_map(p, r, &t->sites[s]);
    for (size_t s = 0; s < t->vision_count; s++)
        if (t->blocks || !t->vision[s].groups)
            add_vision_map(p, r, &t->vision[s]);
}

void trace_pictures_free(trace_pictures *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->values[i]);
        free(p->titles[i]);
    }
    free(p->maps);
    free(p->values);
    free(p->titles);
    free(p->scale_title);
    *p = (trace_pictures){0};
}
