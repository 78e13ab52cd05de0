/* curves.c: see curves.h. */
#include "report/curves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/axis.h"
#include "report/markup.h"

/* What a panel is drawn with. */
typedef struct drawing {
    buffer *out;
    const curve_panel *p;
    const curve_box *b;
} drawing;

/* ---- the key's place ---- */

static double stroke_length(const curve_box *b)
{
    return b->font * 1.5;
}

static double name_width(const curve_box *b, const char *name)
{
    return stroke_length(b) + b->font * (1.1 + 1.1 * text_width(name, strlen(name)));
}

static bool has_level(const curve_panel *p)
{
    return p->level_name && isfinite(p->level);
}

/* Whether there is an interval around the value. */
static bool has_band(const curve *c, size_t point)
{
    return c->low && c->high && isfinite(c->values[point]) && isfinite(c->low[point]) && isfinite(c->high[point]);
}

/* The curves, and the level. */
static size_t key_entries(const curve_panel *p)
{
    return p->key ? p->count + has_level(p) : 0;
}

/* Where the key's entry number `entry` stands, from the box's left edge and in which line; key_entries gives how many
 * lines there are. Labels may reach over the box's right edge, as the last tick does. */
static size_t key_line(const curve_panel *p, const curve_box *b, size_t entry, double *x)
{
    double at = 0;
    size_t line = 0;
    for (size_t i = 0; i < key_entries(p); i++) {
        double width = name_width(b, i < p->count ? p->curves[i].name : p->level_name);
        if (i && at + width > b->width * 1.15) {
            line++;
            at = 0;
        }
        *x = at;
        if (i == entry)
            return line;
        at += width;
    }
    return line + 1;
}

static double key_height(const curve_panel *p, const curve_box *b)
{
    double x;
    size_t lines = key_entries(p) ? key_line(p, b, key_entries(p), &x) : 1;
    return b->font * (1.3 * (double)(lines - 1));
}

double curve_left(const curve_box *b)
{
    return b->font * 3.4;
}

double curve_below(const curve_box *b)
{
    return b->font * 2.8;
}

double curve_above(const curve_panel *p, const curve_box *b)
{
    return b->font * 3.2 + key_height(p, b);
}

/* ---- the axes ---- */

/* `point` may lie between two. */
static double x_between(const drawing *d, double point)
{
    size_t points = d->p->points;
    return d->b->x + d->b->width * (points > 1 ? point / (double)(points - 1) : 0.5);
}

static double x_of(const drawing *d, size_t point)
{
    return x_between(d, (double)point);
}

static double y_of(const drawing *d, double value)
{
    const curve_panel *p = d->p;
    double at = p->logarithmic ? log10(fmax(value, 1e-300)) : value;
    double from = p->logarithmic ? log10(p->from) : p->from, to = p->logarithmic ? log10(p->to) : p->to;
    return d->b->y + d->b->height * (1 - fmin(1, fmax(0, (at - from) / (to - from))));
}

/* The lowest and highest of the values that there are; low > high when there is none. */
static void extent(const curve_panel *p, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; k < p->points; k++) {
            const curve *c = &p->curves[i];
            double value = c->values[k];
            if (!isfinite(value))
                continue;
            *low = fmin(*low, has_band(c, k) ? fmin(value, c->low[k]) : value);
            *high = fmax(*high, has_band(c, k) ? fmax(value, c->high[k]) : value);
        }
    if (has_level(p)) {
        *low = fmin(*low, p->level);
        *high = fmax(*high, p->level);
    }
}

void curve_fit(curve_panel *p)
{
    double low, high;
    extent(p, &low, &high);
    p->logarithmic = false;
    p->from = low = fmin(low, 0);
    p->to = high = fmax(high, 0);
    if (!(high > low))
        p->to = high = 1;
    for (size_t pass = 0; pass < 2; pass++) { /* the rounded range may have a longer step, that of the ticks */
        double step = axis_step(p->to - p->from, 4);
        p->from = floor(low / step) * step;
        p->to = ceil(high / step) * step;
    }
}

void curve_fit_close(curve_panel *p)
{
    double low, high;
    extent(p, &low, &high);
    curve_fit(p);
    if (low < 0 && isfinite(low))
        p->from = low - 0.02 * (p->to - low);
}

void curve_fit_decades(curve_panel *p)
{
    double low, high;
    extent(p, &low, &high);
    if (!(low > 0 && high > 10 * low)) {
        curve_fit(p);
        return;
    }
    p->logarithmic = true;
    p->from = pow(10, floor(log10(low)));
    p->to = pow(10, ceil(log10(high)));
}

static void draw_tick(const drawing *d, double value)
{
    char text[32];
    const curve_box *b = d->b;
    double y = y_of(d, value);
    axis_number(text, value);
    buffer_printf(d->out, "<path %s d=\"M%.2f %.2fh%.2f\"/>\n", axis_thin(b->paint), b->x, y, b->width);
    heat_text(d->out, b->paint, b->x - b->font * 0.4, y + b->font * 0.35, b->font, "end", "soft", text);
}

