/* head_maps.c: see head_maps.h. */
#include "report/head_maps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method/trace_heads.h"
#include "report/figure.h"
#include "report/grid_map.h"
#include "report/html.h"
#include "report/markup.h"
#include "report/trace_page.h"
#include "report/trace_words.h"

/* ---- what they show ---- */

/* One of a grid's arrays, and its ends in the two runs. */
typedef struct head_measure {
    const double *values;
    double clean, corrupted;
    const char *what; /* "log p" */
} head_measure;

static head_measure measure_of(const trace *t, const trace_grid *g)
{
    if (t->estimates.made)
        return (head_measure){trace_shown(g), trace_shown_clean(t), trace_shown_corrupted(t), "log p"};
    if (t->direction == TRACE_DENOISE)
        return (head_measure){g->logprob, t->clean.logprob, t->corrupted.logprob, "log p"};
    return (head_measure){g->prob, t->clean.prob, t->corrupted.prob, "p"};
}

/* How far a value is on the way from the unpatched run to the other one. */
static double share_of(const trace *t, const head_measure *s, double value)
{
    double from = t->direction == TRACE_DENOISE ? s->corrupted : s->clean;
    double to = t->direction == TRACE_DENOISE ? s->clean : s->corrupted;
    return to != from ? (value - from) / (to - from) : 0;
}

/* From the unpatched run to the largest share, as heat.h has it. */
static picture_scale scale_of(const trace *t, const trace_grid *g, const char *title)
{
    head_measure s = measure_of(t, g);
    double largest = HEAT_LEAST, from = t->direction == TRACE_DENOISE ? s.corrupted : s.clean;
    double to = t->direction == TRACE_DENOISE ? s.clean : s.corrupted;
    for (size_t i = 0; i < trace_grid_size(t, g); i++)
        if (isfinite(s.values[i]))
            largest = fmax(largest, share_of(t, &s, s.values[i]));
    return (picture_scale){from, from + fmin(1, largest) * (to - from), title};
}

/* ---- which maps ---- */

/* values[L][H]: each head at that of the columns where it does most. */
static double *strongest(const trace *t, const trace_grid *g, const size_t *columns, size_t count)
{
    double *values = mem_new(t->layer_count * g->heads, sizeof *values);
    head_measure s = measure_of(t, g);
    for (size_t i = 0; i < t->layer_count * g->heads; i++) {
        size_t layer = i / g->heads, head = i % g->heads;
        values[i] = NAN;
        for (size_t c = 0; c < count; c++) {
            double value = s.values[(layer * t->cell_count + columns[c]) * g->heads + head];
            if (isfinite(value) && !(share_of(t, &s, value) <= share_of(t, &s, values[i])))
                values[i] = value;
        }
    }
    return values;
}

static void add_panel(head_panels *p, const char *name, const size_t *columns, size_t count)
{
    buffer title = {0};
    if (count == 0)
        return;
    text_visible(&title, name, strlen(name));
    if (count > 1)
        buffer_printf(&title, ", strongest of %zu %s", count, p->report->trace->groups ? "groups" : "rows");
    p->panel = mem_resize(p->panel, p->count + 1, sizeof *p->panel);
    p->panel[p->count++] = (head_panel){title.data, count, strongest(p->report->trace, p->grid, columns, count)};
}

/* One map a group; of more than MOST_GROUPS (blocks of a picture) one for all of them. */
static void add_groups(head_panels *p)
{
    enum { MOST_GROUPS = 12 };
    const trace *t = p->report->trace;
    size_t *columns = mem_new(t->cell_count, sizeof *columns);
    for (size_t c = 0; c < t->cell_count; c++) {
        columns[c] = c;
        if (t->cell_count <= MOST_GROUPS)
            add_panel(p, t->groups[c], &c, 1);
    }
    if (t->cell_count > MOST_GROUPS)
        add_panel(p, "any group", columns, t->cell_count);
    free(columns);
}

/* The columns whose position is the picture's, the last, in constraint `index`: one of these three. */
typedef bool belongs(const prompt *p, size_t position, size_t index);

static bool in_picture(const prompt *p, size_t position, size_t index)
{
    (void)index;
    return prompt_is_image(p, position);
}

static bool is_last(const prompt *p, size_t position, size_t index)
{
    (void)index;
    return position + 1 == p->length;
}

static bool in_constraint(const prompt *p, size_t position, size_t index)
{
    return span_has(&p->constraints[index], position);
}

