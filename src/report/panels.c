/* panels.c: see panels.h. */
#include "report/panels.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/figure.h"
#include "report/html.h"
#include "report/markup.h"

#define PAPER_FONT 6.5
#define PAPER_HEIGHT 82.0 /* of a chart's box */
#define PAPER_GAP 10.0    /* between charts in a line */
#define SCREEN_FONT 12.0

/* ---- what a figure keeps ---- */

panel *panel_add(panel_figure *f, panel_kind kind)
{
    f->panels = mem_resize(f->panels, f->count + 1, sizeof *f->panels);
    f->panels[f->count] = (panel){.kind = kind};
    return &f->panels[f->count++];
}

static void *keep(panel_figure *f, void *memory)
{
    f->kept = mem_resize(f->kept, f->kept_count + 1, sizeof *f->kept);
    return f->kept[f->kept_count++] = memory;
}

void *panel_new(panel_figure *f, size_t count, size_t size)
{
    return keep(f, mem_new(count, size));
}

char *panel_take(panel_figure *f, buffer *text)
{
    buffer_text(text, "");
    char *taken = keep(f, text->data);
    *text = (buffer){0};
    return taken;
}

char *panel_text(panel_figure *f, const char *format, ...)
{
    buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    return panel_take(f, &text);
}

void panel_figure_free(panel_figure *f)
{
    for (size_t i = 0; i < f->kept_count; i++)
        free(f->kept[i]);
    free(f->kept);
    free(f->panels);
    *f = (panel_figure){0};
}

/* ---- the space that a chart takes ---- */

typedef struct space {
    double left, above, below, right;
} space;

static curve_box box_of(double width, double height, double font, heat_paint paint)
{
    return (curve_box){.width = width, .height = height, .font = font, .paint = paint};
}

static space space_of(const panel *p, double width, double font)
{
    curve_box b = box_of(width, 1, font, HEAT_ATTRIBUTES);
    grid_map m = p->kind == PANEL_MAP ? p->as.map : (grid_map){0};
    m.font = font;
    switch (p->kind) {
    case PANEL_CURVES: return (space){curve_left(&b), curve_above(&p->as.curves, &b), curve_below(&b), 2.5 * font};
    case PANEL_BARS: return (space){curve_left(&b), bar_above(&p->as.bars, &b), curve_below(&b), font};
    case PANEL_DOTS: return (space){dot_left(&p->as.dots, &b), dot_above(&b), curve_below(&b), font};
    case PANEL_MAP: break;
    }
    return (space){grid_map_left(&m), grid_map_above(&m), grid_map_below(&m), grid_map_right(&m)};
}

/* Of its box; `usual` where nothing else decides. */
static double height_of(const panel *p, double font, double usual)
{
    curve_box b = box_of(1, 1, font, HEAT_ATTRIBUTES);
    if (p->kind == PANEL_DOTS)
        return dot_height(&p->as.dots, &b);
    return p->kind == PANEL_MAP && p->as.map.row_names ? 1.55 * font * (double)p->as.map.rows : usual;
}

static void draw(buffer *out, const panel *p, const curve_box *b)
{
    switch (p->kind) {
    case PANEL_CURVES: curve_draw(out, &p->as.curves, b); return;
    case PANEL_BARS: bar_draw(out, &p->as.bars, b); return;
    case PANEL_DOTS: dot_draw(out, &p->as.dots, b); return;
    case PANEL_MAP: break;
    }
    grid_map m = p->as.map;
    m.x = b->x;
    m.y = b->y;
    m.width = b->width;
    m.height = b->height;
    m.font = b->font;
    m.paint = b->paint;
    grid_map_draw(out, &m);
}

static const char *title_of(const panel *p)
{
    switch (p->kind) {
    case PANEL_CURVES: return p->as.curves.title;
    case PANEL_BARS: return p->as.bars.title;
    case PANEL_DOTS: return p->as.dots.title;
    case PANEL_MAP: break;
    }
    return p->as.map.title;
}

/* ---- in a page ---- */

static double screen_width(const panel *p, const panel_figure *f)
{
    if (f->width > 0)
        return f->width;
    switch (p->kind) {
    case PANEL_MAP: return fmin(400, fmax(180, 10.5 * (double)p->as.map.columns));
    case PANEL_DOTS: return 260;
    default: return 370;
    }
}

static void add_chart(const panel_figure *f, const panel *p, buffer *out)
{
    double w = screen_width(p, f), h = height_of(p, SCREEN_FONT, f->height > 0 ? f->height : 180);
    space s = space_of(p, w, SCREEN_FONT);
    curve_box b = box_of(w, h, SCREEN_FONT, HEAT_CLASSES);
    b.x = s.left;
    b.y = s.above;
    buffer_printf(out, "<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" tabindex=\"0\" role=\"img\" "
                       "aria-label=\"",
                  ceil(s.left + w + s.right), ceil(s.above + h + s.below), ceil(s.left + w + s.right),
                  ceil(s.above + h + s.below));
    html_safe(out, title_of(p));
    buffer_text(out, ": arrow keys read its values\">\n");
    draw(out, p, &b);
    buffer_text(out, "</svg>\n");
}

