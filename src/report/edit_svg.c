/* edit_svg.c: edits as a figure for a paper: loss and P(target) over the steps of the search, or measures and P(target)
 * over layers; the rest in the caption (edit_report.h). */
#include <string.h>

#include "report/edit_curves.h"
#include "report/edit_words.h"
#include "report/figure.h"
#include "report/markup.h"

/* ---- the caption ---- */

static void caption_request(buffer *out, const edit_report *r)
{
    const measure_request *q = &r->run->requests[0];
    const measured *m = &r->run->measured.results[0].edited;
    buffer_text(out, "Question: \u201c");
    text_shorten(out, edit_question(m->question), 150);
    buffer_text(out, "\u201d Target: ");
    text_shorten(out, q->target, 30);
    buffer_text(out, ", p = ");
    text_prob(out, m->before.prob);
    buffer_text(out, " before");
    if (!edit_is_sweep(r)) {
        buffer_text(out, ", ");
        text_prob(out, m->after.prob);
        buffer_text(out, " after");
    }
    buffer_text(out, ".");
}

static void caption_success(buffer *out, const char *name, const measure_success *s)
{
    if (s->after_right.questions == 0)
        return;
    buffer_printf(out, " %s: ", name);
    edit_share(&s->after_right, out);
    buffer_text(out, " answer the target, p = ");
    text_interval(out, &s->after_prob);
    buffer_text(out, ".");
}

static void caption_rest(buffer *out, const edit_report *r)
{
    const measure_summary *s = &r->run->summary;
    if (s->neighbourhood.kept.questions) {
        buffer_text(out, " Neighbourhood: ");
        edit_share(&s->neighbourhood.kept, out);
        buffer_text(out, " keep their answer.");
    }
    if (s->specificity.after.questions) {
        buffer_text(out, " Specificity: accuracy ");
        text_interval(out, &s->specificity.before);
        buffer_text(out, " before, ");
        text_interval(out, &s->specificity.after);
        buffer_text(out, " after.");
    }
}

static void caption_measures(buffer *out, const edit_report *r)
{
    if (edit_request_count(r) > 1)
        caption_success(out, "Efficacy", &r->run->summary.edited);
    caption_success(out, "Rephrasings", &r->run->summary.rephrasings);
    caption_success(out, "Other pictures", &r->run->summary.pictures);
    caption_rest(out, r);
}

static void caption_model(buffer *out, const edit_report *r)
{
    buffer name = {0};
    text_folder_name(&name, r->about.model_path);
    buffer_printf(out, " %s of ", edit_method_name(r->run->settings.method));
    edit_place(r, out);
    buffer_text(out, ". Model: ");
    text_shorten(out, name.data, 30);
    buffer_printf(out, ", %s.", r->about.dtype);
    buffer_free(&name);
}

static double draw_caption(buffer *out, const edit_report *r, double y)
{
    buffer text = {0};
    if (edit_request_count(r) == 1)
        caption_request(&text, r);
    else
        buffer_printf(&text, "%zu requests, %s.", edit_request_count(r),
                      edit_is_joint(r) ? "made together in one model" : "each made in a model of its own");
    if (!edit_is_sweep(r))
        caption_measures(&text, r);
    caption_model(&text, r);
    double height = figure_caption(out, text.data, y, FIGURE_PAGE);
    buffer_free(&text);
    return height;
}

/* ---- the figure ---- */

static double draw_curves(buffer *out, const edit_report *r)
{
    curve_box b = {.height = 110, .font = 7, .paint = HEAT_ATTRIBUTES};
    b.width = FIGURE_PAGE / 2 - FIGURE_MARGIN - curve_left(&b) - 8;
    b.x = FIGURE_MARGIN + curve_left(&b);
    b.y = FIGURE_MARGIN + edit_curves_above(&b);
    edit_left_panel(out, r, &b);
    b.x += FIGURE_PAGE / 2;
    edit_right_panel(out, r, &b);
    return b.y + b.height + curve_below(&b) + 6;
}

void report_edit_svg(const edit_report *r, buffer *out)
{
    buffer body = {0};
    double caption = draw_curves(&body, r), height = caption + draw_caption(&body, r, caption);
    figure_open(out, FIGURE_PAGE, height);
    buffer_text(out, "<title>Edit: ");
    markup(out, edit_question(r->run->measured.results[0].edited.question));
    buffer_text(out, "</title>\n<desc>Two line charts over ");
    buffer_text(out,
                edit_is_sweep(r) ? "layers: what was measured after editing each" : "the search's steps: the loss");
    buffer_text(out, ", and the probability of the target.</desc>\n");
    figure_close(out, &body, FIGURE_PAGE, height);
    buffer_free(&body);
}