static bool anywhere(const prompt *p, size_t position, size_t index)
{
    (void)p, (void)position, (void)index;
    return true;
}

static void add_span(head_panels *p, const char *name, belongs *is, size_t index)
{
    const trace *t = p->report->trace;
    size_t *columns = mem_new(t->cell_count, sizeof *columns), count = 0;
    for (size_t c = 0; c < t->cell_count; c++)
        if (is(p->report->about.prompt, t->cells[c].positions[0], index))
            columns[count++] = c;
    add_panel(p, name, columns, count);
    free(columns);
}

static void add_spans(head_panels *p)
{
    const prompt *asked = p->report->about.prompt;
    for (size_t i = 0; i < asked->constraint_count; i++) {
        char name[40];
        snprintf(name, sizeof name, asked->constraint_count > 1 ? "constraint:%zu" : "constraint", i);
        add_span(p, name, in_constraint, i);
    }
    add_span(p, "image", in_picture, 0);
    add_span(p, "last", is_last, 0);
    bool all_shown = false;
    for (size_t i = 0; i < p->count; i++)
        all_shown |= p->panel[i].rows == p->report->trace->cell_count;
    if (!all_shown)
        add_span(p, "any row", anywhere, 0);
}

void head_panels_make(head_panels *p, const trace_report *r)
{
    *p = (head_panels){.report = r, .grid = trace_heads_grid(r->trace)};
    if (!p->grid)
        return;
    (r->trace->groups ? add_groups : add_spans)(p);
}

void head_panels_free(head_panels *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->panel[i].title);
        free(p->panel[i].values);
    }
    free(p->panel);
    *p = (head_panels){0};
}

/* ---- maps ---- */

/* What all maps of a trace share: one scale, so that they can be compared. */
typedef struct head_words {
    buffer axis, bar;
    picture_scale scale;
} head_words;

static head_words words_of(const head_panels *p)
{
    const trace *t = p->report->trace;
    head_words w = {0};
    buffer answer = {0}, label = {0};
    trace_answer_label(p->report, &label);
    text_shorten(&answer, label.data, 4.8);
    trace_layer_axis(t, &w.axis);
    buffer_printf(&w.bar, "%s(%s)", measure_of(t, p->grid).what, answer.data);
    w.scale = scale_of(t, p->grid, w.bar.data);
    buffer_free(&answer);
    buffer_free(&label);
    return w;
}

static void words_free(head_words *w)
{
    buffer_free(&w->axis);
    buffer_free(&w->bar);
}

static grid_map map_of(const head_panels *p, size_t i, const head_words *w, heat_paint paint, double font)
{
    const trace *t = p->report->trace;
    return (grid_map){.title = p->panel[i].title, .values = p->panel[i].values, .columns = t->layer_count,
                      .rows = p->grid->heads, .first_column = t->layers[0], .column_axis = w->axis.data,
                      .row_axis = "head", .scale = w->scale, .colours = palette_of(SITE_HEAD_OUT), .font = font,
                      .paint = paint};
}

double head_panels_draw(buffer *out, const head_panels *p, double y, double width)
{
    if (p->count == 0)
        return 0;
    head_words w = words_of(p);
    size_t columns = width < FIGURE_PAGE ? 1 : p->count == 4 ? 2 : p->count < 3 ? p->count : 3;
    double pitch = (width - 2 * FIGURE_MARGIN) / (double)columns, gap = 8, line = 0;
    for (size_t i = 0; i < p->count; i++) {
        grid_map m = map_of(p, i, &w, HEAT_ATTRIBUTES, 6.5);
        m.height = fmin(160, fmax(48, 6.5 * (double)m.rows));
        line = grid_map_above(&m) + m.height + grid_map_below(&m) + gap;
        m.x = FIGURE_MARGIN + pitch * (double)(i % columns) + grid_map_left(&m);
        m.y = y + line * (double)(i / columns) + grid_map_above(&m);
        m.width = pitch - grid_map_left(&m) - grid_map_right(&m) - m.font - gap;
        grid_map_draw(out, &m);
    }
    words_free(&w);
    return line * (double)((p->count + columns - 1) / columns);
}

void head_panels_caption(buffer *out, const head_panels *p)
{
    const trace *t = p->report->trace;
    trace_head top[3];
    size_t count = t->estimates.made ? 0 : trace_top_heads(t, top, 3);
    if (p->count == 0)
        return;
    buffer_printf(out, " Heads: a cell is one head's values %s, before the output projection",
                  t->direction == TRACE_DENOISE ? "restored" : "corrupted");
    buffer_printf(out, ", in %s of the answer", measure_of(t, p->grid).what);
    buffer_text(out, t->groups ? "." : "; of several rows the one counts at which it does most.");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s%zu.%zu", i ? ", " : " Those that do most (layer.head): ", t->layers[top[i].layer],
                      top[i].head);
    buffer_text(out, count ? "." : "");
}

