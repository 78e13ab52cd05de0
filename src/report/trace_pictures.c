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

/* A cell that is drawn over the picture: a block, or a single image row. A span restored as a whole says nothing of places. */
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

/* values[L][image rows] of a site: each row has its cell's; NaN where it has none. */
static double *image_values(const trace_report *r, const trace_grid *g)
{
    const trace *t = r->trace;
    const prompt *p = r->about.prompt;
    size_t rows = p->image_count;
    double *values = mem_new(t->layer_count * rows, sizeof *values);
    for (size_t i = 0; i < t->layer_count * rows; i++)
        values[i] = NAN;
    for (size_t c = 0; c < t->cell_count; c++)
        for (size_t i = 0; is_placed(r, c) && i < t->cells[c].count; i++)
            for (size_t l = 0; l < t->layer_count; l++)
                values[l * rows + t->cells[c].positions[i] - p->image_first] = trace_shown(g)[l * t->cell_count + c];
    return values;
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
    double *values = p->values[p->count] = image_values(r, g);
    p->titles[p->count] = site_title(t, g->site);
    p->maps[p->count] = (picture_map){.about = &r->about, .title = p->titles[p->count], .layers = t->layers,
                                      .layer_count = t->layer_count, .values = values,
                                      .scale = {scale.from, scale.to, p->scale_title}, .colours = palette_of(g->site)};
    p->count++;
}

void trace_pictures_make(trace_pictures *p, const trace_report *r)
{
    const trace *t = r->trace;
    *p = (trace_pictures){0};
    if (!r->about.image_path || !r->about.image_areas)
        return;
    p->maps = mem_new(t->site_count, sizeof *p->maps);
    p->values = mem_new(t->site_count, sizeof *p->values);
    p->titles = mem_new(t->site_count, sizeof *p->titles);
    p->scale_title = scale_title(r);
    for (size_t s = 0; s < t->site_count && has_placed(r); s++)
        if (t->sites[s].heads == 1) /* a head's cells have maps of their own */
            add_map(p, r, &t->sites[s]);
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
