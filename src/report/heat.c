/* heat.c: a heat map's colours and its drawing in SVG (heat.h).
 *
 * Cells of one colour are one path, runs of equal neighbours in a row one rectangle: a map of 600 rows and 32 layers
 * stays a few hundred kilobytes. x counts columns (the group is scaled), y is in the drawing's units. */
#include "report/heat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/markup.h"
#include "report/palette.h"
#include "report/trace_words.h"

/* ---- the colours ---- */

heat_scale heat_scale_of(const trace *t, const trace_grid *g)
{
    double from = trace_shown_corrupted(t), to = trace_shown_clean(t), largest = 0, smallest = 0;
    for (size_t i = 0; i < trace_grid_size(t, g); i++) {
        double share = trace_recovered(t, trace_shown(g)[i]);
        if (isfinite(share)) {
            largest = fmax(largest, share);
            smallest = fmin(smallest, share);
        }
    }
    if (t->direction == TRACE_NOISE) {
        from = trace_shown_clean(t);
        to = trace_shown_corrupted(t);
    }
    double end = fmin(1, fmax(largest, HEAT_LEAST));
    return (heat_scale){from, from + end * (to - from), smallest < -0.02 * end, largest > 1.02 * end};
}

double heat_share(const heat_scale *s, double value)
{
    double share = s->to != s->from ? (value - s->from) / (s->to - s->from) : 0;
    return isfinite(value) ? fmin(1, fmax(0, share)) : NAN;
}

/* ---- small parts ---- */

#define FACES "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

static const char *ink(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"ink\"" : "fill=\"#000\"";
}

static const char *soft(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"soft\"" : "fill=\"#555\"";
}

static const char *line(heat_paint paint)
{
    return paint == HEAT_CLASSES ? "class=\"line\"" : "fill=\"none\" stroke=\"#000\" stroke-width=\"0.5\"";
}

static void fill(buffer *out, heat_paint paint, const palette *p, int level)
{
    if (paint == HEAT_CLASSES && level < 0)
        buffer_text(out, "class=\"qn\"");
    else if (paint == HEAT_CLASSES)
        buffer_printf(out, "class=\"q%d\"", level);
    else if (level < 0)
        buffer_text(out, "fill=\"#d5d5d5\"");
    else
        buffer_printf(out, "fill=\"#%06x\"", (unsigned)palette_level_colour(p->light, level));
}

/* Up to three decimals, without trailing zeros. */
static void add_length(buffer *out, double value)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%.3f", value);
    while (n > 1 && text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    buffer_add(out, text, (size_t)n);
}

void heat_text(buffer *out, heat_paint paint, double x, double y, double size, const char *anchor, const char *face,
               const char *text)
{
    buffer_text(out, "<text x=\"");
    add_length(out, x);
    buffer_text(out, "\" y=\"");
    add_length(out, y);
    buffer_printf(out, "\" font-size=\"%g\" text-anchor=\"%s\" ", size, anchor);
    if (strcmp(face, "bold") == 0)
        buffer_text(out, "font-weight=\"bold\" ");
    buffer_printf(out, "%s>", strcmp(face, "soft") == 0 ? soft(paint) : ink(paint));
    markup(out, text);
    buffer_text(out, "</text>\n");
}

static void add_line(buffer *out, heat_paint paint, double x1, double y1, double x2, double y2)
{
    buffer_printf(out, "<path %s d=\"M%.2f %.2fL%.2f %.2f\"/>\n", line(paint), x1, y1, x2, y2);
}

/* ---- cells ---- */

/* Appends to paths[level + 1] the runs of equal colour in row c; [0] is for cells without a value. */
static void add_row(buffer *paths, const heat_map *m, const heat_scale *scale, size_t c)
{
    const trace *t = m->report->trace;
    const heat_row *row = &m->rows->row[c];
    const double *values = trace_shown(m->grid);
    for (size_t l = 0, end; l < t->layer_count; l = end) {
        double share = heat_share(scale, values[l * t->cell_count + c]);
        int level = isnan(share) ? -1 : palette_level(share);
        for (end = l + 1; end < t->layer_count; end++) {
            double next = heat_share(scale, values[end * t->cell_count + c]);
            if ((isnan(next) ? -1 : palette_level(next)) != level)
                break;
        }
        buffer *path = &paths[level + 1];
        buffer_printf(path, "M%zu ", l);
        add_length(path, row->top);
        buffer_printf(path, "h%zuv", end - l);
        add_length(path, row->height);
        buffer_printf(path, "h-%zuz", end - l);
    }
}

