/* lens_svg.c: a lens as a figure for a paper (lens_report.h): the table of tokens, rows top-down and layers from left
 * to right, coloured by the probability of what stands in a cell; below, the picture with the answer's probability,
 * layer by layer, where rows of it were read.
 *
 * A word that neighbouring layers share is written once, and a white line stands where it changes: cells are narrow
 * where there are many layers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figure.h"
#include "report/heat.h"
#include "report/lens_words.h"
#include "report/markup.h"
#include "report/picture_map.h"

enum { ROW = 10, GAP = 4, LABEL_EMS = 11, BAR = 34, DARK = PALETTE_LEVELS * 11 / 20 };
#define FONT 6.5

typedef struct table {
    const lens_report *r;
    const palette *colours;
    double x, y, column;   /* upper left corner of the cells; width of one */
} table;

/* ---- cells ---- */

static int level_of(const table *t, size_t layer, size_t k)
{
    const lens *n = t->r->lens;
    return palette_level(n->top_prob[lens_cell(n, layer, k) * n->top]);
}

/* Where the word of layers [l, end) stands: in one cell of them where it fits, else across their middle. Returns its
 * middle's x; *from, *to: the cells that it covers. */
static double place_word(const table *t, double length, size_t l, size_t end, size_t *from, size_t *to)
{
    size_t centre = l + (end - l - 1) / 2;
    double x = t->x + (double)(l + end) / 2 * t->column;
    *from = *to = centre;
    if (length <= t->column - 2)
        return t->x + ((double)centre + 0.5) * t->column;
    double first = (x - length / 2 - t->x) / t->column, last = (x + length / 2 - t->x) / t->column;
    *from = (size_t)fmax(first, (double)l);
    *to = (size_t)fmin(last, (double)end - 1);
    return x;
}

/* White where its cells are dark, with a pale seam where only some are. */
static void draw_word(buffer *out, const table *t, size_t k, size_t l, size_t end, double y)
{
    static const char *const inks[] = {"#000", "#fff"};
    const lens *n = t->r->lens;
    int32_t id = n->top_id[lens_cell(n, l, k) * n->top];
    double font = FONT - 0.5, width = (double)(end - l) * t->column;
    buffer word = {0}, cut = {0};
    size_t from, to, dark = 0;
    about_token_label(&t->r->about, id, &word);
    text_shorten(&cut, word.data, (width - 2) / font);
    double length = text_width(cut.data, cut.size) * font, x = place_word(t, length, l, end, &from, &to);
    for (size_t at = from; at <= to; at++)
        dark += level_of(t, at, k) > DARK;
    size_t cells = to - from + 1, white = 2 * dark > cells;
    if (width >= 1.8 * font || length <= width - 1) {
        buffer_printf(out, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%g\" text-anchor=\"middle\" fill=\"%s\"%s", x,
                      y + ROW * 0.5 + font * 0.35, font, inks[white],
                      id == n->answer[0] ? " font-weight=\"bold\"" : "");
        if (dark && dark < cells)
            buffer_printf(out, " stroke=\"%s\" stroke-width=\"1.2\" stroke-opacity=\"0.5\" paint-order=\"stroke\"",
                          inks[!white]);
        buffer_text(out, ">");
        markup(out, cut.data);
        buffer_text(out, "</text>\n");
    }
    buffer_free(&word);
    buffer_free(&cut);
}

/* One row: a rectangle a cell, and a word for each run of layers that have it, with a hairline before it. */
static void draw_row(buffer *out, const table *t, size_t k, double y)
{
    const lens *n = t->r->lens;
    for (size_t l = 0; l < n->layer_count; l++)
        buffer_printf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%g\" fill=\"#%06x\" "
                           "shape-rendering=\"crispEdges\"/>\n",
                      t->x + (double)l * t->column, y, t->column, ROW - 0.5,
                      (unsigned)palette_level_colour(t->colours->light, level_of(t, l, k)));
    for (size_t l = 0, end; l < n->layer_count; l = end) {
        int32_t id = n->top_id[lens_cell(n, l, k) * n->top];
        for (end = l + 1; end < n->layer_count && n->top_id[lens_cell(n, end, k) * n->top] == id; end++)
            ;
        if (l)
            buffer_printf(out, "<path d=\"M%.2f %.2fv%g\" stroke=\"#fff\" stroke-width=\"0.6\"/>\n",
                          t->x + (double)l * t->column, y, ROW - 0.5);
        draw_word(out, t, k, l, end, y);
    }
}

static void draw_label(buffer *out, const table *t, size_t k, double y)
{
    buffer name = {0}, label = {0};
    lens_row_label(t->r, k, &name);
    text_shorten(&label, name.data, LABEL_EMS);
    buffer_text(&label, lens_is_constraint(t->r, k) ? "*" : "");
    heat_text(out, HEAT_ATTRIBUTES, t->x - 3, y + ROW * 0.5 + FONT * 0.35, FONT, "end", "normal", label.data);
    buffer_free(&name);
    buffer_free(&label);
}

/* The text rows; a gap where rows were left out. Returns the height. */
static double draw_rows(buffer *out, const table *t)
{
    const lens *n = t->r->lens;
    double y = t->y;
    size_t before = SIZE_MAX;
    for (size_t k = 0; k < n->positions.count; k++) {
        size_t at = n->positions.positions[k];
        if (lens_is_image(t->r, k))
            continue;
        y += before != SIZE_MAX && at != before + 1 ? GAP : 0;
        draw_label(out, t, k, y);
        draw_row(out, t, k, y);
        y += ROW;
        before = at;
    }
    return y - t->y;
}

