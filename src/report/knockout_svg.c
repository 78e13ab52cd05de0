/* knockout_svg.c: a knockout as a figure for a paper: P(answer) and its logarithm over the layers around which edges
 * are cut, all pairs of spans in one, and a caption (knockout_report.h). */
#include <math.h>

#include "report/figure.h"
#include "report/knockout_words.h"
#include "report/markup.h"

static double draw_curves(buffer *out, const knockout_report *r)
{
    knockout_panels p;
    curve_box b = {.height = 120, .font = 7, .paint = HEAT_ATTRIBUTES};
    knockout_panels_make(&p, r);
    b.width = FIGURE_PAGE / 2 - FIGURE_MARGIN - curve_left(&b) - 8;
    b.x = FIGURE_MARGIN + curve_left(&b);
    b.y = FIGURE_MARGIN + curve_above(&p.prob, &b);
    for (size_t i = 0; i < 2 * p.curve_count; i++)
        p.curves[i].notes = NULL; /* nobody points at paper */
    curve_draw(out, &p.prob, &b);
    b.x += FIGURE_PAGE / 2;
    curve_draw(out, &p.logprob, &b);
    knockout_panels_free(&p);
    return b.y + b.height + curve_below(&b) + 6;
}

/* "image > constraint: lowest 0.012 (-98 %) at layer 7." */
static void caption_curve(const knockout *k, size_t which, buffer *out)
{
    size_t at = knockout_lowest(k, which);
    buffer_text(out, " ");
    knockout_curve_name(k, which, out);
    buffer_text(out, ": lowest p = ");
    text_prob(out, k->curves[which].prob[at]);
    buffer_text(out, " (");
    knockout_change(k->curves[which].relative[at], out);
    buffer_text(out, "), cut in ");
    knockout_place(k, at, out);
    buffer_text(out, ".");
}

static double draw_caption(buffer *out, const knockout_report *r, double y)
{
    const knockout *k = r->knockout;
    buffer text = {0};
    about_caption_open(&r->about, k->answer, k->answer_count, k->clean.prob, &text);
    buffer_text(&text, " with nothing cut. Attention edges from rows of the first span to rows of the second are cut.");
    for (size_t i = 0; i < k->curve_count; i++)
        caption_curve(k, i, &text);
    about_caption_close(&r->about, &text);
    double height = figure_caption(out, text.data, y, FIGURE_PAGE);
    buffer_free(&text);
    return height;
}

void report_knockout_svg(const knockout_report *r, buffer *out)
{
    buffer body = {0};
    double caption = draw_curves(&body, r), height = caption + draw_caption(&body, r, caption);
    figure_about(out, &r->about, "Knockout",
                 "Two line charts over layers, one curve for each pair of spans: the probability of the "
                 "answer, and its logarithm, when attention edges from the first span to the second are cut "
                 "there.",
                 &body, height);
}
