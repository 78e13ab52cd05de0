/* dots.c: see dots.h. */
#include "report/dots.h"

#include <math.h>
#include <string.h>

#include "report/axis.h"
#include "report/markup.h"
#include "report/picture_map_parts.h"

double dot_left(const dot_panel *p, const curve_box *b)
{
    double widest = 0;
    for (size_t r = 0; r < p->rows; r++)
        widest = fmax(widest, text_width(p->names[r], strlen(p->names[r])));
    return b->font * (0.8 + 1.1 * widest);
}

double dot_above(const curve_box *b)
{
    return b->font * 1.9;
}

double dot_height(const dot_panel *p, const curve_box *b)
{
    return b->font * 1.7 * (double)p->rows;
}

void dot_fit(dot_panel *p)
{
    p->from = p->to = 0;
    for (const dot *d = p->dots; d < p->dots + p->count; d++) {
        if (!isfinite(d->value))
            continue;
        p->from = fmin(p->from, isfinite(d->low) ? d->low : d->value);
        p->to = fmax(p->to, isfinite(d->high) ? d->high : d->value);
    }
    axis_round(&p->from, &p->to);
}

static double x_of(const dot_panel *p, const curve_box *b, double value)
{
    return b->x + b->width * fmin(1, fmax(0, (value - p->from) / (p->to - p->from)));
}

static double y_of(const dot_panel *p, const curve_box *b, size_t row)
{
    return b->y + b->height * ((double)row + 0.5) / (double)p->rows;
}

static void draw_axes(buffer *out, const dot_panel *p, const curve_box *b)
{
    char text[32];
    double step = axis_step(p->to - p->from, 4);
    for (double k = ceil(p->from / step - 1e-9) + 0.0; k * step <= p->to + step * 1e-9; k++) {
        double x = x_of(p, b, k * step);
        buffer_printf(out, "<path %s d=\"M%.2f %.2fv%.2f\"/>\n",
                      fabs(k) < 0.5 ? axis_line(b->paint) : axis_thin(b->paint), x, b->y, b->height);
        axis_number(text, k * step);
        heat_text(out, b->paint, x, b->y + b->height + b->font * 1.2, b->font, "middle", "soft", text);
    }
    for (size_t r = 0; r < p->rows; r++)
        heat_text(out, b->paint, b->x - b->font * 0.5, y_of(p, b, r) + b->font * 0.35, b->font, "end", "normal",
                  p->names[r]);
    if (p->axis)
        heat_text(out, b->paint, b->x + b->width / 2, b->y + b->height + b->font * 2.4, b->font, "middle", "soft",
                  p->axis);
}

static void draw_dot(buffer *out, const dot_panel *p, const curve_box *b, const dot *d)
{
    size_t of = d->colour % CURVE_COLOURS;
    double x = x_of(p, b, d->value), y = y_of(p, b, d->row) + (d->hollow ? 0.22 : -0.22) * b->font,
           radius = b->font * 0.34;
    const char *colour = curve_colour(of);
    if (isfinite(d->low) && isfinite(d->high)) {
        if (b->paint == HEAT_CLASSES)
            buffer_printf(out, "<path class=\"curve k%zu\"", of);
        else
            buffer_printf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.1\"", colour);
        buffer_printf(out, " d=\"M%.2f %.2fH%.2f\"/>\n", x_of(p, b, d->low), y, x_of(p, b, d->high));
    }
    if (b->paint == HEAT_CLASSES)
        buffer_printf(out, "<circle class=\"dot k%zu%s\"", of, d->hollow ? " hollow" : "");
    else
        buffer_printf(out, "<circle fill=\"%s\" stroke=\"%s\" stroke-width=\"0.9\"", d->hollow ? "#fff" : colour,
                      colour);
    buffer_printf(out, " cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\">", x, y, radius);
    if (d->note) {
        buffer_text(out, "<title>");
        markup(out, d->note);
        buffer_text(out, "</title>");
    }
    buffer_text(out, "</circle>\n");
}

void dot_draw(buffer *out, const dot_panel *p, const curve_box *b)
{
    buffer_text(out, "<g class=\"dots\" font-family=\"" PICTURE_MAP_FACES "\">\n");
    heat_text(out, b->paint, b->x, b->y - b->font * 0.9, b->font * 1.1, "start", "bold", p->title);
    draw_axes(out, p, b);
    for (const dot *d = p->dots; d < p->dots + p->count; d++)
        if (isfinite(d->value))
            draw_dot(out, p, b, d);
    buffer_text(out, "</g>\n");
}
