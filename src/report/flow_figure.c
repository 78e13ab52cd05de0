/* flow_figure.c: see flow_figure.h. */
#include "report/flow_figure.h"

#include <math.h>
#include <stdlib.h>

const flow_measure flow_measures[FLOW_MEASURES] = {
    {"sum_norm", "sum of norms", offsetof(flow_curve, sum_norm)},
    {"norm_sum", "norm of the sum", offsetof(flow_curve, norm_sum)},
    {"share", "share of what attention adds", offsetof(flow_curve, share)},
    {"relative", "norm of the sum / norm of the residual", offsetof(flow_curve, relative)},
};

const double *flow_values(const flow_measure *m, const flow_curve *c)
{
    return *(double *const *)((const char *)c + m->offset);
}

long flow_highest(const double *values, size_t count)
{
    long best = -1;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]) && (best < 0 || values[i] > values[best]))
            best = (long)i;
    return best;
}

bool flow_has_heads(const flow *f)
{
    return f->pairs.count && f->curves[0].per_head;
}

void flow_pair_name(const flow *f, size_t pair, buffer *out)
{
    buffer_printf(out, "%s \u2192 %s", f->pairs.items[pair].from, f->pairs.items[pair].to);
}

void flow_panels_make(flow_panels *p, const flow_report *r)
{
    const flow *f = r->flow;
    size_t n = f->pairs.count;
    *p = (flow_panels){.curves = mem_new(FLOW_MEASURES * n, sizeof(curve)), .names = mem_new(n, sizeof(buffer))};
    for (size_t i = 0; i < n; i++)
        flow_pair_name(f, i, &p->names[i]);
    for (size_t m = 0; m < FLOW_MEASURES; m++) {
        for (size_t i = 0; i < n; i++)
            p->curves[m * n + i] = (curve){.name = p->names[i].data,
                                           .values = flow_values(&flow_measures[m], &f->curves[i]), .colour = i};
        p->panel[m] = (curve_panel){.title = flow_measures[m].title, .axis = "layer", .points = f->layer_count,
                                    .first = f->layers[0], .curves = p->curves + m * n, .count = n, .key = true};
        curve_fit(&p->panel[m]);
    }
}

void flow_panels_free(flow_panels *p)
{
    for (size_t i = 0; i < p->panel[0].count; i++)
        buffer_free(&p->names[i]);
    free(p->names);
    free(p->curves);
}

grid_map flow_heads_map(const flow_report *r, size_t pair, buffer *title)
{
    const flow *f = r->flow;
    const double *values = f->curves[pair].per_head;
    flow_pair_name(f, pair, title);
    return (grid_map){.title = title->data, .values = values, .columns = f->layer_count, .rows = f->heads,
                      .first_column = f->layers[0], .column_axis = "layer", .row_axis = "head",
                      .scale = picture_scale_of(values, f->layer_count * f->heads, "norms"), .colours = &palette_reds};
}

bool flow_picture_map(const flow_report *r, size_t pair, buffer *title, double **values, picture_map *m)
{
    const flow *f = r->flow;
    const prompt *p = r->about.prompt;
    const span *sources = &f->pairs.items[pair].sources;
    const double *measured = f->curves[pair].per_position;
    size_t n = p->image_count, L = f->layer_count, found = 0;
    if (!r->about.image_path || !n || !measured)
        return false;
    *values = mem_new(L * n, sizeof **values);
    for (size_t i = 0; i < L * n; i++)
        (*values)[i] = NAN;
    for (size_t s = 0; s < sources->count; s++) {
        if (!prompt_is_image(p, sources->positions[s]))
            continue;
        found++;
        for (size_t l = 0; l < L; l++)
            (*values)[l * n + sources->positions[s] - p->image_first] = measured[l * sources->count + s];
    }
    if (!found) {
        free(*values);
        *values = NULL;
        return false;
    }
    flow_pair_name(f, pair, title);
    *m = (picture_map){.about = &r->about, .title = title->data, .layers = f->layers, .layer_count = L,
                       .values = *values, .scale = picture_scale_of(*values, L * n, "norm"),
                       .colours = &palette_reds};
    return true;
}
