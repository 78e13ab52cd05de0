/* scatter.c: see scatter.h. */
#include "report/scatter.h"

#include <math.h>
#include <stdlib.h>

#include "report/markup.h"
#include "report/palette.h"
#include "report/trace_words.h"

enum { GRID = 400 }; /* points that fall on one place of it are drawn once */

#define DOT 0.32 /* of the font's size: half a point's width */

double scatter_left(double font)
{
    return font * 4.4;
}

double scatter_above(double font)
{
    return font * 1.8;
}

double scatter_below(double font)
{
    return font * 3;
}

double scatter_right(double font)
{
    return font * 11;
}

/* Both axes run from `from` to `to`: changes of log P. */
typedef struct axes {
    const scatter_box *b;
    double from, to;
} axes;

static double x_of(const axes *a, double value)
{
    return a->b->x + a->b->size * (value - a->from) / (a->to - a->from);
}

static double y_of(const axes *a, double value)
{
    return a->b->y + a->b->size * (1 - (value - a->from) / (a->to - a->from));
}

/* Of a cell: by how much it changes log P, exactly and estimated; false where it was not run. */
static bool changes(const trace *t, const trace_grid *g, size_t i, double *exact, double *estimate)
{
    *exact = g->logprob[i] - trace_unpatched_logprob(t);
    *estimate = g->estimate[i] - trace_unpatched_logprob(t);
    return isfinite(*exact) && isfinite(*estimate);
}

static axes fit(const trace *t, const scatter_box *b)
{
    axes a = {b, 0, 0};
    for (const trace_grid *g = t->sites; g < t->sites + t->site_count; g++)
        for (size_t i = 0; i < trace_grid_size(t, g); i++) {
            double exact, estimate;
            if (!changes(t, g, i, &exact, &estimate))
                continue;
            a.from = fmin(a.from, fmin(exact, estimate));
            a.to = fmax(a.to, fmax(exact, estimate));
        }
    double margin = 0.04 * (a.to - a.from);
    a.from -= margin;
    a.to += margin;
    return a.to > a.from ? a : (axes){b, -1, 1};
}

static const char *thin(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"grid\"" : "fill=\"none\" stroke=\"#ccc\" stroke-width=\"0.4\"";
}

static const char *outline(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"line\"" : "fill=\"none\" stroke=\"#000\" stroke-width=\"0.5\"";
}

static void draw_ticks(buffer *out, const axes *a)
{
    const scatter_box *b = a->b;
    double range = (a->to - a->from) / 4, power = pow(10, floor(log10(range))), share = range / power;
    double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
    for (double k = ceil(a->from / step) + 0.0; k * step <= a->to; k++) {
        char text[32];
        double x = x_of(a, k * step), y = y_of(a, k * step);
        snprintf(text, sizeof text, "%s%g", k < 0 ? "\u2212" : "", fabs(k * step));
        buffer_printf(out, "<path %s d=\"M%.2f %.2fh%.2fM%.2f %.2fv%.2f\"/>\n", thin(b->paint), b->x, y, b->size, x,
                      b->y,
                      b->size);
        heat_text(out, b->paint, b->x - b->font * 0.5, y + b->font * 0.35, b->font, "end", "normal", text);
        heat_text(out, b->paint, x, b->y + b->size + b->font * 1.25, b->font, "middle", "normal", text);
    }
}

static void draw_frame(buffer *out, const axes *a)
{
    const scatter_box *b = a->b;
    draw_ticks(out, a);
    buffer_printf(out, "<path %s stroke-dasharray=\"3 2\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n", outline(b->paint), b->x,
                  b->y + b->size, b->x + b->size, b->y);
    buffer_printf(out, "<rect %s x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n", outline(b->paint), b->x,
                  b->y,
                  b->size, b->size);
    heat_text(out, b->paint, b->x, b->y - b->font * 0.7, b->font, "start", "bold", "estimated change of log p");
    heat_text(out, b->paint, b->x + b->size, b->y + b->size + b->font * 2.5, b->font, "end", "bold",
              "exact change of log p");
}

/* The two sites of the residual stream share a palette, and attention and its heads. */
static int level_of(site s)
{
    return s == SITE_RESID_PRE || s == SITE_HEAD_OUT ? PALETTE_LEVELS * 2 / 5 : PALETTE_LEVELS * 3 / 4;
}

static void open_points(buffer *out, heat_paint paint, site s)
{
    const palette *p = palette_of(s);
    if (paint == HEAT_CLASSES)
        buffer_printf(out, "<g class=\"%s\"><path class=\"q%d\" d=\"", p->name, level_of(s));
    else
        buffer_printf(out, "<g><path fill=\"#%06x\" d=\"", (unsigned)palette_level_colour(p->light, level_of(s)));
}

static void add_point(buffer *out, double x, double y, double half)
{
    buffer_printf(out, "M%.1f %.1fl%.2f %.2fl%.2f %.2fl%.2f %.2fz", x, y - half, half, half, -half, half, -half, -half);
}

static void draw_points(buffer *out, const trace *t, const trace_grid *g, const axes *a)
{
    bool *drawn = mem_new((GRID + 1) * (GRID + 1), sizeof *drawn);
    open_points(out, a->b->paint, g->site);
    for (size_t i = 0; i < trace_grid_size(t, g); i++) {
        double exact, estimate;
        if (!changes(t, g, i, &exact, &estimate))
            continue;
        size_t column = (size_t)(GRID * (exact - a->from) / (a->to - a->from));
        size_t row = (size_t)(GRID * (estimate - a->from) / (a->to - a->from));
        if (!drawn[row * (GRID + 1) + column])
            add_point(out, x_of(a, exact), y_of(a, estimate), a->b->font * DOT);
        drawn[row * (GRID + 1) + column] = true;
    }
    buffer_text(out, "\"/></g>\n");
    free(drawn);
}

static void draw_key(buffer *out, const trace *t, const scatter_box *b)
{
    for (size_t s = 0; s < t->site_count; s++) {
        double x = b->x + b->size + b->font * 1.4, y = b->y + b->font * (0.8 + 1.5 * (double)s);
        open_points(out, b->paint, t->sites[s].site);
        add_point(out, x, y - b->font * 0.33, b->font * DOT);
        buffer_text(out, "\"/></g>\n");
        heat_text(out, b->paint, x + b->font * 0.8, y, b->font, "start", "normal", trace_site_name(t->sites[s].site));
    }
}

void scatter_draw(buffer *out, const trace *t, const scatter_box *b)
{
    axes a = fit(t, b);
    buffer_text(out, "<g class=\"scatter\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', "
                     "sans-serif\">\n");
    draw_frame(out, &a);
    for (size_t s = 0; s < t->site_count; s++)
        draw_points(out, t, &t->sites[s], &a);
    draw_key(out, t, b);
    buffer_text(out, "</g>\n");
}
