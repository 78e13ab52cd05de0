/* grid_map.c: see grid_map.h. On paper cells of one colour are one path; in a page each has a tip with its value. */
#include "report/grid_map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/markup.h"
#include "report/picture_map_parts.h"

#define FACES PICTURE_MAP_FACES

double grid_map_left(const grid_map *m)
{
    double widest = 0;
    for (size_t r = 0; m->row_names && r < m->rows; r++)
        widest = fmax(widest, text_width(m->row_names[r], strlen(m->row_names[r])));
    return m->font * (m->row_names ? 0.8 + 1.1 * widest : 3.2);
}

double grid_map_above(const grid_map *m)
{
    return m->font * 3;
}

double grid_map_below(const grid_map *m)
{
    return m->font * 2.8;
}

double grid_map_right(const grid_map *m)
{
    return m->font * 5;
}

/* ---- cells ---- */

/* -1 without a value. */
static int level_of(const grid_map *m, size_t column, size_t row)
{
    double value = m->values[column * m->rows + row], range = m->scale.to - m->scale.from;
    if (!isfinite(value))
        return -1;
    return palette_level(range != 0 ? (value - m->scale.from) / range : 0);
}

static void add_fill(buffer *out, const grid_map *m, int level)
{
    if (m->paint == HEAT_CLASSES && level < 0)
        buffer_text(out, "class=\"qn\"");
    else if (m->paint == HEAT_CLASSES)
        buffer_printf(out, "class=\"q%d\"", level);
    else
        buffer_printf(out, "fill=\"#%06x\"",
                      level < 0 ? 0xd5d5d5u : (unsigned)palette_level_colour(m->colours->light, level));
}

static void add_tip(buffer *out, const grid_map *m, size_t column, size_t row)
{
    buffer_text(out, "<title>");
    if (m->notes) {
        markup(out, m->notes[column * m->rows + row]);
    } else {
        buffer_printf(out, "%s %zu, %s %zu: ", m->column_axis, m->first_column + column, m->row_axis, row);
        picture_map_number(out, m->values[column * m->rows + row]);
    }
    buffer_text(out, "</title>");
}

/* Cells stand in columns and rows, the first row lowest; the group is scaled. */
static void draw_cells(buffer *out, const grid_map *m)
{
    buffer paths[PALETTE_LEVELS + 1] = {{0}};
    buffer_printf(out, "<g class=\"cells\" transform=\"translate(%.2f %.2f) scale(%.5f %.5f)\" "
                       "shape-rendering=\"crispEdges\">\n",
                  m->x, m->y, m->width / (double)m->columns, m->height / (double)m->rows);
    for (size_t c = 0; c < m->columns; c++)
        for (size_t r = 0; r < m->rows; r++) {
            int level = level_of(m, c, r);
            if (m->paint == HEAT_CLASSES) {
                buffer_printf(out, "<rect x=\"%zu\" y=\"%zu\" width=\"1\" height=\"1\" ", c, m->rows - 1 - r);
                add_fill(out, m, level);
                buffer_text(out, ">");
                add_tip(out, m, c, r);
                buffer_text(out, "</rect>\n");
            } else {
                buffer_printf(&paths[level + 1], "M%zu %zuh1v1h-1z", c, m->rows - 1 - r);
            }
        }
    for (int i = 0; i <= PALETTE_LEVELS; i++) {
        if (!paths[i].size)
            continue;
        buffer_text(out, "<path ");
        add_fill(out, m, i - 1);
        buffer_printf(out, " d=\"%s\"/>\n", paths[i].data);
        buffer_free(&paths[i]);
    }
    buffer_text(out, "</g>\n");
}

/* ---- frame, axes, bar ---- */

static void draw_box(buffer *out, const grid_map *m, double x, double y, double width, double height)
{
    buffer_printf(out, "<rect %s x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                  m->paint == HEAT_CLASSES ? "class=\"line\"" : "fill=\"none\" stroke=\"#000\" stroke-width=\"0.5\"", x,
                  y, width, height);
}

