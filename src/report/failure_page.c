/* failure_page.c: how well failures are foretold, as a part of a page (failure_report.h). */
#include <math.h>

#include "report/failure_report.h"
#include "report/html.h"
#include "report/markup.h"

static void add_figure(buffer *out, const failure_report *r)
{
    buffer body = {0};
    double width = r->layer_count ? 980 : 560, height = failure_figure(r, 0, 0, width, 12.5, HEAT_CLASSES, &body);
    buffer_text(out, "<div class=\"scroll\">");
    html_open_drawing(out, width, height, "ROC curves, and areas by layer");
    buffer_add(out, body.data, body.size);
    buffer_text(out, "</svg></div>\n");
    buffer_free(&body);
}

static void add_signal(buffer *out, const failure_report *r, const failure_score *s)
{
    static const char *const names[] = {[FAILURE_PROB] = "probability of the first token", [FAILURE_CONTRIBUTION] = "",
                                        [FAILURE_BOTH] = "both, a logistic fit",
                                        [FAILURE_GAIN] = "gain of both over the probability"};
    static const char *const halves[] = {[FAILURE_ALL] = "all", [FAILURE_FIRST] = "first half (chosen on it)",
                                         [FAILURE_SECOND] = "second half"};
    buffer_text(out, "<td>");
    buffer_text(out, names[s->signal]);
    if (s->signal == FAILURE_CONTRIBUTION) {
        buffer_text(out, "constraint &rarr; last, layers ");
        failure_layers_name(r, out);
        if (r->failure.chosen < 0)
            buffer_text(out, "not chosen");
    }
    buffer_printf(out, "</td><td>%s</td>", halves[s->half]);
}

static void add_number(buffer *out, const failure_score *s)
{
    const char *sign = s->signal == FAILURE_GAIN ? "%+.2f" : "%.2f";
    buffer_text(out, "<td class=\"r\">");
    if (isfinite(s->auroc.mean)) {
        buffer_printf(out, sign, s->auroc.mean);
        buffer_text(out, "</td><td class=\"r\">");
        if (isfinite(s->auroc.low) && isfinite(s->auroc.high)) {
            buffer_printf(out, sign, s->auroc.low);
            buffer_text(out, " to ");
            buffer_printf(out, sign, s->auroc.high);
        }
    } else {
        buffer_text(out, "&ndash;</td><td class=\"r\">");
    }
    buffer_text(out, "</td>");
}

static void add_scores(buffer *out, const failure_report *r)
{
    buffer_text(out, "<div class=\"scroll\"><table>\n<tr><th>questions</th><th>told by</th><th>judged "
                     "on</th><th class=\"r\">right</th><th class=\"r\">wrong</th><th class=\"r\">subjects</th><th "
                     "class=\"r\">AUROC</th><th class=\"r\">95 %</th><th></th></tr>\n");
    for (size_t i = 0; i < r->failure.count; i++) {
        const failure_score *s = &r->failure.scores[i];
        buffer_text(out, "<tr><td>");
        html_safe(out, s->relation ? s->relation : "all");
        buffer_text(out, "</td>");
        add_signal(out, r, s);
        buffer_printf(out, "<td class=\"r\">%zu</td><td class=\"r\">%zu</td><td class=\"r\">%zu</td>", s->right,
                      s->wrong, s->auroc.subjects);
        add_number(out, s);
        buffer_printf(out, "<td>%s</td></tr>\n", failure_verdict(s));
    }
    buffer_text(out, "</table></div>\n");
}

static void add_fit(buffer *out, const failure_report *r)
{
    const logistic *f = &r->failure.fit;
    if (!r->layer_count || r->failure.chosen < 0)
        return;
    if (f->end == LOGISTIC_MADE)
        buffer_printf(out, "<p class=\"note\">The fit: log odds = %.3g %+.3g p %+.3g c, p and c standardised by the "
                           "first half.</p>\n",
                      f->intercept, f->weight[0], f->weight[1]);
    else if (f->end == LOGISTIC_SEPARATED)
        buffer_text(out, "<p class=\"note\">On the first half a line parts right answers from wrong ones, so no fit "
                         "without a penalty is the best: both are not judged.</p>\n");
}

static void add_meaning(buffer *out, const failure_report *r)
{
    buffer_text(out, "<p>The area under the curve is the chance that a right answer has the larger number than a wrong "
                     "one: 0.5 says nothing, 1 tells them apart. ");
    if (r->layer_count)
        buffer_text(out, "Which layers tell best, and how both are weighed, was found on half of the subjects; what "
                         "counts is the second half, which had no say in it. ");
    buffer_printf(out, "Below %d subjects, or with one class only, nothing is claimed.</p>\n", FAILURE_SUBJECTS);
    if (r->why)
        buffer_printf(out, "<p class=\"note\">%s Only the probability is judged.</p>\n", r->why);
    if (r->failure.left_out || r->unknown)
        buffer_printf(out, "<p class=\"note\">Left out: %zu questions without these numbers, %zu whose answers are not "
                           "known.</p>\n",
                      r->failure.left_out, r->unknown);
}

static void add_section(buffer *out, const failure_report *r)
{
    buffer_text(out, "<section id=\"failure\">\n<h2>Can it be told that an answer is wrong?</h2>\n");
    add_figure(out, r);
    add_scores(out, r);
    add_fit(out, r);
    add_meaning(out, r);
    buffer_text(out, "</section>\n");
}

void failures_sections(const failure_report *r, const sweep_summary *s, size_t count, buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!r[i].any)
            continue;
        if (count > 1) {
            buffer_text(out, "<h2 class=\"of-store\">");
            html_safe(out, s[i].label);
            buffer_text(out, "</h2>\n");
        }
        add_section(out, &r[i]);
    }
}
