/* flow_svg.c: flows as a figure for a paper: the four measures over layers, then each pair's heads, then the picture's
 * rows over the picture, layer by layer (flow_report.h). */
#include <math.h>
#include <stdlib.h>

#include "report/figure.h"
#include "report/flow_figure.h"
#include "report/markup.h"

#define FONT 7.0
#define GAP 8.0

static double draw_curves(buffer *out, const flow_report *r, double y)
{
    flow_panels p;
    flow_panels_make(&p, r);
    for (size_t m = 0; m < FLOW_MEASURES; m += 2) {
        curve_box b = {.height = 78, .font = FONT, .paint = HEAT_ATTRIBUTES};
        b.width = FIGURE_PAGE / 2 - FIGURE_MARGIN - curve_left(&b) - GAP;
        b.y = y + fmax(curve_above(&p.panel[m], &b), curve_above(&p.panel[m + 1], &b));
        for (size_t k = 0; k < 2; k++) {
            b.x = FIGURE_MARGIN + curve_left(&b) + (double)k * FIGURE_PAGE / 2;
            curve_draw(out, &p.panel[m + k], &b);
        }
        y = b.y + b.height + curve_below(&b) + GAP;
    }
    flow_panels_free(&p);
    return y;
}

/* Two maps stand side by side. */
static double draw_heads(buffer *out, const flow_report *r, double y)
{
    double below = y;
    for (size_t i = 0; flow_has_heads(r->flow) && i < r->flow->pairs.count; i++) {
        buffer title = {0};
        grid_map m = flow_heads_map(r, i, &title);
        m.font = FONT;
        m.paint = HEAT_ATTRIBUTES;
        m.width = FIGURE_PAGE / 2 - FIGURE_MARGIN - grid_map_left(&m) - grid_map_right(&m) - GAP;
        m.height = fmin(150, fmax(40, 6 * (double)m.rows));
        m.x = FIGURE_MARGIN + grid_map_left(&m) + (i % 2 ? FIGURE_PAGE / 2 : 0);
        m.y = y + grid_map_above(&m);
        grid_map_draw(out, &m);
        below = m.y + m.height + grid_map_below(&m) + GAP;
        y = i % 2 ? below : y;
        buffer_free(&title);
    }
    return below;
}

static double draw_pictures(buffer *out, const flow_report *r, double y)
{
    bool begun = false;
    for (size_t i = 0; i < r->flow->pairs.count; i++) {
        buffer title = {0};
        double *values = NULL;
        picture_map m;
        if (flow_picture_map(r, i, &title, &values, &m)) {
            if (!begun)
                picture_map_defs(out, &r->about);
            begun = true;
            y += picture_maps_draw(out, &m, FIGURE_MARGIN, y, FIGURE_PAGE - 2 * FIGURE_MARGIN) + GAP;
        }
        free(values);
        buffer_free(&title);
    }
    return y;
}

static double draw_caption(buffer *out, const flow_report *r, double y)
{
    const flow *f = r->flow;
    buffer text = {0};
    about_caption_open(&r->about, f->answer, f->answer_count, f->clean.prob, &text);
    buffer_text(&text, ". Attention contributions between spans, means over destinations; maps of heads and of the "
                       "picture show sums of norms and norms.");
    about_caption_close(&r->about, &text);
    double height = figure_caption(out, text.data, y, FIGURE_PAGE);
    buffer_free(&text);
    return height;
}

void report_flow_svg(const flow_report *r, buffer *out)
{
    buffer body = {0};
    double y = draw_curves(&body, r, FIGURE_MARGIN);
    y = draw_heads(&body, r, y);
    y = draw_pictures(&body, r, y);
    y += draw_caption(&body, r, y);
    figure_about(out, &r->about, "Flow",
                 "Line charts over layers, one curve for each pair of spans: what the first gives the second "
                 "through attention, measured in four ways; heat maps of layers by heads; heat maps over the "
                 "picture.",
                 &body, y);
}
