/* edit_curves.c: see edit_curves.h. */
#include "report/edit_curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/edit_words.h"

/* One panel: values of the requests over steps 0 .. points-1, and its axis. */
typedef struct panel {
    const edit_report *r;
    const curve_box *b;
    size_t points;
    double from, to; /* of the axis; of a logarithmic one powers of ten */
    bool logarithmic;
    double (*value)(const edit_report *r, size_t request, size_t point);
} panel;

double curve_left(const curve_box *b)
{
    return b->font * 3.4;
}

double curve_below(const curve_box *b)
{
    return b->font * 2.8;
}

double curve_above(const curve_box *b)
{
    return b->font * 2;
}

static double loss_at(const edit_report *r, size_t request, size_t point)
{
    return r->run->found[request].loss[point];
}

/* The last point is what the edit gave. */
static double prob_at(const edit_report *r, size_t request, size_t point)
{
    return point < r->run->settings.steps ? r->run->found[request].prob[point] : r->run->measured.results[request].edited.after.prob;
}

static double mean_at(const panel *p, size_t point)
{
    double sum = 0;
    for (size_t i = 0; i < edit_request_count(p->r); i++)
        sum += p->value(p->r, i, point);
    return sum / (double)edit_request_count(p->r);
}

/* ---- the axes ---- */

static double x_of(const panel *p, size_t point)
{
    return p->b->x + p->b->width * (p->points > 1 ? (double)point / (double)(p->points - 1) : 0.5);
}

static double y_of(const panel *p, double value)
{
    double at = p->logarithmic ? log10(fmax(value, 1e-300)) : value;
    double from = p->logarithmic ? log10(p->from) : p->from, to = p->logarithmic ? log10(p->to) : p->to;
    return p->b->y + p->b->height * (1 - fmin(1, fmax(0, (at - from) / (to - from))));
}

/* 1, 2 or 5 times a power of ten: about a fourth of the range. */
static double nice_step(double range)
{
    double power = pow(10, floor(log10(range / 4))), share = range / 4 / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

/* The axis of the losses: from 0, or in decades where they span more than one. */
static void fit_axis(panel *p)
{
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < edit_request_count(p->r); i++)
        for (size_t k = 0; k < p->points; k++) {
            double value = p->value(p->r, i, k);
            if (isfinite(value)) {
                low = fmin(low, value);
                high = fmax(high, value);
            }
        }
    p->logarithmic = low > 0 && high > 10 * low;
    p->from = p->logarithmic ? pow(10, floor(log10(low))) : 0;
    if (p->logarithmic)
        p->to = pow(10, ceil(log10(high)));
    else
        p->to = high > 0 ? ceil(high / nice_step(high)) * nice_step(high) : 1;
}

static const char *grid_paint(const curve_box *b)
{
    return b->paint == HEAT_CLASSES ? "class=\"grid\"" : "fill=\"none\" stroke=\"#ccc\" stroke-width=\"0.4\"";
}

static void draw_tick(buffer *out, const panel *p, double value)
{
    char text[32];
    double y = y_of(p, value);
    snprintf(text, sizeof text, "%g", value);
    buffer_printf(out, "<path %s d=\"M%.2f %.2fh%.2f\"/>\n", grid_paint(p->b), p->b->x, y, p->b->width);
    heat_text(out, p->b->paint, p->b->x - p->b->font * 0.4, y + p->b->font * 0.35, p->b->font, "end", "soft", text);
}

static void draw_value_axis(buffer *out, const panel *p)
{
    if (p->logarithmic) {
        double every = ceil(log10(p->to / p->from) / 5);
        for (double power = log10(p->from); power < log10(p->to) + 0.5; power += every)
            draw_tick(out, p, pow(10, round(power)));
        return;
    }
    double step = nice_step(p->to - p->from);
    for (double value = p->from; value < p->to + step / 2; value += step)
        draw_tick(out, p, value);
}

static void draw_step_axis(buffer *out, const panel *p)
{
    const curve_box *b = p->b;
    size_t step = p->points > 2 ? (size_t)fmax(1, nice_step((double)(p->points - 1))) : 1;
    char text[32];
    for (size_t k = 0; k < p->points; k += step) {
        snprintf(text, sizeof text, "%zu", k);
        heat_text(out, b->paint, x_of(p, k), b->y + b->height + b->font * 1.2, b->font, "middle", "soft", text);
    }
    heat_text(out, b->paint, b->x + b->width / 2, b->y + b->height + b->font * 2.4, b->font, "middle", "soft", "steps done");
}

/* ---- the lines ---- */

static const char *line_paint(const curve_box *b, bool faint)
{
    if (b->paint == HEAT_CLASSES)
        return faint ? "class=\"curve faint\"" : "class=\"curve\"";
    return faint ? "fill=\"none\" stroke=\"#4a3a9a\" stroke-width=\"0.4\" stroke-opacity=\"0.3\""
                 : "fill=\"none\" stroke=\"#4a3a9a\" stroke-width=\"1.1\"";
}

static void draw_line(buffer *out, const panel *p, size_t request, bool mean)
{
    bool begun = false;
    buffer_printf(out, "<path %s stroke-linejoin=\"round\" d=\"", line_paint(p->b, !mean));
    for (size_t k = 0; k < p->points; k++) {
        double value = mean ? mean_at(p, k) : p->value(p->r, request, k);
        if (isfinite(value))
            buffer_printf(out, "%s%.2f %.2f", begun ? "L" : "M", x_of(p, k), y_of(p, value));
        begun = begun || isfinite(value);
    }
    buffer_text(out, begun ? "\"/>\n" : "M0 0\"/>\n");
}

static void draw_panel(buffer *out, const panel *p, const char *title)
{
    const curve_box *b = p->b;
    size_t count = edit_request_count(p->r);
    buffer_printf(out, "<g class=\"curves\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n");
    heat_text(out, b->paint, b->x, b->y - b->font * 0.9, b->font * 1.1, "start", "bold", title);
    draw_value_axis(out, p);
    draw_step_axis(out, p);
    for (size_t i = 0; i < count && count > 1; i++)
        draw_line(out, p, i, false);
    draw_line(out, p, 0, true);
    buffer_text(out, "</g>\n");
}

void curve_loss(buffer *out, const edit_report *r, const curve_box *b)
{
    panel p = {.r = r, .b = b, .points = r->run->settings.steps, .value = loss_at};
    fit_axis(&p);
    draw_panel(out, &p, edit_request_count(r) > 1 ? "loss (of each, and their mean)" : "loss");
}

void curve_prob(buffer *out, const edit_report *r, const curve_box *b)
{
    panel p = {.r = r, .b = b, .points = r->run->settings.steps + 1, .to = 1, .value = prob_at};
    draw_panel(out, &p, edit_request_count(r) > 1 ? "p(target) (of each, and their mean)" : "p(target)");
}
