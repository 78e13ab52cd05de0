/* edit_curves.c: see edit_curves.h. */
#include "report/edit_curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/edit_words.h"
#include "report/markup.h"

typedef double value_fn(const edit_report *r, size_t line, size_t point);

/* One panel: lines over points, and their axis. */
typedef struct panel {
    const edit_report *r;
    const curve_box *b;
    const char *title, *axis; /* axis: what the points are */
    size_t points, first;     /* first: the number of the first point */
    size_t lines;             /* requests, each a faint line, and their mean if there are several; or measures */
    const char *const *names; /* [lines] of measures, each of which has a colour; NULL: requests */
    value_fn *value;
    double from, to;          /* of the axis */
    bool logarithmic;
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
    return b->font * 3.2;
}

static double mean_at(const panel *p, size_t point)
{
    double sum = 0;
    for (size_t i = 0; i < p->lines; i++)
        sum += p->value(p->r, i, point);
    return sum / (double)p->lines;
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
    for (size_t i = 0; i < p->lines; i++)
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

static void draw_point_axis(buffer *out, const panel *p)
{
    const curve_box *b = p->b;
    size_t step = p->points > 2 ? (size_t)fmax(1, nice_step((double)(p->points - 1))) : 1;
    char text[32];
    for (size_t k = (step - p->first % step) % step; k < p->points; k += step) {
        snprintf(text, sizeof text, "%zu", p->first + k);
        heat_text(out, b->paint, x_of(p, k), b->y + b->height + b->font * 1.2, b->font, "middle", "soft", text);
    }
    heat_text(out, b->paint, b->x + b->width / 2, b->y + b->height + b->font * 2.4, b->font, "middle", "soft", p->axis);
}

/* ---- the lines ---- */

/* Colours of measures, distinct for the colour-blind too (Okabe and Ito's); the first is that of requests' mean. */
static const char *const colours[] = {"#4a3a9a", "#0072b2", "#009e73", "#d55e00"};

static void open_line(buffer *out, const curve_box *b, size_t colour, bool faint)
{
    if (b->paint == HEAT_CLASSES)
        buffer_printf(out, "<path class=\"curve%s k%zu\"", faint ? " faint" : "", colour);
    else
        buffer_printf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"", colours[colour],
                      faint ? "0.4\" stroke-opacity=\"0.3" : "1.1");
    buffer_text(out, " stroke-linejoin=\"round\" d=\"");
}

static double line_value(const panel *p, size_t line, size_t point)
{
    return line < p->lines ? p->value(p->r, line, point) : mean_at(p, point);
}

/* One line; number p->lines is the mean. Where there is no value it breaks. */
static void draw_line(buffer *out, const panel *p, size_t line, size_t colour, bool faint)
{
    bool begun = false;
    open_line(out, p->b, colour, faint);
    for (size_t k = 0; k < p->points; k++) {
        double value = line_value(p, line, k);
        if (isfinite(value))
            buffer_printf(out, "%s%.2f %.2f", begun ? "L" : "M", x_of(p, k), y_of(p, value));
        if (isfinite(value) && p->points == 1)
            buffer_text(out, "h1");
        begun = isfinite(value);
    }
    buffer_text(out, "\"/>\n");
}

/* The names of the measures, each after a stroke of its colour. */
static void draw_key(buffer *out, const panel *p)
{
    const curve_box *b = p->b;
    double x = b->x, y = b->y - b->font * 0.9;
    for (size_t i = 0; i < p->lines; i++) {
        open_line(out, b, i, false);
        buffer_printf(out, "M%.2f %.2fh%.2f\"/>\n", x, y - b->font * 0.35, b->font * 1.2);
        heat_text(out, b->paint, x + b->font * 1.5, y, b->font, "start", "normal", p->names[i]);
        x += b->font * (2.3 + 1.1 * text_width(p->names[i], strlen(p->names[i])));
    }
}

static void draw_panel(buffer *out, const panel *p)
{
    const curve_box *b = p->b;
    buffer_text(out, "<g class=\"curves\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', "
                     "sans-serif\">\n");
    heat_text(out, b->paint, b->x, b->y - b->font * 2.2, b->font * 1.1, "start", "bold", p->title);
    draw_value_axis(out, p);
    draw_point_axis(out, p);
    if (p->names) {
        for (size_t i = 0; i < p->lines; i++)
            draw_line(out, p, i, i, false);
        draw_key(out, p);
    } else {
        for (size_t i = 0; i < p->lines && p->lines > 1; i++)
            draw_line(out, p, i, 0, true);
        draw_line(out, p, p->lines, 0, false);
    }
    buffer_text(out, "</g>\n");
}

/* ---- a search ---- */

static double loss_at(const edit_report *r, size_t request, size_t point)
{
    return r->run->found[request].loss[point];
}

/* The last point is what the edit gave. */
static double prob_at(const edit_report *r, size_t request, size_t point)
{
    if (point < r->run->settings.steps)
        return r->run->found[request].prob[point];
    return r->run->measured.results[request].edited.after.prob;
}

/* ---- a sweep ---- */

static const char *const measures[] = {"edited", "said otherwise", "neighbours", "unrelated"};
enum { MEASURES = sizeof measures / sizeof *measures };

/* NaN where nothing was asked. */
static double share_of(const interval *i)
{
    return i->questions ? i->mean : NAN;
}

static double measure_at(const edit_report *r, size_t line, size_t point)
{
    const measure_summary *s = &r->run->layers[point].summary;
    const interval *words = &s->rephrasings.after_right, *pictures = &s->pictures.after_right;
    double questions = (double)(words->questions + pictures->questions);
    switch (line) {
    case 0: return share_of(&s->edited.after_right);
    case 1: return questions > 0 ? (words->mean * (double)words->questions +
                                    pictures->mean * (double)pictures->questions) / questions : NAN;
    case 2: return share_of(&s->neighbourhood.kept);
    default: return share_of(&s->specificity.after);
    }
}

static double outcome_at(const edit_report *r, size_t request, size_t point)
{
    return r->run->layers[point].outcomes[request].prob;
}

/* ---- the two panels ---- */

void curve_left_panel(buffer *out, const edit_report *r, const curve_box *b)
{
    panel p = {.r = r, .b = b};
    if (edit_is_sweep(r)) {
        p = (panel){r, b, "share of answers right, or kept (neighbours)", "layer", r->run->layer_count,
                    r->run->layers[0].layer, MEASURES, measures, measure_at, 0, 1, false};
    } else {
        p = (panel){r, b, r->run->count > 1 ? "loss (of each, and their mean)" : "loss", "steps done",
                    r->run->settings.steps, 0, r->run->count, NULL, loss_at, 0, 1, false};
        fit_axis(&p);
    }
    draw_panel(out, &p);
}

void curve_right_panel(buffer *out, const edit_report *r, const curve_box *b)
{
    panel p = {r, b, r->run->count > 1 ? "p(target) (of each, and their mean)" : "p(target)", "steps done",
               r->run->settings.steps + 1, 0, r->run->count, NULL, prob_at, 0, 1, false};
    if (edit_is_sweep(r)) {
        p.axis = "layer";
        p.points = r->run->layer_count;
        p.first = r->run->layers[0].layer;
        p.value = outcome_at;
    }
    draw_panel(out, &p);
}