/* The smallest of 1, 2, 5, 10, 20, ... that is at least `least`. */
static size_t round_step(double least)
{
    for (size_t ten = 1;; ten *= 10)
        for (size_t i = 0; i < 3; i++)
            if ((double)((size_t[]){1, 2, 5}[i] * ten) >= least)
                return (size_t[]){1, 2, 5}[i] * ten;
}

static void draw_axes(buffer *out, const grid_map *m)
{
    double column = m->width / (double)m->columns, row = m->height / (double)m->rows, bottom = m->y + m->height;
    size_t step = round_step(m->font * 2.1 / column), row_step = round_step(m->font * 1.3 / row);
    char text[24];
    for (size_t c = (step - m->first_column % step) % step; c < m->columns; c += step) {
        snprintf(text, sizeof text, "%zu", m->first_column + c);
        heat_text(out, m->paint, m->x + ((double)c + 0.5) * column, bottom + m->font * 1.2, m->font, "middle", "soft",
                  text);
    }
    for (size_t r = 0; r < m->rows; r += m->row_names ? 1 : row_step) {
        snprintf(text, sizeof text, "%zu", r);
        heat_text(out, m->paint, m->x - m->font * 0.4, bottom - ((double)r + 0.5) * row + m->font * 0.35, m->font,
                  "end", m->row_names ? "normal" : "soft", m->row_names ? m->row_names[r] : text);
    }
    heat_text(out, m->paint, m->x + m->width / 2, bottom + m->font * 2.4, m->font, "middle", "soft", m->column_axis);
    if (m->row_names)
        return;
    buffer_printf(out, "<g transform=\"translate(%.2f %.2f) rotate(-90)\">\n", m->x - m->font * 2.3,
                  m->y + m->height / 2);
    heat_text(out, m->paint, 0, 0, m->font, "middle", "soft", m->row_axis);
    buffer_text(out, "</g>\n");
}

static void draw_bar(buffer *out, const grid_map *m)
{
    enum { SLICES = 32 };
    double x = m->x + m->width + m->font * 0.8, width = m->font * 0.9, slice = m->height / SLICES;
    const double ends[] = {m->scale.to, m->scale.from};
    buffer_text(out, "<g class=\"bar\" shape-rendering=\"crispEdges\">\n");
    for (size_t i = 0; i < SLICES; i++) {
        buffer_text(out, "<rect ");
        add_fill(out, m, palette_level(1 - (double)i / (SLICES - 1)));
        buffer_printf(out, " x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.3f\"/>\n", x, m->y + slice * (double)i,
                      width, i + 1 < SLICES ? 2 * slice : slice);
    }
    buffer_text(out, "</g>\n");
    draw_box(out, m, x, m->y, width, m->height);
    for (size_t i = 0; i < 2; i++) {
        buffer text = {0};
        picture_map_number(&text, ends[i]);
        heat_text(out, m->paint, x + width + m->font * 0.3, i ? m->y + m->height : m->y + m->font * 0.7, m->font,
                  "start", "soft", text.data);
        buffer_free(&text);
    }
    heat_text(out, m->paint, m->x + m->width + grid_map_right(m), m->y - m->font * 0.6, m->font, "end", "soft",
              m->scale.title);
}

void grid_map_draw(buffer *out, const grid_map *m)
{
    buffer_printf(out, "<g class=\"heat %s\" font-family=\"" FACES "\">\n", m->colours->name);
    heat_text(out, m->paint, m->x, m->y - m->font * 1.8, m->font * 1.1, "start", "bold", m->title);
    draw_cells(out, m);
    draw_box(out, m, m->x, m->y, m->width, m->height);
    if (m->ruled && m->ruled < m->columns)
        buffer_printf(out, "<path %s stroke-dasharray=\"1.5 1.5\" d=\"M%.2f %.2fv%.2f\"/>\n",
                      m->paint == HEAT_CLASSES ? "class=\"line\""
                                               : "fill=\"none\" stroke=\"#000\" stroke-width=\"0.7\"",
                      m->x + m->width * (double)m->ruled / (double)m->columns, m->y, m->height);
    draw_axes(out, m);
    draw_bar(out, m);
    buffer_text(out, "</g>\n");
}