/* ---- in a page ---- */

static void add_maps(buffer *out, const head_panels *p)
{
    head_words w = words_of(p);
    buffer_text(out, "<div class=\"maps\">\n");
    for (size_t i = 0; i < p->count; i++) {
        grid_map m = map_of(p, i, &w, HEAT_CLASSES, 11);
        m.width = fmin(420, fmax(150, 11 * (double)m.columns));
        m.height = fmin(360, fmax(90, 11 * (double)m.rows));
        m.x = grid_map_left(&m);
        m.y = grid_map_above(&m);
        double across = fmax(m.x + m.width + grid_map_right(&m) + 1.5 * m.font,
                             text_width(m.title, strlen(m.title)) * m.font * 1.2 + m.x);
        double down = m.y + m.height + grid_map_below(&m);
        buffer_printf(out, "<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                           "aria-label=\"heads by layers: ", across, down, across, down);
        markup(out, m.title);
        buffer_text(out, "\">\n");
        grid_map_draw(out, &m);
        buffer_text(out, "</svg>\n");
    }
    buffer_text(out, "</div>\n");
    words_free(&w);
}

static void add_top_row(buffer *out, const trace_report *r, const trace_head *h)
{
    const trace *t = r->trace;
    const trace_grid *g = trace_heads_grid(t);
    buffer_printf(out, "<tr><td class=\"r\">%zu</td><td class=\"r\">%zu</td><td>", t->layers[h->layer], h->head);
    page_row_name(out, r, h->column);
    buffer_text(out, "</td><td class=\"r\">");
    html_prob(out, h->prob);
    buffer_printf(out, "</td><td class=\"r\">%.2f</td><td class=\"r\">",
                  g->logprob[(h->layer * t->cell_count + h->column) * g->heads + h->head]);
    text_prob(out, h->effect);
    buffer_text(out, "</td><td class=\"r\">");
    page_percent(out, trace_recovered(t, h->prob));
    buffer_text(out, "</td></tr>\n");
}

static void add_top(buffer *out, const trace_report *r)
{
    bool denoise = r->trace->direction == TRACE_DENOISE;
    trace_head top[TRACE_TOP_HEADS];
    size_t count = trace_top_heads(r->trace, top, TRACE_TOP_HEADS);
    if (count == 0 || r->trace->estimates.made)
        return;
    buffer_text(out, "<h3>The heads that do most</h3>\n<div class=\"scroll\"><table>\n<tr><th class=\"r\">Layer</th>"
                     "<th class=\"r\">head</th><th>row</th><th class=\"r\">p(");
    html_answer(out, r);
    buffer_printf(out, ")</th><th class=\"r\">log p</th><th class=\"r\"><abbr title=\"indirect effect: "
                       "%s\">IE</abbr></th><th class=\"r\">%s</th></tr>\n",
                  denoise ? "patched - corrupted" : "clean - patched", denoise ? "recovered" : "lost");
    for (size_t i = 0; i < count; i++)
        add_top_row(out, r, &top[i]);
    buffer_text(out, "</table></div>\n");
}

void page_heads(buffer *out, const trace_report *r)
{
    head_panels p;
    head_panels_make(&p, r);
    if (p.count) {
        buffer_printf(out,
                      "<section>\n<h2>Single heads</h2>\n<p class=\"hint\">Each cell %s one head&rsquo;s mixed "
                      "values, before the output projection. %s%sAll maps have one colour scale, "
                      "of %s.</p>\n",
                      r->trace->direction == TRACE_DENOISE ? "restores" : "corrupts",
                      r->trace->groups
                          ? ""
                          : "Where a map stands for several rows, a head shows what it does at the one where "
                            "it does most. ",
                      r->trace->window > 1 || r->trace->window_kind == WINDOW_RADIUS
                          ? "In a window it is the head of that number in each of its layers. "
                          : "",
                      strcmp(measure_of(r->trace, p.grid).what, "p") == 0
                          ? "p(answer)"
                          : "log p, which shows what a head does where it does not bring the answer back alone");
        add_maps(out, &p);
        add_top(out, r);
        buffer_text(out, "</section>\n");
    }
    head_panels_free(&p);
}