static void draw_value_axis(const drawing *d)
{
    const curve_panel *p = d->p;
    if (p->logarithmic) {
        double every = ceil(log10(p->to / p->from) / 5);
        for (double power = log10(p->from); power < log10(p->to) + 0.5; power += every)
            draw_tick(d, pow(10, round(power)));
        return;
    }
    double step = axis_step(p->to - p->from, 4);
    for (double n = ceil(p->from / step - 0.01); n * step < p->to + step / 2; n++)
        draw_tick(d, n * step);
}

static void draw_point_axis(const drawing *d)
{
    const curve_panel *p = d->p;
    const curve_box *b = d->b;
    size_t step = p->points > 2 ? (size_t)fmax(1, axis_step((double)(p->points - 1), 4)) : 1;
    char text[32];
    for (size_t k = (step - p->first % step) % step; k < p->points; k += step) {
        snprintf(text, sizeof text, "%zu", p->first + k);
        heat_text(d->out, b->paint, x_of(d, k), b->y + b->height + b->font * 1.2, b->font, "middle", "soft", text);
    }
    heat_text(d->out, b->paint, b->x + b->width / 2, b->y + b->height + b->font * 2.4, b->font, "middle", "soft",
              p->axis);
}

/* ---- the curves ---- */

/* On paper; a page's style sheet has its own for dark screens. */
static const char *const colours[CURVE_COLOURS] = {"#4a3a9a", "#0072b2", "#009e73", "#d55e00",
                                                   "#cc79a7", "#b8860b", "#5a5a5a"};

const char *curve_colour(size_t colour)
{
    return colours[colour % CURVE_COLOURS];
}

static void open_line(const drawing *d, size_t colour, bool faint)
{
    size_t of = colour % CURVE_COLOURS;
    if (d->b->paint == HEAT_CLASSES)
        buffer_printf(d->out, "<path class=\"curve%s k%zu\"", faint ? " faint" : "", of);
    else
        buffer_printf(d->out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"", colours[of],
                      faint ? "0.4\" stroke-opacity=\"0.3" : "1.1");
    if (colour >= CURVE_COLOURS)
        buffer_printf(d->out, " stroke-dasharray=\"%g %g\"", d->b->font * 0.5, d->b->font * 0.3);
    buffer_text(d->out, " stroke-linejoin=\"round\" d=\"");
}

/* One outline for each run of points that have intervals: forth along the upper ends, back along the lower ones. */
static void draw_band(const drawing *d, const curve *c)
{
    size_t of = c->colour % CURVE_COLOURS;
    for (size_t k = 0, end; k < d->p->points; k = end) {
        for (end = k; end < d->p->points && has_band(c, end); end++)
            ;
        if (end == k) {
            end++;
            continue;
        }
        if (d->b->paint == HEAT_CLASSES)
            buffer_printf(d->out, "<path class=\"band k%zu\" d=\"", of);
        else
            buffer_printf(d->out, "<path fill=\"%s\" fill-opacity=\"0.16\" d=\"", colours[of]);
        double half = end == k + 1 ? 1 : 0; /* a point alone has a band that can be seen */
        for (size_t i = k; i < end; i++)
            buffer_printf(d->out, "%s%.2f %.2f", i > k ? "L" : "M", x_of(d, i) - half, y_of(d, c->high[i]));
        for (size_t i = end; i-- > k;)
            buffer_printf(d->out, "L%.2f %.2f", x_of(d, i) + half, y_of(d, c->low[i]));
        buffer_text(d->out, "z\"/>\n");
    }
}

/* The curve's height at a point that may lie between two. */
static double value_at(const curve *c, const curve_panel *p, double point)
{
    size_t before = (size_t)floor(point), after = (size_t)fmin(ceil(point), (double)p->points - 1);
    return c->values[before] + (c->values[after] - c->values[before]) * (point - floor(point));
}

static void draw_mark(const drawing *d, const curve *c)
{
    if (!c->mark || !(*c->mark >= 0 && *c->mark <= (double)d->p->points - 1))
        return;
    double x = x_between(d, *c->mark), y = value_at(c, d->p, *c->mark);
    y = isfinite(y) ? y_of(d, y) : d->b->y;
    if (d->b->paint == HEAT_CLASSES)
        buffer_printf(d->out, "<path class=\"curve mark k%zu\"", c->colour % CURVE_COLOURS);
    else
        buffer_printf(d->out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"0.9\"",
                      colours[c->colour % CURVE_COLOURS]);
    buffer_printf(d->out, " stroke-dasharray=\"%g %g\" d=\"M%.2f %.2fV%.2f\"/>\n", d->b->font * 0.15, d->b->font * 0.25,
                  x, y, d->b->y + d->b->height);
}

static void draw_line(const drawing *d, const curve *c)
{
    const curve_panel *p = d->p;
    bool begun = false;
    open_line(d, c->colour, c->faint);
    for (size_t k = 0; k < p->points; k++) {
        bool there = isfinite(c->values[k]),
             alone = there && !begun && !(k + 1 < p->points && isfinite(c->values[k + 1]));
        if (there)
            buffer_printf(d->out, "%s%.2f %.2f", begun ? "L" : "M", x_of(d, k), y_of(d, c->values[k]));
        if (alone)
            buffer_text(d->out, "h1");
        begun = there;
    }
    buffer_text(d->out, "\"/>\n");
}

