/* failure_figure.c: how well failures are foretold, drawn: the ROC curves on the second half of the subjects, and the
 * areas of each run of layers on the first (failure_report.h). */
#include <math.h>
#include <stdlib.h>

#include "report/curves.h"
#include "report/failure_report.h"
#include "report/figure.h"
#include "report/markup.h"

/* ---- the ROC curves ---- */

typedef struct square {
    double x, y, size, font;
    heat_paint paint;
} square;

static const char *thin(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"grid\"" : "fill=\"none\" stroke=\"#ccc\" stroke-width=\"0.4\"";
}

static void draw_frame(buffer *out, const square *b)
{
    heat_text(out, b->paint, b->x, b->y - b->font, b->font * 1.1, "start", "bold", "Right answers kept");
    for (int k = 0; k <= 4; k++) {
        double at = k / 4.0, x = b->x + at * b->size, y = b->y + (1 - at) * b->size;
        char text[16];
        snprintf(text, sizeof text, "%g", at);
        buffer_printf(out, "<path %s d=\"M%.2f %.2fh%.2fM%.2f %.2fv%.2f\"/>\n", thin(b->paint), b->x, y, b->size, x,
                      b->y, b->size);
        heat_text(out, b->paint, b->x - b->font * 0.4, y + b->font * 0.35, b->font, "end", "soft", text);
        heat_text(out, b->paint, x, b->y + b->size + b->font * 1.2, b->font, "middle", "soft", text);
    }
    buffer_printf(out, "<path %s stroke-dasharray=\"3 2\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n",
                  b->paint == HEAT_CLASSES ? "class=\"level\"" : "fill=\"none\" stroke=\"#555\" stroke-width=\"0.6\"",
                  b->x, b->y + b->size, b->x + b->size, b->y);
    heat_text(out, b->paint, b->x + b->size / 2, b->y + b->size + b->font * 2.4, b->font, "middle", "soft",
              "wrong answers kept");
}

static void open_curve(buffer *out, heat_paint paint, size_t colour)
{
    if (paint == HEAT_CLASSES)
        buffer_printf(out, "<path class=\"curve k%zu\"", colour);
    else
        buffer_printf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.1\"", curve_colour(colour));
}

static void draw_roc(buffer *out, const square *b, const failure_score *s, size_t colour)
{
    open_curve(out, b->paint, colour);
    buffer_text(out, " stroke-linejoin=\"round\" d=\"");
    for (size_t i = 0; i < s->curve_count; i++)
        buffer_printf(out, "%s%.2f %.2f", i ? "L" : "M", b->x + s->curve[i].wrong * b->size,
                      b->y + (1 - s->curve[i].right) * b->size);
    buffer_text(out, "\"/>\n");
}

/* "contribution, layers 16-17" */
static void key_name(const failure_report *r, const failure_score *s, buffer *out)
{
    if (s->signal != FAILURE_CONTRIBUTION) {
        buffer_text(out, s->signal == FAILURE_PROB ? "probability" : "both");
        return;
    }
    buffer_text(out, r->failure.runs[r->failure.chosen].length > 1 ? "contribution, layers " : "contribution, layer ");
    failure_layers_name(r, out);
}

/* A stroke, and below it the name and the area: "0.76 [0.71, 0.80]". */
static void draw_key(buffer *out, const square *b, const failure_report *r, const failure_score *s, size_t entry,
                     size_t colour)
{
    double x = b->x + b->size + b->font * 1.6, y = b->y + b->font * (1 + 4.2 * (double)entry);
    buffer name = {0}, area = {0};
    key_name(r, s, &name);
    buffer_printf(&area, "%.2f [%.2f, %.2f]", s->auroc.mean, s->auroc.low, s->auroc.high);
    open_curve(out, b->paint, colour);
    buffer_printf(out, " d=\"M%.2f %.2fh%.2f\"/>\n", x, y, b->font * 2);
    heat_text(out, b->paint, x, y + b->font * 1.3, b->font, "start", "normal", name.data);
    heat_text(out, b->paint, x, y + b->font * 2.5, b->font, "start", "soft", area.data);
    buffer_free(&name);
    buffer_free(&area);
}

