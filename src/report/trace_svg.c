/* trace_svg.c: a trace as a figure for a paper: one heat map per site, side by side (four: two by two), maps of layers
 * and heads, and a caption.
 *
 * 504 pt wide (both columns of a two-column page; 252 pt, one column, for a single site), text of 6.5 to 8 pt. Up to
 * some forty rows keep their height; more are set closer, down to 6.5 pt, after which the figure grows. */
#include <math.h>
#include <string.h>

#include "method/trace_heads.h"
#include "report/figure.h"
#include "report/head_maps.h"
#include "report/heat.h"
#include "report/markup.h"
#include "report/scatter.h"
#include "report/trace_pictures.h"
#include "report/trace_words.h"

/* ---- the caption ---- */

static void caption_question(const trace_report *r, buffer *out)
{
    buffer asked = {0};
    about_question(r->about.prompt, &asked);
    buffer_text(out, "Question: \u201c");
    text_shorten(out, asked.data, 150);
    buffer_text(out, "\u201d");
    buffer_free(&asked);
}

/* What estimates are, and how many cells were run. */
static void caption_estimates(const trace *t, buffer *out)
{
    buffer_printf(out, " First-order estimates of log p, by the gradient of the %s run",
                  t->direction == TRACE_DENOISE ? "corrupted" : "clean");
    if (t->estimates.steps)
        buffer_printf(out, " averaged over %zu steps on the way to the other", t->estimates.steps);
    if (t->estimates.exact == trace_cell_total(t) && isfinite(t->estimates.spearman))
        buffer_printf(out, "; Spearman's correlation with the exact values %.2f.", t->estimates.spearman);
    else
        buffer_printf(out, "; %zu of %zu cells, ringed, were run as well.", t->estimates.exact, trace_cell_total(t));
}

static void caption_answer(const trace_report *r, buffer *out)
{
    const trace *t = r->trace;
    buffer answer = {0};
    trace_answer_label(r, &answer);
    if (t->estimates.made)
        caption_estimates(t, out);
    buffer_text(out, " Answer: ");
    text_shorten(out, answer.data, 30);
    buffer_text(out, ", p = ");
    text_prob(out, t->clean.prob);
    buffer_text(out, " clean, ");
    text_prob(out, t->corrupted.prob);
    buffer_text(out, " corrupted (");
    trace_corruption(r, out);
    if (t->samples > 1)
        buffer_printf(out, ", mean of %zu samples", t->samples);
    buffer_text(out, ").");
    if (t->direction == TRACE_NOISE)
        buffer_text(out, " Stronger colour is a lower probability, when the corrupted run's activations are put into "
                    "the clean run.");
    if (t->primed)
        buffer_text(out, " Primed: the corrupted run answers with the token swapped in.");
    if (t->weak)
        buffer_text(out, " Weak: the corruption costs the answer less than 0.1.");
    buffer_free(&answer);
}

static void caption_severed(const trace *t, buffer *out)
{
    if (!t->severed)
        return;
    buffer_text(out, " Severed: ");
    trace_severed(t, out);
    buffer_text(out, ".");
}

static void caption_rows(const trace_report *r, buffer *out)
{
    const prompt *p = r->about.prompt;
    buffer name = {0};
    if (p->constraint_count) {
        buffer_text(out, " ");
        about_constraint_key(p, out);
        buffer_text(out, ".");
    }
    about_model_name(&r->about, &name);
    buffer_text(out, " Model: ");
    text_shorten(out, name.data, 30);
    buffer_printf(out, ", %s.", r->about.dtype);
    buffer_free(&name);
}

static double draw_caption(buffer *out, const trace_report *r, const head_panels *heads, double y, double width)
{
    buffer text = {0};
    caption_question(r, &text);
    caption_answer(r, &text);
    caption_severed(r->trace, &text);
    head_panels_caption(&text, heads);
    caption_rows(r, &text);
    double height = figure_caption(out, text.data, y, width);
    buffer_free(&text);
    return height;
}

/* ---- the figure ---- */

static size_t labelled_rows(const trace_report *r)
{
    size_t labelled = r->trace->cell_count;
    for (size_t i = 0; i < r->trace->cell_count && !r->trace->groups; i++)
        labelled -= prompt_is_image(r->about.prompt, r->trace->cells[i].positions[0]);
    return labelled;
}

static heat_sizes paper_sizes(const trace_report *r)
{
    double row = fmin(9.2, fmax(6.5, 380 / fmax(1, (double)labelled_rows(r))));
    return (heat_sizes){.font = fmin(7, row * 0.84), .small = 6.5, .title = 8, .row = row, .image = 130, .label = 11};
}

typedef struct grid_layout {
    size_t columns, lines;
    double width, cells, pitch_x, pitch_y; /* of the figure; of one map's cells; from map to map */
    double title_gap;
} grid_layout;

