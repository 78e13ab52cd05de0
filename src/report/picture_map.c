/* picture_map.c: heat maps over a picture as SVG, and what both forms share (picture_map.h).
 *
 * Cells stand in thousandths of the picture's width and height, so that a picture of one pixel draws like any other.
 * Cells of one colour are one path. */
#include "report/picture_map.h"

#include <math.h>
#include <string.h>

#include "report/figure.h"
#include "report/heat.h"
#include "report/markup.h"
#include "report/picture.h"
#include "report/picture_map_parts.h"

#define SMALL 6.5
#define TITLE 8.0
#define GAP 6.0

/* ---- values and colours ---- */

picture_scale picture_scale_of(const double *values, size_t count, const char *title)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            most = fmax(most, values[i]);
    return (picture_scale){0, most, title};
}

size_t picture_map_rows(const picture_map *m)
{
    return m->areas ? m->row_count : m->about->prompt->image_count;
}

const image_area *picture_map_areas(const picture_map *m)
{
    return m->areas ? m->areas : m->about->image_areas;
}

double picture_map_share(const picture_map *m, size_t layer, size_t row)
{
    const picture_scale *s = &m->scale;
    double value = m->values[layer * picture_map_rows(m) + row];
    return !isfinite(value) ? NAN : s->to == s->from ? 0 : (value - s->from) / (s->to - s->from);
}

size_t picture_map_strongest(const picture_map *m)
{
    size_t best = 0;
    double most = -INFINITY;
    for (size_t l = 0; l < m->layer_count; l++)
        for (size_t i = 0; i < picture_map_rows(m); i++)
            if (picture_map_share(m, l, i) > most) {
                most = picture_map_share(m, l, i);
                best = l;
            }
    return best;
}

void picture_map_number(buffer *out, double value)
{
    if (!isfinite(value))
        buffer_text(out, "no value");
    else if (value == 0)
        buffer_text(out, "0");
    else if (fabs(value) < 0.001 || fabs(value) >= 1e5)
        buffer_printf(out, "%.1e", value);
    else
        buffer_printf(out, "%.3g", value);
}

/* ---- words ---- */

/* "; 96 rows of padding alone: 0 to 0.02" */
static void add_kind(buffer *out, const picture_map *m, size_t first, size_t end, image_area_kind kind,
                     const char *name)
{
    size_t n = picture_map_rows(m), count = 0;
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (picture_map_areas(m)[i].kind != kind)
            continue;
        count++;
        for (size_t l = first; l < end; l++) {
            double value = m->values[l * n + i];
            least = isfinite(value) ? fmin(least, value) : least;
            most = isfinite(value) ? fmax(most, value) : most;
        }
    }
    if (!(least <= most)) /* no such rows, or none of them traced */
        return;
    buffer_text(out, out->size ? "; " : "");
    buffer_printf(out, count == 1 ? "%zu %s row: " : "%zu %s rows: ", count, name);
    picture_map_number(out, least);
    if (least < most) {
        buffer_text(out, " to ");
        picture_map_number(out, most);
    }
}

/* Of layers first .. end-1 together. */
static void add_elsewhere(buffer *out, const picture_map *m, size_t first, size_t end)
{
    buffer words = {0};
    add_kind(&words, m, first, end, AREA_CLASS, "class");
    add_kind(&words, m, first, end, AREA_PADDING, "padding");
    buffer_text(out, words.data ? words.data : "");
    buffer_free(&words);
}

void picture_map_elsewhere(buffer *out, const picture_map *m, size_t layer)
{
    add_elsewhere(out, m, layer, layer + 1);
}

static void add_layer_name(buffer *out, const picture_map *m, size_t layer)
{
    if (m->layers)
        buffer_printf(out, "layer %zu", m->layers[layer]);
}

/* ---- the panel ---- */

double picture_map_aspect(const report_about *a)
{
    double aspect = (double)a->image_width / fmax(1, (double)a->image_height);
    return fmin(4, fmax(0.25, aspect));
}

static void add_thousandths(buffer *out, double value, double whole)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%.2f", 1000 * value / whole);
    while (text[n - 1] == '0')
        n--;
    buffer_add(out, text, (size_t)(text[n - 1] == '.' ? n - 1 : n));
}

void picture_map_cell(buffer *out, const picture_map *m, size_t row)
{
    const image_area *r = &picture_map_areas(m)[row];
    const double w = (double)m->about->image_width, h = (double)m->about->image_height;
    buffer_text(out, "M");
    add_thousandths(out, r->left, w);
    buffer_text(out, " ");
    add_thousandths(out, r->top, h);
    buffer_text(out, "H");
    add_thousandths(out, r->right, w);
    buffer_text(out, "V");
    add_thousandths(out, r->bottom, h);
    buffer_text(out, "H");
    add_thousandths(out, r->left, w);
    buffer_text(out, "z");
}