static void draw_cells(buffer *out, const heat_map *m, const heat_scale *scale)
{
    buffer paths[PALETTE_LEVELS + 1] = {{0}};
    for (size_t c = 0; c < m->rows->count; c++)
        add_row(paths, m, scale, c);
    buffer_printf(out, "<g class=\"cells\" transform=\"translate(%.2f %.2f) scale(%.5f 1)\" "
                  "shape-rendering=\"crispEdges\">\n", m->x, m->y, m->width / (double)m->report->trace->layer_count);
    for (int i = 0; i <= PALETTE_LEVELS; i++) {
        if (!paths[i].size)
            continue;
        buffer_text(out, "<path ");
        fill(out, m->paint, palette_of(m->grid->site), i - 1);
        buffer_printf(out, " d=\"%s\"/>\n", paths[i].data);
        buffer_free(&paths[i]);
    }
    buffer_text(out, "</g>\n");
}

/* A ring in each cell that was run beside its estimate: nothing where all were. */
static void draw_rings(buffer *out, const heat_map *m)
{
    const trace *t = m->report->trace;
    double column = m->width / (double)t->layer_count;
    for (size_t i = 0; i < t->estimates.exact && t->estimates.exact < trace_cell_total(t); i++) {
        const trace_cell *c = &t->estimates.largest[i];
        const heat_row *row = &m->rows->row[c->column];
        if (&t->sites[c->site] != m->grid)
            continue;
        double radius = fmin(fmin(column, fmax(row->height, m->rows->sizes.small * 0.6)) * 0.3,
                             m->rows->sizes.small * 0.3);
        double x = m->x + ((double)c->layer + 0.5) * column, y = m->y + row->top + row->height / 2;
        buffer_printf(out, "<circle %s cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"/>\n",
                      m->paint == HEAT_CLASSES ? "class=\"ring-under\""
                                               : "fill=\"none\" stroke=\"#fff\" stroke-width=\"1.8\"", x, y, radius);
        buffer_printf(out, "<circle %s cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"/>\n",
                      m->paint == HEAT_CLASSES ? "class=\"ring\""
                                               : "fill=\"none\" stroke=\"#000\" stroke-width=\"0.8\"",
                      x, y, radius);
    }
}

/* One frame around each unbroken run of rows. */
static void draw_frames(buffer *out, const heat_map *m)
{
    const heat_rows *rows = m->rows;
    for (size_t i = 0, end; i < rows->count; i = end) {
        for (end = i + 1; end < rows->count && !rows->row[end].gap; end++)
            ;
        const heat_row *last = &rows->row[end - 1];
        buffer_printf(out, "<rect %s x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n", line(m->paint), m->x,
                      m->y + rows->row[i].top, m->width, last->top + last->height - rows->row[i].top);
    }
}

/* ---- labels ---- */

/* A bracket beside the image rows [first, end) and how many they are. */
static void draw_bracket(buffer *out, const heat_map *m, size_t first, size_t end)
{
    const heat_sizes *s = &m->rows->sizes;
    const heat_row *last = &m->rows->row[end - 1];
    double top = m->y + m->rows->row[first].top, bottom = m->y + last->top + last->height, x = m->x - 2;
    double middle = (top + bottom) / 2;
    char text[48];
    buffer_printf(out, "<path %s d=\"M%.2f %.2fh-3V%.2fh3\"/>\n", line(m->paint), x, top + 0.5, bottom - 0.5);
    heat_text(out, m->paint, x - 5, middle - s->font * 0.1, s->font, "end", "normal", "image");
    snprintf(text, sizeof text, end - first == 1 ? "%zu row" : "%zu rows", end - first);
    heat_text(out, m->paint, x - 5, middle + s->font * 0.95, s->font, "end", "normal", text);
}

static void draw_label(buffer *out, const heat_map *m, const heat_row *row)
{
    const heat_sizes *s = &m->rows->sizes;
    double baseline = m->y + row->top + row->height / 2 + s->font * 0.35;
    heat_text(out, m->paint, m->x - 3, baseline, s->font, "end", "normal", row->label);
}