static grid_layout lay_out(const trace *t, const heat_rows *rows)
{
    size_t sites = t->site_count - (trace_heads_grid(t) != NULL); /* heads have maps of their own */
    grid_layout g = {.columns = sites == 4 ? 2 : sites < 3 ? sites : 3};
    double gap = 8;
    g.columns = g.columns ? g.columns : 1;
    g.lines = (sites + g.columns - 1) / g.columns;
    g.width = t->site_count == 1 && sites ? FIGURE_COLUMN : FIGURE_PAGE;
    double room = g.width - 2 * FIGURE_MARGIN - rows->label_width;
    g.pitch_x = (room + gap) / (double)g.columns;
    g.cells = g.pitch_x - gap - heat_right(&rows->sizes);
    g.title_gap = heat_title_gap(t, &rows->sizes, g.cells);
    g.pitch_y = heat_above(&rows->sizes, g.title_gap) + rows->height + heat_below(&rows->sizes) + gap;
    return g;
}

static void draw_maps(buffer *out, const trace_report *r, const heat_rows *rows, const grid_layout *g)
{
    buffer answer = {0};
    trace_answer_label(r, &answer);
    for (size_t s = 0, at = 0; s < r->trace->site_count; s++) {
        if (r->trace->sites[s].site == SITE_HEAD_OUT)
            continue;
        size_t column = at % g->columns, line = at / g->columns;
        at++;
        heat_map map = {
            .report = r,
            .grid = &r->trace->sites[s],
            .rows = rows,
            .answer = answer.data,
            .x = FIGURE_MARGIN + rows->label_width + g->pitch_x * (double)column,
            .y = FIGURE_MARGIN + heat_above(&rows->sizes, g->title_gap) + g->pitch_y * (double)line,
            .width = g->cells,
            .title_gap = g->title_gap,
            .labels = column == 0 ? HEAT_LABELS : HEAT_NO_LABELS,
            .paint = HEAT_ATTRIBUTES,
        };
        heat_draw(out, &map);
    }
    buffer_free(&answer);
}

/* Estimates against exact values, under the maps. Returns the height it takes. */
static double draw_scatter(buffer *out, const trace *t, double y, double width)
{
    double font = 6.5, size = fmin(150, width - 2 * FIGURE_MARGIN - scatter_left(font) - scatter_right(font));
    scatter_box box = {.x = FIGURE_MARGIN + scatter_left(font), .y = y + scatter_above(font) + 4, .size = size,
                       .font = font, .paint = HEAT_ATTRIBUTES};
    scatter_draw(out, t, &box);
    return box.y + size + scatter_below(font) + 6 - y;
}

/* For those who hear the figure instead of seeing it. */
static void add_description(buffer *out, const trace_report *r)
{
    buffer asked = {0}, answer = {0};
    about_question(r->about.prompt, &asked);
    trace_answer_label(r, &answer);
    buffer_printf(out, "<title>%s: ", trace_method_name(r->trace));
    text_markup(out, asked.data, asked.size);
    buffer_printf(out, "</title>\n<desc>Heat maps, one per site: rows are tokens, columns are layers, colour is the "
                "%s of the answer ", r->trace->estimates.made ? "estimated log-probability" : "probability");
    text_markup(out, answer.data, answer.size);
    buffer_text(out, ".</desc>\n");
    buffer_free(&asked);
    buffer_free(&answer);
}

/* The cells over the picture, under the maps of tokens. Returns the height they take. */
static double draw_pictures(buffer *out, const trace_report *r, const trace_pictures *p, double y, double width)
{
    double at = y;
    if (p->count)
        picture_map_defs(out, &r->about);
    for (size_t i = 0; i < p->count; i++)
        at += 4 + picture_maps_draw(out, &p->maps[i], FIGURE_MARGIN, at + 4, width - 2 * FIGURE_MARGIN);
    return at - y;
}

void report_trace_svg(const trace_report *r, buffer *out)
{
    heat_sizes sizes = paper_sizes(r);
    heat_rows rows;
    trace_pictures pictures;
    buffer body = {0};
    head_panels heads;
    heat_rows_make(&rows, r, &sizes);
    head_panels_make(&heads, r);
    trace_pictures_make(&pictures, r);
    grid_layout g = lay_out(r->trace, &rows);
    double caption = FIGURE_MARGIN;
    if (pictures.count)
        g.width = FIGURE_PAGE;
    if (trace_shows_tokens(r->trace)) {
        draw_maps(&body, r, &rows, &g);
        caption += g.pitch_y * (double)g.lines;
    }
    caption += draw_pictures(&body, r, &pictures, caption, g.width);
    if (r->trace->estimates.made)
        caption += draw_scatter(&body, r->trace, caption, g.width);
    caption += head_panels_draw(&body, &heads, caption, g.width);
    double height = caption + draw_caption(&body, r, &heads, caption, g.width);
    figure_open(out, g.width, height);
    add_description(out, r);
    figure_close(out, &body, g.width, height);
    buffer_free(&body);
    head_panels_free(&heads);
    trace_pictures_free(&pictures);
    heat_rows_free(&rows);
}