/* Of all questions, those of the half where contributions are judged; where they are not, of all. */
static bool is_drawn(const failure_report *r, const failure_score *s)
{
    return s->curve && !s->relation && s->half == (r->layer_count ? FAILURE_SECOND : FAILURE_ALL);
}

static void draw_curves(buffer *out, const square *b, const failure_report *r)
{
    static const size_t colours[] = {[FAILURE_PROB] = 1, [FAILURE_CONTRIBUTION] = 3, [FAILURE_BOTH] = 0};
    size_t drawn = 0;
    for (size_t i = 0; i < r->failure.count; i++) {
        const failure_score *s = &r->failure.scores[i];
        if (!is_drawn(r, s))
            continue;
        draw_roc(out, b, s, colours[s->signal]);
        draw_key(out, b, r, s, drawn++, colours[s->signal]);
    }
    if (drawn == 0)
        heat_text(out, b->paint, b->x + b->size / 2, b->y + b->size / 2, b->font, "middle", "soft", "one class only");
}

/* ---- the layers ---- */

/* A curve for each length of the runs, each area over the run's first layer. */
static void draw_layers(buffer *out, const failure_report *r, const curve_box *b)
{
    static const char *const names[FAILURE_RUN] = {"1 layer", "2 layers", "3", "4"};
    size_t n = r->layer_count;
    double *values = mem_new(FAILURE_RUN * n, sizeof *values);
    curve curves[FAILURE_RUN];
    for (size_t i = 0; i < FAILURE_RUN * n; i++)
        values[i] = NAN;
    for (size_t i = 0; i < r->failure.run_count; i++)
        values[(r->failure.runs[i].length - 1) * n + r->failure.runs[i].first] = r->failure.runs[i].auroc;
    for (size_t k = 0; k < FAILURE_RUN; k++)
        curves[k] = (curve){.name = names[k], .values = values + k * n, .colour = k};
    curve_panel p = {.title = "Area by contribution, first half", .axis = "first layer of the run", .points = n,
                     .first = r->layers[0], .curves = curves, .count = n < FAILURE_RUN ? n : FAILURE_RUN, .key = true,
                     .from = 0, .to = 1, .level = 0.5, .level_name = "chance"};
    curve_draw(out, &p, b);
    free(values);
}

/* ---- both ---- */

double failure_figure(const failure_report *r, double x, double y, double width, double font, heat_paint paint,
                      buffer *out)
{
    square b = {.size = fmin(width * 0.3, 26 * font), .font = font, .paint = paint};
    b.x = x + 3 * font;
    b.y = y + 5 * font;
    buffer_text(out, "<g class=\"failure\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', "
                     "sans-serif\">\n");
    draw_frame(out, &b);
    draw_curves(out, &b, r);
    buffer_text(out, "</g>\n");
    if (r->layer_count) {
        curve_box c = {.y = b.y, .height = b.size, .font = font, .paint = paint};
        c.x = x + width * 0.64;
        c.width = width * 0.34;
        draw_layers(out, r, &c);
    }
    return 5 * font + b.size + 3.2 * font;
}

void failure_svg(const failure_report *r, buffer *out)
{
    buffer body = {0}, text = {0};
    double y = failure_figure(r, FIGURE_MARGIN, 0, FIGURE_PAGE - 2 * FIGURE_MARGIN, 7, HEAT_ATTRIBUTES, &body);
    buffer_printf(&text, "How well right answers are told from wrong ones: %zu questions about %zu subjects.",
                  r->failure.questions, r->failure.subjects);
    if (r->layer_count)
        buffer_text(&text, " Layers and fit are found on one half of the subjects, and the curves are of the other; "
                           "brackets are 95 % intervals over subjects.");
    y += figure_caption(&body, text.data, y, FIGURE_PAGE);
    figure_open(out, FIGURE_PAGE, y);
    buffer_text(out, "<title>Failure prediction</title>\n<desc>ROC curves of the answer's probability, of what the "
                     "constraint contributes to the last row, and of both; a line chart of areas by layer.</desc>\n");
    figure_close(out, &body, FIGURE_PAGE, y);
    buffer_free(&body);
    buffer_free(&text);
}
