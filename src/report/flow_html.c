/* flow_html.c: flows as a page that stands alone (flow_report.h): curves, heads,
 * the picture with a slider over layers. */
#include <math.h>
#include <stdlib.h>

#include "report/about_page.h"
#include "report/facts.h"
#include "report/flow_figure.h"
#include "report/html.h"
#include "report/markup.h"
#include "report/page.h"
#include "report/picture_map_parts.h"

/* ---- the top ---- */

static void add_head(buffer *out, const flow_report *r)
{
    about_page_open(out, &r->about, "Flow");
    buffer_text(out, "<style>\n");
    buffer_text(out, page_css);
    if (r->about.image_path)
        picture_map_style(out, &palette_reds);
    else
        html_palette(out, &palette_reds);
    buffer_text(out, "</style>\n</head>\n<body>\n");
}

static void add_pair(buffer *out, const flow_report *r, size_t pair)
{
    buffer name = {0};
    flow_pair_name(r->flow, pair, &name);
    html_safe(out, name.data);
    buffer_free(&name);
}

static void add_lead(buffer *out, const flow_report *r)
{
    const flow *f = r->flow;
    about_page_lead(out, &r->about, f->answer, f->answer_count, &f->clean, "looked at");
    buffer_text(out, ". How much do rows give each other through attention on the way there?</p>\n");
}

static void add_header(buffer *out, const flow_report *r)
{
    about_page_header(out, &r->about, "Flow");
    add_lead(out, r);
    buffer_text(out, "</header>\n");
}

/* ---- curves ---- */

static void add_curves(buffer *out, const flow_report *r)
{
    flow_panels p;
    flow_panels_make(&p, r);
    buffer_text(out, "<section>\n<h2>Layer by layer</h2>\n<div class=\"curves-beside\">\n");
    for (size_t m = 0; m < FLOW_MEASURES; m++) {
        curve_box b = {.width = 400, .height = 170, .font = 12, .paint = HEAT_CLASSES};
        b.x = curve_left(&b);
        b.y = curve_above(&p.panel[m], &b);
        double width = b.x + b.width + 12, height = b.y + b.height + curve_below(&b);
        buffer label = {0};
        buffer_printf(&label, "%s, layer by layer", p.panel[m].title);
        html_open_drawing(out, width, height, label.data);
        curve_draw(out, &p.panel[m], &b);
        buffer_text(out, "</svg>\n");
        buffer_free(&label);
    }
    buffer_text(out, "</div>\n</section>\n");
    flow_panels_free(&p);
}

/* The layer in which each measure of each pair is highest. */
static void add_highest(buffer *out, const flow_report *r)
{
    const flow *f = r->flow;
    buffer_text(out, "<section>\n<h2>Where most flows</h2>\n<div class=\"scroll\"><table>\n<tr><th></th>");
    for (size_t m = 0; m < FLOW_MEASURES; m++)
        buffer_printf(out, "<th class=\"r\">%s</th>", flow_measures[m].title);
    buffer_text(out, "</tr>\n");
    for (size_t i = 0; i < f->pairs.count; i++) {
        buffer_text(out, "<tr><td>");
        add_pair(out, r, i);
        buffer_text(out, "</td>");
        for (size_t m = 0; m < FLOW_MEASURES; m++) {
            const double *values = flow_values(&flow_measures[m], &f->curves[i]);
            long best = flow_highest(values, f->layer_count);
            buffer_text(out, "<td class=\"r\">");
            picture_map_number(out, best < 0 ? NAN : values[best]);
            if (best >= 0)
                buffer_printf(out, " <span class=\"note\">layer %zu</span>", f->layers[best]);
            buffer_text(out, "</td>");
        }
        buffer_text(out, "</tr>\n");
    }
    buffer_text(out, "</table></div>\n</section>\n");
}

/* ---- heads, and the picture ---- */