void panel_figure_html(const panel_figure *f, buffer *out)
{
    buffer_printf(out, "<figure class=\"charts\" id=\"%s\">\n<h2>", f->file);
    html_safe(out, f->title);
    buffer_text(out, "</h2>\n");
    if (f->hint) {
        buffer_text(out, "<p class=\"hint\">");
        html_safe(out, f->hint);
        buffer_text(out, "</p>\n");
    }
    buffer_text(out, "<div class=\"curves-beside\">\n");
    for (size_t i = 0; i < f->count; i++)
        add_chart(f, &f->panels[i], out);
    buffer_text(out, "</div>\n<figcaption>");
    html_safe(out, f->caption);
    buffer_text(out, "</figcaption>\n</figure>\n");
}

/* ---- on paper ---- */

static bool same_rows(const panel *a, const panel *b)
{
    bool same = a->kind == PANEL_MAP && b->kind == PANEL_MAP && a->as.map.row_names && b->as.map.row_names &&
                a->as.map.rows == b->as.map.rows;
    for (size_t r = 0; same && r < a->as.map.rows; r++)
        same = strcmp(a->as.map.row_names[r], b->as.map.row_names[r]) == 0;
    return same;
}

static bool same_names(const panel *a, const panel *b)
{
    bool same = a->kind == PANEL_DOTS && b->kind == PANEL_DOTS && a->as.dots.rows == b->as.dots.rows;
    for (size_t r = 0; same && r < a->as.dots.rows; r++)
        same = strcmp(a->as.dots.names[r], b->as.dots.names[r]) == 0;
    return same;
}

/* The chart as it stands in its line: rows that the first one names already have no names. */
static panel in_line(const panel_figure *f, size_t first, size_t at, const char *const *nothing)
{
    panel p = f->panels[at];
    if (at > first && same_rows(&f->panels[first], &p))
        p.as.map.row_names = nothing;
    if (at > first && same_names(&f->panels[first], &p))
        p.as.dots.names = nothing;
    return p;
}

static size_t most_rows(const panel_figure *f)
{
    size_t most = 1;
    for (size_t i = 0; i < f->count; i++) {
        const panel *p = &f->panels[i];
        size_t rows = p->kind == PANEL_MAP ? p->as.map.rows : p->kind == PANEL_DOTS ? p->as.dots.rows : 0;
        most = rows > most ? rows : most;
    }
    return most;
}

/* Draws charts first ... end - 1 in one line from y on, as wide as a line of f->columns of them; returns its height. */
static double draw_line(const panel_figure *f, size_t first, size_t end, double y, const char *const *nothing,
                        buffer *out)
{
    size_t columns = f->columns;
    double taken = 0, above = 0, below = 0, x = FIGURE_MARGIN;
    for (size_t i = first; i < end; i++) {
        panel p = in_line(f, first, i, nothing);
        space s = space_of(&p, FIGURE_PAGE / (double)columns, PAPER_FONT);
        taken += s.left + s.right;
        if (i == end - 1) /* charts that are not there to fill the line would be like the last one */
            taken += (s.left + s.right) * (double)(columns - (end - first));
    }
    double width = (FIGURE_PAGE - 2 * FIGURE_MARGIN - taken - PAPER_GAP * (double)(columns - 1)) / (double)columns;
    for (size_t i = first; i < end; i++)
        above = fmax(above, space_of(&f->panels[i], width, PAPER_FONT).above);
    for (size_t i = first; i < end; i++) {
        panel p = in_line(f, first, i, nothing);
        space s = space_of(&p, width, PAPER_FONT);
        curve_box b = box_of(width, height_of(&p, PAPER_FONT, PAPER_HEIGHT), PAPER_FONT, HEAT_ATTRIBUTES);
        b.x = x + s.left;
        b.y = y + above;
        draw(out, &p, &b);
        x += s.left + width + s.right + PAPER_GAP;
        below = fmax(below, b.height + s.below);
    }
    return above + below;
}

void panel_figure_svg(const panel_figure *f, buffer *out)
{
    buffer body = {0};
    size_t rows = most_rows(f);
    const char **nothing = mem_new(rows, sizeof *nothing);
    for (size_t r = 0; r < rows; r++)
        nothing[r] = "";
    double y = FIGURE_MARGIN;
    for (size_t first = 0; first < f->count; first += f->columns) {
        size_t end = first + f->columns < f->count ? first + f->columns : f->count;
        y += draw_line(f, first, end, y, nothing, &body) + PAPER_FONT;
    }
    y += figure_caption(&body, f->caption, y, FIGURE_PAGE);
    figure_open(out, FIGURE_PAGE, y);
    buffer_text(out, "<title>");
    html_safe(out, f->title);
    buffer_text(out, "</title>\n<desc>");
    html_safe(out, f->caption);
    buffer_text(out, "</desc>\n");
    figure_close(out, &body, FIGURE_PAGE, y);
    buffer_free(&body);
    free(nothing);
}