static void draw_labels(buffer *out, const heat_map *m)
{
    const heat_rows *rows = m->rows;
    for (size_t i = 0, end; i < rows->count; i = end) {
        const heat_row *row = &rows->row[i];
        end = i + 1;
        if (row->gap_label)
            heat_text(out, m->paint, m->x - 3, m->y + row->gap_top + rows->sizes.row * 0.575 + rows->sizes.font * 0.35,
                      rows->sizes.font, "end", "soft", row->gap_label);
        if (row->label) {
            draw_label(out, m, row);
            continue;
        }
        while (end < rows->count && !rows->row[end].label && !rows->row[end].gap)
            end++;
        draw_bracket(out, m, i, end);
    }
}

/* ---- axes ---- */

/* The smallest of 1, 2, 5, 10, 20, ... that is at least `least`. */
static size_t round_step(double least)
{
    for (size_t ten = 1;; ten *= 10)
        for (size_t i = 0; i < 3; i++)
            if ((double)((size_t[]){1, 2, 5}[i] * ten) >= least)
                return (size_t[]){1, 2, 5}[i] * ten;
}

static void draw_layers(buffer *out, const heat_map *m)
{
    const trace *t = m->report->trace;
    const heat_sizes *s = &m->rows->sizes;
    double column = m->width / (double)t->layer_count, bottom = m->y + m->rows->height;
    size_t step = round_step(s->small * 2.1 / column);
    buffer axis = {0};
    for (size_t l = 0; l < t->layer_count; l++) {
        if (t->layers[l] % step)
            continue;
        char text[24];
        double x = m->x + ((double)l + 0.5) * column;
        snprintf(text, sizeof text, "%zu", t->layers[l]);
        add_line(out, m->paint, x, bottom, x, bottom + 2);
        heat_text(out, m->paint, x, bottom + 3 + s->small, s->small, "middle", "normal", text);
    }
    trace_layer_axis(t, &axis);
    heat_text(out, m->paint, m->x + m->width / 2, bottom + 4.5 + s->small * 2.2, s->small, "middle", "normal",
              axis.data);
    buffer_free(&axis);
}

/* ---- colour bar ---- */

typedef struct bar {
    double x, top, width, height, low, high; /* low, high: values at its ends */
} bar;

static double bar_y(const bar *b, double prob)
{
    double share = b->high > b->low ? (prob - b->low) / (b->high - b->low) : 0;
    return b->top + b->height * (1 - share);
}

static void draw_bar_colours(buffer *out, const heat_map *m, const heat_scale *scale, const bar *b)
{
    double slice = b->height / PALETTE_LEVELS;
    buffer_text(out, "<g class=\"bar\" shape-rendering=\"crispEdges\">\n");
    for (int i = 0; i < PALETTE_LEVELS; i++) {
        int level = scale->to >= scale->from ? PALETTE_LEVELS - 1 - i : i;
        double overlap = i + 1 < PALETTE_LEVELS ? slice : 0; /* hides hairlines between slices */
        buffer_text(out, "<rect ");
        fill(out, m->paint, palette_of(m->grid->site), level);
        buffer_printf(out, " x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.3f\"/>\n", b->x,
                      b->top + slice * (double)i, b->width, slice + overlap);
    }
    buffer_text(out, "</g>\n");
}

/* The bar's outline, with a point at an end beyond which values lie. */
static void draw_bar_frame(buffer *out, const heat_map *m, const heat_scale *scale, const bar *b)
{
    bool upward = scale->to >= scale->from;
    bool over = upward ? scale->above : scale->below, under = upward ? scale->below : scale->above;
    double right = b->x + b->width, bottom = b->top + b->height, middle = b->x + b->width / 2, point = b->width * 0.55;
    int top_level = upward ? PALETTE_LEVELS - 1 : 0;
    if (over) {
        buffer_text(out, "<path ");
        fill(out, m->paint, palette_of(m->grid->site), top_level);
        buffer_printf(out, " d=\"M%.2f %.2fL%.2f %.2fL%.2f %.2fz\"/>\n", b->x, b->top, middle, b->top - point, right,
                      b->top);
    }
    if (under) {
        buffer_text(out, "<path ");
        fill(out, m->paint, palette_of(m->grid->site), PALETTE_LEVELS - 1 - top_level);
        buffer_printf(out, " d=\"M%.2f %.2fL%.2f %.2fL%.2f %.2fz\"/>\n", b->x, bottom, middle, bottom + point, right,
                      bottom);
    }
    buffer_printf(out, "<path %s d=\"M%.2f %.2f", line(m->paint), b->x, b->top);
    if (over)
        buffer_printf(out, "L%.2f %.2f", middle, b->top - point);
    buffer_printf(out, "L%.2f %.2fV%.2f", right, b->top, bottom);
    if (under)
        buffer_printf(out, "L%.2f %.2f", middle, bottom + point);
    buffer_printf(out, "L%.2f %.2fz\"/>\n", b->x, bottom);
}