static void add_heads(buffer *out, const flow_report *r)
{
    if (!flow_has_heads(r->flow))
        return;
    buffer_text(out, "<section>\n<h2>Head by head</h2>\n<p class=\"hint\">The sum over sources of what one head gives "
                     "by itself: heads that pull against each other both count.</p>\n<div class=\"maps\">\n");
    for (size_t i = 0; i < r->flow->pairs.count; i++) {
        buffer title = {0};
        grid_map m = flow_heads_map(r, i, &title);
        m.font = 12;
        m.paint = HEAT_CLASSES;
        m.width = fmin(560, fmax(160, 14 * (double)m.columns));
        m.height = fmin(420, fmax(80, 13 * (double)m.rows));
        m.x = grid_map_left(&m);
        m.y = grid_map_above(&m);
        double width = m.x + m.width + grid_map_right(&m), height = m.y + m.height + grid_map_below(&m);
        html_open_drawing(out, width, height, "Heat map of layers by heads");
        grid_map_draw(out, &m);
        buffer_text(out, "</svg>\n");
        buffer_free(&title);
    }
    buffer_text(out, "</div>\n</section>\n");
}

/* Returns whether there was a map, whose slider needs its script. */
static bool add_pictures(buffer *out, const flow_report *r)
{
    size_t number = 0;
    for (size_t i = 0; i < r->flow->pairs.count; i++) {
        buffer title = {0};
        double *values = NULL;
        picture_map m;
        if (flow_picture_map(r, i, &title, &values, &m)) {
            if (number == 0) {
                buffer_text(out, "<section>\n<h2>On the picture</h2>\n<p class=\"hint\">The norm of what each row of "
                                 "the picture gives, layer by layer; a mean over the destinations.</p>\n");
                picture_map_picture(out, &r->about);
                buffer_text(out, "<div class=\"maps\">\n");
            }
            picture_map_html(out, &m, number++);
        }
        free(values);
        buffer_free(&title);
    }
    buffer_text(out, number ? "</div>\n</section>\n" : "");
    return number > 0;
}

/* ---- the foot ---- */

static void add_facts(buffer *out, const flow_report *r)
{
    const flow *f = r->flow;
    buffer_text(out, "<section>\n<h2>How it was computed</h2>\n<dl>\n");
    fact_model(out, &r->about);
    html_open_fact(out, "Looked at");
    buffer_printf(out, "layers %zu to %zu, %zu heads each, in one recorded run", f->layers[0],
                  f->layers[f->layer_count - 1], f->heads);
    html_close_fact(out);
    html_open_fact(out, "Cost");
    buffer_printf(out, "%.3g s; ", f->cost.seconds);
    html_si(out, f->cost.flop);
    buffer_text(out, "flop, of which the run itself took ");
    html_si(out, f->run_flop);
    buffer_text(out, "flop");
    html_close_fact(out);
    buffer_text(out, "</dl>\n</section>\n");
}

static void add_meaning(buffer *out)
{
    buffer_text(out, "<section>\n<h2>What it means</h2>\n<p>A source row&rsquo;s contribution to a destination is the "
                     "vector that attention adds there on its account: its values, mixed with the attention "
                     "probabilities of all heads and taken through the output projection. <b>Sum of norms</b> counts "
                     "every source by its size; <b>norm of the sum</b> lets sources cancel each other; <b>share</b> is "
                     "their part along what attention adds in all, so that all sources together have 1, some may have "
                     "less than 0; the last measure compares with the residual stream that the sum is added "
                     "to.</p>\n<p>A contribution is what was written, not what was read: whether later layers use it, "
                     "and whether the answer hangs on it, a knockout or a trace can tell. And a row may carry what it "
                     "has taken from other rows: what comes from an image row need not be about its "
                     "pixels.</p>\n</section>\n");
}

void report_flow_html(const flow_report *r, buffer *out)
{
    add_head(out, r);
    add_header(out, r);
    about_page_input(out, &r->about);
    buffer_text(out, "<main>\n");
    add_curves(out, r);
    add_highest(out, r);
    bool scripted = add_pictures(out, r);
    add_heads(out, r);
    buffer_text(out, "<div class=\"beside\">\n");
    add_facts(out, r);
    add_meaning(out);
    buffer_text(out, "</div>\n</main>\n<footer>Made by patchbay. The same numbers, in full precision, are in flow.json "
                     "beside this file; flow.svg is the figure for a paper.</footer>\n");
    if (scripted)
        picture_map_script(out);
    buffer_text(out, "</body>\n</html>\n");
}