/* Cells of equal colour as one path; paths[level + 1], [0] those without a value, which stay uncoloured. */
static void draw_cells(buffer *out, const picture_map *m, size_t layer)
{
    buffer paths[PALETTE_LEVELS + 1] = {{0}};
    for (size_t i = 0; i < picture_map_rows(m); i++) {
        double share = picture_map_share(m, layer, i);
        if (picture_map_areas(m)[i].kind == AREA_PIXELS)
            picture_map_cell(&paths[isnan(share) ? 0 : palette_level(share) + 1], m, i);
    }
    buffer_printf(out, "<g class=\"cells\" fill-opacity=\"%.2f\" shape-rendering=\"crispEdges\">\n",
                  PICTURE_MAP_OPACITY);
    for (int i = 1; i <= PALETTE_LEVELS; i++)
        if (paths[i].size)
            buffer_printf(out, "<path fill=\"#%06x\" d=\"%s\"/>\n",
                          (unsigned)palette_level_colour(m->colours->light, i - 1), paths[i].data);
    for (int i = 0; i <= PALETTE_LEVELS; i++)
        buffer_free(&paths[i]);
    buffer_text(out, "</g>\n");
}

void picture_map_defs(buffer *out, const report_about *about)
{
    buffer_text(out, "<defs>\n<filter id=\"grey\"><feColorMatrix type=\"saturate\" values=\"0\"/></filter>\n");
    picture_element(out, about->image_path, "picture", "#e8e8e8");
    buffer_text(out, "\n</defs>\n");
}

static void open_tile(buffer *out, double x, double y, double width, double height)
{
    buffer_printf(out, "<g transform=\"translate(%.2f %.2f) scale(%.6f %.6f)\">\n", x, y, width / 1000, height / 1000);
}

static void close_tile(buffer *out, double x, double y, double width, double height)
{
    buffer_printf(out, "</g>\n<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"none\" stroke=\"#000\" "
                  "stroke-width=\"0.4\"/>\n", x, y, width, height);
}

static void draw_tile(buffer *out, const picture_map *m, size_t layer, double x, double y, double width, double height)
{
    open_tile(out, x, y, width, height);
    buffer_printf(out, "<use href=\"#picture\" filter=\"url(#grey)\" opacity=\"%.2f\"/>\n", PICTURE_MAP_PALE);
    draw_cells(out, m, layer);
    close_tile(out, x, y, width, height);
}

/* ---- the colour bar: lying, with its two ends and its middle named ---- */

#define BAR_HEIGHT 5.0

static void draw_bar_value(buffer *out, double x, double y, const char *anchor, double value)
{
    buffer text = {0};
    picture_map_number(&text, value);
    heat_text(out, HEAT_ATTRIBUTES, x, y + BAR_HEIGHT + SMALL + 1, SMALL, anchor, "normal", text.data);
    buffer_free(&text);
}

/* Returns its height. */
static double draw_bar(buffer *out, const picture_map *m, double x, double y, double width)
{
    double step = width / PALETTE_LEVELS;
    buffer_printf(out, "<g fill-opacity=\"%.2f\" shape-rendering=\"crispEdges\">\n", PICTURE_MAP_OPACITY);
    for (int i = 0; i < PALETTE_LEVELS; i++)
        buffer_printf(out, "<rect fill=\"#%06x\" x=\"%.3f\" y=\"%.2f\" width=\"%.3f\" height=\"%.1f\"/>\n",
                      (unsigned)palette_level_colour(m->colours->light, i), x + i * step, y, step, BAR_HEIGHT);
    buffer_printf(out, "</g>\n<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.1f\" fill=\"none\" stroke=\"#000\" "
                  "stroke-width=\"0.4\"/>\n", x, y, width, BAR_HEIGHT);
    draw_bar_value(out, x, y, "start", m->scale.from);
    draw_bar_value(out, x + width, y, "end", m->scale.to);
    buffer title = {0};
    text_shorten(&title, m->scale.title, fmax(4, (width - 40) / SMALL));
    heat_text(out, HEAT_ATTRIBUTES, x + width / 2, y + BAR_HEIGHT + SMALL + 1, SMALL, "middle", "normal", title.data);
    buffer_free(&title);
    return BAR_HEIGHT + SMALL + 4;
}

/* ---- figures ---- */

