/* knockout_html.c: a knockout as a page that stands alone, without a script (knockout_report.h, docs/formats.md). */
#include <math.h>

#include "report/about_page.h"
#include "report/facts.h"
#include "report/html.h"
#include "report/knockout_words.h"
#include "report/markup.h"
#include "report/page.h"

static void add_head(buffer *out, const knockout_report *r)
{
    about_page_open(out, &r->about, "Knockout");
    buffer_text(out, "<style>\n");
    buffer_text(out, page_css);
    buffer_text(out, "</style>\n</head>\n<body>\n");
}

static void add_name(buffer *out, const knockout *k, size_t which)
{
    buffer name = {0};
    knockout_curve_name(k, which, &name);
    text_markup(out, name.data, name.size);
    buffer_free(&name);
}

/* The curve that falls lowest. */
static size_t deepest(const knockout *k)
{
    size_t found = 0;
    for (size_t i = 1; i < k->curve_count; i++)
        if (k->curves[i].prob[knockout_lowest(k, i)] < k->curves[found].prob[knockout_lowest(k, found)])
            found = i;
    return found;
}

/* "The model answers Lisbon, with probability 0.98. Without the edges constraint > last in layer 7 it is 0.01." */
static void add_lead(buffer *out, const knockout_report *r)
{
    const knockout *k = r->knockout;
    size_t which = deepest(k), point = knockout_lowest(k, which);
    about_page_lead(out, &r->about, k->answer, k->answer_count, &k->clean, "followed");
    buffer_text(out, ". Which attention edges does it need? Without those of <b>");
    add_name(out, k, which);
    buffer_text(out, "</b> in ");
    knockout_place(k, point, out);
    buffer_text(out, ", the probability is ");
    html_prob(out, k->curves[which].prob[point]);
    buffer_text(out, ": the most that a cut did here.</p>\n");
}

static void add_header(buffer *out, const knockout_report *r)
{
    about_page_header(out, &r->about, "Knockout");
    add_lead(out, r);
    if (r->knockout->clean.prob < 0.1)
        buffer_text(out, "<p class=\"badge\"><b>Weak.</b> The answer has less than 0.1 before anything is cut: "
                         "relative changes below are of a small number.</p>\n");
    buffer_text(out, "</header>\n");
}

/* ---- curves ---- */

static void add_panel(buffer *out, const curve_panel *p, const char *label)
{
    curve_box b = {.width = 460, .height = 220, .font = 12, .paint = HEAT_CLASSES};
    b.x = curve_left(&b);
    b.y = curve_above(p, &b);
    double width = b.x + b.width * 1.15, height = b.y + b.height + curve_below(&b);
    html_open_drawing(out, width, height, label);
    curve_draw(out, p, &b);
    buffer_text(out, "</svg>\n");
}

static void add_curves(buffer *out, const knockout_report *r)
{
    knockout_panels p;
    knockout_panels_make(&p, r);
    buffer_text(out, "<section>\n<h2>Edges cut, layer by layer</h2>\n<p class=\"hint\">Point at a curve for its "
                     "values; the table below has them all. The dashed line is the run with nothing cut.</p>\n"
                     "<div class=\"curves-beside\">\n");
    add_panel(out, &p.prob, "The probability of the answer, layer by layer");
    add_panel(out, &p.logprob, "The logarithm of the probability, layer by layer");
    buffer_text(out, "</div>\n</section>\n");
    knockout_panels_free(&p);
}

/* ---- tables ---- */

static void add_lowest(buffer *out, const knockout_report *r)
{
    const knockout *k = r->knockout;
    buffer_text(out, "<section>\n<h2>The deepest point of each curve</h2>\n<div "
                     "class=\"scroll\"><table>\n<tr><th>edges cut</th><th>in</th><th class=\"r\">p</th><th "
                     "class=\"r\">change</th></tr>\n");
    for (size_t i = 0; i < k->curve_count; i++) {
        size_t at = knockout_lowest(k, i);
        buffer_text(out, "<tr><td>");
        add_name(out, k, i);
        buffer_text(out, "</td><td class=\"num\">");
        knockout_place(k, at, out);
        buffer_text(out, "</td><td class=\"r num\">");
        text_prob(out, k->curves[i].prob[at]);
        buffer_text(out, "</td><td class=\"r num\">");
        knockout_change(k->curves[i].relative[at], out);
        buffer_text(out, "</td></tr>\n");
    }
    buffer_text(out, "</table></div>\n</section>\n");
}