/* ---- axes ---- */

static void draw_layers(buffer *out, const table *t, double y)
{
    const lens *n = t->r->lens;
    size_t step = t->column >= 12 ? 1 : t->column >= 7 ? 2 : 5;
    for (size_t l = 0; l < n->layer_count; l++) {
        char text[24];
        if (n->layers[l] % step)
            continue;
        snprintf(text, sizeof text, "%zu", n->layers[l]);
        heat_text(out, HEAT_ATTRIBUTES, t->x + ((double)l + 0.5) * t->column, y + FONT + 1, FONT - 0.5, "middle",
                  "normal", text);
    }
    heat_text(out, HEAT_ATTRIBUTES, t->x + (double)n->layer_count * t->column / 2, y + 2.2 * FONT + 2, FONT, "middle",
              "normal", "layer");
}

/* 0 to 1, whatever the cells hold: the same in every figure. */
static void draw_bar(buffer *out, const table *t, double height)
{
    double x = t->x + (double)t->r->lens->layer_count * t->column + 8, tall = fmin(height, 110),
           slice = tall / PALETTE_LEVELS;
    for (int i = 0; i < PALETTE_LEVELS; i++)
        buffer_printf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"6\" height=\"%.2f\" fill=\"#%06x\" "
                           "shape-rendering=\"crispEdges\"/>\n", x,
                      t->y + tall - slice * (i + 1), slice + (i ? 0.3 : 0),
                      (unsigned)palette_level_colour(t->colours->light, i));
    heat_text(out, HEAT_ATTRIBUTES, x + 8, t->y + FONT * 0.7, FONT - 0.5, "start", "normal", "1");
    heat_text(out, HEAT_ATTRIBUTES, x + 8, t->y + tall, FONT - 0.5, "start", "normal", "0");
    heat_text(out, HEAT_ATTRIBUTES, x - 2, t->y - 3, FONT - 0.5, "start", "normal", "p(word)");
}

/* ---- the figure ---- */

static double draw_table(buffer *out, const lens_report *r, double y)
{
    const lens *n = r->lens;
    if (lens_image_count(r) == n->positions.count)
        return 0;
    double left = FIGURE_MARGIN + LABEL_EMS * FONT * 0.8, room = FIGURE_PAGE - FIGURE_MARGIN - left - BAR;
    table t = {r, palette_of(n->site), left, y + 14, fmin(60, room / (double)n->layer_count)};
    buffer title = {0};
    buffer_printf(&title, "Most likely next token by %s", lens_site_words(n->site));
    heat_text(out, HEAT_ATTRIBUTES, left, y + 8, 8, "start", "bold", title.data);
    buffer_free(&title);
    double height = draw_rows(out, &t);
    draw_layers(out, &t, t.y + height);
    draw_bar(out, &t, height);
    return 14 + height + 3 * FONT;
}

static double draw_pictures(buffer *out, const lens_report *r, double y)
{
    const lens *n = r->lens;
    buffer title = {0};
    size_t rows = r->about.prompt->image_count;
    if (lens_image_count(r) == 0)
        return 0;
    double *values = lens_image_values(r);
    buffer_text(&title, "p(");
    lens_answer_label(r, &title);
    buffer_text(&title, ")");
    picture_map m = {.about = &r->about, .title = "At the image rows", .layers = n->layers,
                     .layer_count = n->layer_count, .values = values,
                     .scale = picture_scale_of(values, n->layer_count * rows, title.data),
                     .colours = palette_of(n->site)};
    picture_map_defs(out, &r->about);
    double height = picture_maps_draw(out, &m, FIGURE_MARGIN, y + 6, FIGURE_PAGE - 2 * FIGURE_MARGIN);
    free(values);
    buffer_free(&title);
    return height + 10;
}

static double draw_caption(buffer *out, const lens_report *r, double y)
{
    buffer text = {0}, asked = {0}, answer = {0};
    about_question(r->about.prompt, &asked);
    lens_answer_label(r, &answer);
    buffer_printf(&text, "Logit lens: the final norm and the unembedding applied to %s (%s). Question: ",
                  lens_site_words(r->lens->site), site_name(r->lens->site));
    text_shorten(&text, asked.data, 60);
    buffer_text(&text, " Answer: \u201c");
    text_shorten(&text, answer.data, 20);
    buffer_text(&text, "\u201d (bold), ");
    text_prob(&text, r->lens->clean.prob);
    buffer_text(&text, r->lens->answer_count > 1 ? " as a whole; cells are of its first token." : ".");
    if (r->about.prompt->constraint_count)
        buffer_text(&text, " * marks the constraint.");
    buffer_text(&text, " A word that neighbouring layers share stands once, between white lines.");
    about_caption_close(&r->about, &text);
    double height = figure_caption(out, text.data, y, FIGURE_PAGE);
    buffer_free(&text);
    buffer_free(&asked);
    buffer_free(&answer);
    return height;
}

void report_lens_svg(const lens_report *r, buffer *out)
{
    buffer body = {0};
    double y = FIGURE_MARGIN;
    buffer_text(&body, "<g font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n");
    y += draw_table(&body, r, y);
    y += draw_pictures(&body, r, y);
    buffer_text(&body, "</g>\n");
    double height = y + draw_caption(&body, r, y);
    figure_about(out, &r->about, "Logit lens",
                 "A table: rows are tokens of the prompt, columns are layers; each cell holds the most likely "
                 "next token by that row, coloured by its probability.",
                 &body, height);
}