/* Ticks at round values, 3 to 6 of them. */
static void draw_bar_ticks(buffer *out, const heat_map *m, const bar *b)
{
    const heat_sizes *s = &m->rows->sizes;
    double range = b->high - b->low;
    if (!(range > 0) || !isfinite(range))
        return;
    double least = range / fmin(5, fmax(2, b->height / (s->small * 2))), ten = pow(10, floor(log10(least)));
    double step = ten * (least <= ten ? 1 : least <= 2 * ten ? 2 : least <= 5 * ten ? 5 : 10);
    int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
    /* + 0.0: ceil may give -0, which would be printed so */
    for (double k = ceil(b->low / step - 1e-9) + 0.0; k * step <= b->high + step * 1e-9; k++) {
        char text[32];
        double y = bar_y(b, k * step);
        int n = k < 0 ? snprintf(text, sizeof text, "\u2212") : 0;
        snprintf(text + n, sizeof text - (size_t)n, decimals <= 3 ? "%.*f" : "%.*e", decimals <= 3 ? decimals : 0,
                 fabs(k * step));
        add_line(out, m->paint, b->x + b->width, y, b->x + b->width + 2, y);
        heat_text(out, m->paint, b->x + b->width + 3.5, y + s->small * 0.35, s->small, "start", "normal", text);
    }
}

static void draw_bar(buffer *out, const heat_map *m, const heat_scale *scale)
{
    const heat_sizes *s = &m->rows->sizes;
    buffer title = {0}, answer = {0};
    double tallest = s->row * 14;
    bar b = {m->x + m->width + s->small * 0.8, m->y, s->small * 0.9, fmin(m->rows->height, tallest),
             fmin(scale->from, scale->to), fmax(scale->from, scale->to)};
    draw_bar_colours(out, m, scale, &b);
    draw_bar_frame(out, m, scale, &b);
    draw_bar_ticks(out, m, &b);
    bool log = m->report->trace->estimates.made;
    text_shorten(&answer, m->answer, log ? 3.6 : 4.8);
    buffer_printf(&title, log ? "log p(%s)" : "p(%s)", answer.data);
    heat_text(out, m->paint, m->x + m->width + heat_right(s) - 1, m->y - s->small * 0.95, s->small, "end", "normal",
              title.data);
    buffer_free(&title);
    buffer_free(&answer);
}

/* ---- the map ---- */

double heat_title_gap(const trace *t, const heat_sizes *s, double width)
{
    double widest = 0, bar_title = s->small * 2.6; /* as far as it may reach over the cells */
    for (size_t i = 0; i < t->site_count; i++) {
        buffer title = {0};
        trace_site_title(t, t->sites[i].site, &title);
        widest = fmax(widest, text_width(title.data, title.size) * s->title * 1.08); /* bold is wider */
        buffer_free(&title);
    }
    return widest <= width - bar_title ? s->small * 0.95 : s->small * 2.2;
}

double heat_above(const heat_sizes *s, double title_gap)
{
    return s->title + title_gap;
}

double heat_below(const heat_sizes *s)
{
    return s->small * 2.2 + 8;
}

double heat_right(const heat_sizes *s)
{
    return s->small * 4.6;
}

void heat_draw(buffer *out, const heat_map *m)
{
    const heat_sizes *s = &m->rows->sizes;
    heat_scale scale = heat_scale_of(m->report->trace, m->grid);
    buffer title = {0};
    trace_site_title(m->report->trace, m->grid->site, &title);
    buffer_printf(out, "<g class=\"heat %s\" font-family=\"" FACES "\">\n", palette_of(m->grid->site)->name);
    heat_text(out, m->paint, m->x, m->y - m->title_gap, s->title, "start", "bold", title.data);
    draw_cells(out, m, &scale);
    draw_frames(out, m);
    draw_rings(out, m);
    if (m->labels == HEAT_LABELS)
        draw_labels(out, m);
    draw_layers(out, m);
    draw_bar(out, m, &scale);
    buffer_text(out, "</g>\n");
    buffer_free(&title);
}