static double draw_title(buffer *out, const picture_map *m, const char *more, double x, double y, double width)
{
    buffer title = {0}, shorter = {0};
    buffer_text(&title, m->title);
    buffer_text(&title, *more ? ", " : "");
    buffer_text(&title, more);
    text_shorten(&shorter, title.data, width / (TITLE * 1.08));
    heat_text(out, HEAT_ATTRIBUTES, x, y + TITLE, TITLE, "start", "bold", shorter.data);
    buffer_free(&title);
    buffer_free(&shorter);
    return TITLE + 4;
}

/* Returns the height of the line, 0 where all rows lie in the picture. */
static double draw_elsewhere(buffer *out, const picture_map *m, size_t first, size_t end, double x, double y,
                             double width)
{
    buffer words = {0}, shorter = {0};
    add_elsewhere(&words, m, first, end);
    if (words.size) {
        text_shorten(&shorter, words.data, width / SMALL);
        heat_text(out, HEAT_ATTRIBUTES, x, y + SMALL, SMALL, "start", "soft", shorter.data);
    }
    double height = words.size ? SMALL + 3 : 0;
    buffer_free(&words);
    buffer_free(&shorter);
    return height;
}

double picture_panel_draw(buffer *out, const picture_map *m, size_t layer, double x, double y, double width)
{
    double aspect = picture_map_aspect(m->about), drawn = aspect < 1 ? width * aspect : width;
    double height = drawn / aspect, at = y;
    buffer name = {0};
    buffer_text(&name, "");
    add_layer_name(&name, m, layer);
    buffer_printf(out, "<g class=\"picture-map %s\" font-family=\"" PICTURE_MAP_FACES "\">\n", m->colours->name);
    at += draw_title(out, m, name.data, x, at, width);
    draw_tile(out, m, layer, x, at, drawn, height);
    at += height + 3;
    at += draw_elsewhere(out, m, layer, layer + 1, x, at, width);
    at += draw_bar(out, m, x, at, width);
    buffer_text(out, "</g>\n");
    buffer_free(&name);
    return at - y;
}

/* How many tiles stand side by side, so that they are neither tiny nor huge. */
static size_t tile_columns(size_t tiles, double aspect)
{
    size_t columns = tiles <= 4 ? 4 : tiles <= 10 ? 5 : tiles <= 21 ? 7 : 9;
    return aspect < 0.6 ? columns + 3 : columns;
}

double picture_maps_draw(buffer *out, const picture_map *m, double x, double y, double width)
{
    size_t tiles = m->layer_count + 1, columns = tile_columns(tiles, picture_map_aspect(m->about));
    double pitch = (width + GAP) / (double)columns, tile = pitch - GAP, height = tile / picture_map_aspect(m->about);
    double at = y;
    buffer_printf(out, "<g class=\"picture-map %s\" font-family=\"" PICTURE_MAP_FACES "\">\n", m->colours->name);
    at += draw_title(out, m, "", x, at, width);
    double line = height + SMALL + 4;
    for (size_t i = 0; i < tiles; i++) {
        double left = x + pitch * (double)(i % columns), top = at + line * (double)(i / columns);
        buffer name = {0};
        buffer_text(&name, i ? "" : "the picture");
        if (i)
            add_layer_name(&name, m, i - 1);
        heat_text(out, HEAT_ATTRIBUTES, left, top + SMALL, SMALL, "start", "normal", name.data);
        buffer_free(&name);
        top += SMALL + 2;
        if (i) {
            draw_tile(out, m, i - 1, left, top, tile, height);
            continue;
        }
        open_tile(out, left, top, tile, height);
        buffer_text(out, "<use href=\"#picture\"/>\n");
        close_tile(out, left, top, tile, height);
    }
    at += line * (double)((tiles + columns - 1) / columns) + 3;
    at += draw_elsewhere(out, m, 0, m->layer_count, x, at, width);
    at += draw_bar(out, m, x, at, fmin(width, 180));
    buffer_text(out, "</g>\n");
    return at - y;
}

void picture_map_svg(buffer *out, const picture_map *m, const char *caption)
{
    buffer body = {0};
    double y = FIGURE_MARGIN;
    picture_map_defs(&body, m->about);
    y += picture_maps_draw(&body, m, FIGURE_MARGIN, y, FIGURE_PAGE - 2 * FIGURE_MARGIN);
    y += figure_caption(&body, caption, y, FIGURE_PAGE);
    figure_open(out, FIGURE_PAGE, y);
    buffer_text(out, "<title>");
    markup(out, m->title);
    buffer_text(out, "</title>\n<desc>Heat maps over the picture, one per layer: colour is ");
    markup(out, m->scale.title);
    buffer_text(out, " of the rows that show those pixels.</desc>\n");
    figure_close(out, &body, FIGURE_PAGE, y);
    buffer_free(&body);
}