/* Every number: a row per layer. */
static void add_all(buffer *out, const knockout_report *r)
{
    const knockout *k = r->knockout;
    buffer_text(out, "<section>\n<h2>All points</h2>\n<p class=\"note\">p, and its relative change (p &minus; clean) / "
                     "clean.</p>\n<div class=\"scroll\"><table>\n<tr><th class=\"r\">layer</th><th>cut in</th>");
    for (size_t i = 0; i < k->curve_count; i++) {
        buffer_text(out, "<th class=\"r\" colspan=\"2\">");
        add_name(out, k, i);
        buffer_text(out, "</th>");
    }
    buffer_text(out, "</tr>\n");
    for (size_t l = 0; l < k->layer_count; l++) {
        buffer_printf(out, "<tr><td class=\"r num\">%zu</td><td class=\"num\">", k->layers[l]);
        knockout_place(k, l, out);
        buffer_text(out, "</td>");
        for (size_t i = 0; i < k->curve_count; i++) {
            buffer_text(out, "<td class=\"r num\">");
            text_prob(out, k->curves[i].prob[l]);
            buffer_text(out, "</td><td class=\"r num\">");
            knockout_change(k->curves[i].relative[l], out);
            buffer_text(out, "</td>");
        }
        buffer_text(out, "</tr>\n");
    }
    buffer_text(out, "</table></div>\n</section>\n");
}

/* ---- facts and meaning ---- */

static void add_spans(buffer *out, const knockout *k)
{
    for (size_t i = 0; i < k->pairs.count; i++) {
        const span_pair *pair = &k->pairs.items[i];
        html_open_fact(out, i ? "" : "Edges");
        html_safe(out, pair->from);
        buffer_text(out, " &rarr; ");
        html_safe(out, pair->to);
        buffer_printf(out, ": from %zu row%s to %zu", pair->sources.count, pair->sources.count == 1 ? "" : "s",
                      pair->destinations.count);
        html_close_fact(out);
    }
}

static void add_facts(buffer *out, const knockout_report *r)
{
    const knockout *k = r->knockout;
    buffer_text(out, "<section>\n<h2>How it was computed</h2>\n<dl>\n");
    fact_model(out, &r->about);
    add_spans(out, k);
    fact_window(out, k->window_kind, k->window);
    fact_verify(out, "point", k->verify_cells, k->verify_max_rel_diff);
    fact_cost(out, "point", &k->cost);
    buffer_text(out, "</dl>\n</section>\n");
}

static void add_meaning(buffer *out)
{
    buffer_text(out, "<section>\n<h2>What may be said from it</h2>\n<p>A deep point shows that the answer <i>needs</i> "
                     "what those rows give the others in those layers. A flat curve does not show that nothing flows "
                     "there: what is lost in one layer may come in another, or by another way.</p>\n<p>Cuts do not add "
                     "up: two that do nothing alone may take the answer away together (<code>--together</code>). And a "
                     "row that loses sources spreads its attention over the rest, so it does not only miss something, "
                     "it also gets more of everything else.</p>\n</section>\n");
}

void report_knockout_html(const knockout_report *r, buffer *out)
{
    add_head(out, r);
    add_header(out, r);
    about_page_input(out, &r->about);
    buffer_text(out, "<main>\n");
    add_curves(out, r);
    buffer_text(out, "<div class=\"beside\">\n");
    add_lowest(out, r);
    add_meaning(out);
    buffer_text(out, "</div>\n<div class=\"beside\">\n");
    add_all(out, r);
    add_facts(out, r);
    buffer_text(out, "</div>\n</main>\n<footer>Made by patchbay. The same numbers, in full precision, are in "
                     "knockout.json beside this file; knockout.svg is the figure for a "
                     "paper.</footer>\n</body>\n</html>\n");
}
