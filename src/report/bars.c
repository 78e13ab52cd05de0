/* bars.c: see bars.h. */
#include "report/bars.h"

#include <math.h>
#include <string.h>

#include "report/axis.h"
#include "report/markup.h"
#include "report/picture_map_parts.h"

double bar_above(const bar_panel *p, const curve_box *b)
{
    return b->font * (p->count > 1 ? 3.2 : 1.9);
}

void bar_fit(bar_panel *p)
{
    double most = 0, from = 0;
    for (size_t s = 0; s < p->count; s++)
        for (size_t i = 0; i < p->bins; i++)
            most = fmax(most, p->series[s].values[i]);
    p->top = most;
    axis_round(&from, &p->top);
}

static double x_of(const bar_panel *p, const curve_box *b, double bin)
{
    return b->x + b->width * bin / (double)p->bins;
}

static double y_of(const bar_panel *p, const curve_box *b, double value)
{
    return b->y + b->height * (1 - fmin(1, fmax(0, value / p->top)));
}

static void draw_axes(buffer *out, const bar_panel *p, const curve_box *b)
{
    char text[32];
    double step = axis_step(p->top, 4), across = axis_step(p->to - p->from, 5);
    for (double k = 0; k * step <= p->top * (1 + 1e-9); k++) {
        double y = y_of(p, b, k * step);
        buffer_printf(out, "<path %s d=\"M%.2f %.2fh%.2f\"/>\n", axis_thin(b->paint), b->x, y, b->width);
        axis_number(text, k * step);
        heat_text(out, b->paint, b->x - b->font * 0.4, y + b->font * 0.35, b->font, "end", "soft", text);
    }
    for (double k = ceil(p->from / across - 1e-9) + 0.0; k * across <= p->to + across * 1e-9; k++) {
        double x = b->x + b->width * (k * across - p->from) / (p->to - p->from);
        axis_number(text, k * across);
        heat_text(out, b->paint, x, b->y + b->height + b->font * 1.2, b->font, "middle", "soft", text);
    }
    heat_text(out, b->paint, b->x + b->width / 2, b->y + b->height + b->font * 2.4, b->font, "middle", "soft", p->axis);
}

/* `kind` "bars" or "steps": filled, or an outline with a pale inside. */
static void open_shape(buffer *out, const curve_box *b, size_t series, size_t colour)
{
    static const char *const kinds[] = {"bars", "steps"};
    size_t of = colour % CURVE_COLOURS;
    if (b->paint == HEAT_CLASSES)
        buffer_printf(out, "<path class=\"%s k%zu\"", kinds[series > 0], of);
    else if (series == 0)
        buffer_printf(out, "<path fill=\"%s\" fill-opacity=\"0.55\"", curve_colour(of));
    else
        buffer_printf(out, "<path fill=\"%s\" fill-opacity=\"0.18\" stroke=\"%s\" stroke-width=\"1.1\"",
                      curve_colour(of), curve_colour(of));
    buffer_text(out, " d=\"");
}

static void draw_series(buffer *out, const bar_panel *p, const curve_box *b, size_t series)
{
    const bar_series *s = &p->series[series];
    open_shape(out, b, series, s->colour);
    buffer_printf(out, "M%.2f %.2f", b->x, b->y + b->height);
    for (size_t i = 0; i < p->bins; i++)
        buffer_printf(out, "V%.2fH%.2f", y_of(p, b, s->values[i]), x_of(p, b, (double)i + 1));
    buffer_printf(out, "V%.2fz\"/>\n", b->y + b->height);
}

/* Unseen columns as high as the panel, which tell their bin's notes: those of all series in one. */
static void draw_notes(buffer *out, const bar_panel *p, const curve_box *b)
{
    for (size_t i = 0; i < p->bins; i++) {
        buffer note = {0};
        for (size_t s = 0; s < p->count; s++)
            if (p->series[s].notes)
                buffer_printf(&note, "%s%s", note.size ? "\n" : "", p->series[s].notes[i]);
        if (note.size) {
            buffer_printf(out, "<rect class=\"bin\" fill-opacity=\"0\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                               "height=\"%.2f\"><title>",
                          x_of(p, b, (double)i), b->y, b->width / (double)p->bins, b->height);
            markup(out, note.data);
            buffer_text(out, "</title></rect>\n");
        }
        buffer_free(&note);
    }
}

static void draw_key(buffer *out, const bar_panel *p, const curve_box *b)
{
    double x = b->x, y = b->y - b->font * 0.9;
    for (size_t s = 0; s < p->count && p->count > 1; s++) {
        open_shape(out, b, s, p->series[s].colour);
        buffer_printf(out, "M%.2f %.2fh%.2fv%.2fh%.2fz\"/>\n", x, y - b->font * 0.7, b->font * 1.1, b->font * 0.75,
                      -b->font * 1.1);
        heat_text(out, b->paint, x + b->font * 1.5, y, b->font, "start", "normal", p->series[s].name);
        x += b->font * (2.9 + 1.1 * text_width(p->series[s].name, strlen(p->series[s].name)));
    }
}

void bar_draw(buffer *out, const bar_panel *p, const curve_box *b)
{
    buffer_text(out, "<g class=\"histogram\" font-family=\"" PICTURE_MAP_FACES "\">\n");
    heat_text(out, b->paint, b->x, b->y - bar_above(p, b) + b->font * 1.0, b->font * 1.1, "start", "bold", p->title);
    draw_axes(out, p, b);
    for (size_t s = 0; s < p->count; s++)
        draw_series(out, p, b, s);
    draw_key(out, p, b);
    if (b->paint == HEAT_CLASSES)
        draw_notes(out, p, b);
    buffer_text(out, "</g>\n");
}