/* Unseen discs over the points, which tell their notes. */
static void draw_notes(const drawing *d, const curve *c)
{
    double radius = fmin(d->b->font * 0.6, 0.5 * d->b->width / fmax(1, (double)d->p->points - 1));
    for (size_t k = 0; c->notes && k < d->p->points; k++) {
        if (!isfinite(c->values[k]) || !c->notes[k])
            continue;
        buffer_printf(d->out, "<circle class=\"point k%zu\" cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" "
                              "fill-opacity=\"0\"><title>",
                      c->colour % CURVE_COLOURS, x_of(d, k), y_of(d, c->values[k]), fmax(radius, 2));
        markup(d->out, c->notes[k]);
        buffer_text(d->out, "</title></circle>\n");
    }
}

static void draw_dots(const drawing *d, const curve *c)
{
    for (size_t k = 0; c->dots && k < d->p->points; k++) {
        if (!c->dots[k] || !isfinite(c->values[k]))
            continue;
        if (d->b->paint == HEAT_CLASSES)
            buffer_printf(d->out, "<circle class=\"dot k%zu\"", c->colour % CURVE_COLOURS);
        else
            buffer_printf(d->out, "<circle fill=\"%s\"", colours[c->colour % CURVE_COLOURS]);
        buffer_printf(d->out, " cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"/>\n", x_of(d, k), y_of(d, c->values[k]),
                      d->b->font * 0.28);
    }
}

/* A dashed stroke at (x, y). */
static void draw_dashes(const drawing *d, double x, double y, double length)
{
    buffer_printf(d->out, "<path %s stroke-dasharray=\"%g %g\" d=\"M%.2f %.2fh%.2f\"/>\n",
                  d->b->paint == HEAT_CLASSES ? "class=\"level\""
                                              : "fill=\"none\" stroke=\"#555\" stroke-width=\"0.6\"",
                  d->b->font * 0.4, d->b->font * 0.3, x, y, length);
}

/* Without a key its name stands at its end. */
static void draw_level(const drawing *d)
{
    const curve_box *b = d->b;
    if (!has_level(d->p))
        return;
    double y = y_of(d, d->p->level);
    draw_dashes(d, b->x, y, b->width);
    if (!d->p->key)
        heat_text(d->out, b->paint, b->x + b->width, y - b->y > b->font * 1.2 ? y - b->font * 0.35 : y + b->font * 1.1,
                  b->font, "end", "soft", d->p->level_name);
}

static void draw_rule(const drawing *d)
{
    const curve_panel *p = d->p;
    if (p->ruled && p->ruled < p->points)
        buffer_printf(d->out, "<path %s stroke-dasharray=\"1.5 1.5\" d=\"M%.2f %.2fv%.2f\"/>\n", axis_line(d->b->paint),
                      x_between(d, (double)p->ruled - 0.5), d->b->y, d->b->height);
}

/* The curves' names, each after a stroke of its colour, and the level's. */
static void draw_key(const drawing *d)
{
    const curve_panel *p = d->p;
    const curve_box *b = d->b;
    double top = b->y - b->font * 0.9 - key_height(p, b), length = stroke_length(b) - b->font * 0.3;
    for (size_t i = 0; i < key_entries(p); i++) {
        double x, y = top + b->font * 1.3 * (double)key_line(p, b, i, &x), stroke = y - b->font * 0.35;
        if (i < p->count) {
            open_line(d, p->curves[i].colour, p->curves[i].faint);
            buffer_printf(d->out, "M%.2f %.2fh%.2f\"/>\n", b->x + x, stroke, length);
        } else {
            draw_dashes(d, b->x + x, stroke, length);
        }
        heat_text(d->out, b->paint, b->x + x + stroke_length(b), y, b->font, "start", "normal",
                  i < p->count ? p->curves[i].name : p->level_name);
    }
}

void curve_draw(buffer *out, const curve_panel *p, const curve_box *b)
{
    drawing d = {out, p, b};
    buffer_text(out, "<g class=\"curves\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', "
                     "sans-serif\">\n");
    heat_text(out, b->paint, b->x, b->y - b->font * 2.2 - key_height(p, b), b->font * 1.1, "start", "bold", p->title);
    draw_value_axis(&d);
    draw_point_axis(&d);
    draw_level(&d);
    draw_rule(&d);
    for (size_t i = 0; i < p->count; i++)
        draw_band(&d, &p->curves[i]);
    for (size_t i = 0; i < p->count; i++)
        draw_mark(&d, &p->curves[i]);
    for (size_t i = 0; i < p->count; i++)
        draw_line(&d, &p->curves[i]);
    for (size_t i = 0; i < p->count; i++)
        draw_dots(&d, &p->curves[i]);
    for (size_t i = 0; i < p->count; i++)
        draw_notes(&d, &p->curves[i]);
    if (p->key)
        draw_key(&d);
    buffer_text(out, "</g>\n");
}
