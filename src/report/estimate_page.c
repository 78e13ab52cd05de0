/* estimate_page.c: what a page of estimates has in the place of a trace's strongest cells (trace_page.h): the largest
 * ones with their exact values, the two against each other, how they were made, what may be said. */
#include <math.h>

#include "report/html.h"
#include "report/markup.h"
#include "report/scatter.h"
#include "report/trace_page.h"
#include "report/trace_words.h"

enum { SHOWN = 30 }; /* rows of the table */

/* +1.23, with a minus sign as wide as the plus */
static void add_change(buffer *out, double value)
{
    if (isfinite(value))
        buffer_printf(out, "%s%.3f", value < 0 ? "\u2212" : "+", fabs(value));
    else
        buffer_text(out, "n/a");
}

static void add_cell(buffer *out, const trace_report *r, const trace_cell *c)
{
    const trace *t = r->trace;
    const trace_grid *g = &t->sites[c->site];
    size_t i = trace_cell_in_grid(t, *c);
    buffer_printf(out, "<tr><td>%s", trace_site_name(g->site));
    if (g->heads > 1)
        buffer_printf(out, " %zu", c->head);
    buffer_printf(out, "</td><td class=\"r\">%zu</td><td>", t->layers[c->layer]);
    page_row_name(out, r, c->column);
    buffer_text(out, "</td><td class=\"r\">");
    add_change(out, g->estimate[i] - trace_unpatched_logprob(t));
    buffer_text(out, "</td><td class=\"r\">");
    add_change(out, g->logprob[i] - trace_unpatched_logprob(t));
    buffer_text(out, "</td><td class=\"r\">");
    text_prob(out, g->prob[i]);
    buffer_text(out, "</td></tr>\n");
}

static void add_table(buffer *out, const trace_report *r)
{
    const trace_estimates *e = &r->trace->estimates;
    buffer_text(out, "<section>\n<h2>The largest estimates, and what is so</h2>\n<p class=\"hint\">Changes of log p(");
    html_answer(out, r);
    buffer_printf(out, ") from the %s run&rsquo;s %.3f; the clean run has %.3f.</p>\n<div class=\"scroll\"><table>\n"
                  "<tr><th>Site</th><th class=\"r\">layer</th><th>row</th><th class=\"r\">estimated</th>"
                  "<th class=\"r\">exact</th><th class=\"r\">p(",
                  r->trace->direction == TRACE_DENOISE ? "corrupted" : "clean", trace_unpatched_logprob(r->trace),
                  r->trace->clean.logprob);
    html_answer(out, r);
    buffer_text(out, ")</th></tr>\n");
    for (size_t i = 0; i < e->exact && i < SHOWN; i++)
        add_cell(out, r, &e->largest[i]);
    buffer_text(out, "</table></div>\n");
    if (e->exact > SHOWN)
        buffer_printf(out, "<p class=\"note\">and %zu more cells in attribute.json</p>\n", e->exact - SHOWN);
    buffer_text(out, "</section>\n");
}

static void add_correlation(buffer *out, double value)
{
    if (isfinite(value))
        buffer_printf(out, "%s%.3f", value < 0 ? "\u2212" : "", fabs(value));
    else
        buffer_text(out, "not defined");
}

/* Spearman's correlation of all cells, and of each site's. */
static void add_agreement(buffer *out, const trace *t)
{
    buffer_text(out, "<p>Spearman&rsquo;s rank correlation over all cells: <b>");
    add_correlation(out, t->estimates.spearman);
    buffer_text(out, "</b>");
    for (size_t s = 0; s < t->site_count && t->site_count > 1; s++) {
        buffer_printf(out, "%s%s ", s ? ", " : " (", trace_site_name(t->sites[s].site));
        add_correlation(out, t->sites[s].spearman);
    }
    buffer_text(out, t->site_count > 1 ? ").</p>\n" : ".</p>\n");
}

static void add_scatter(buffer *out, const trace *t)
{
    double font = 12, size = 280;
    scatter_box box = {.x = scatter_left(font), .y = scatter_above(font), .size = size, .font = font,
                       .paint = HEAT_CLASSES};
    double width = box.x + size + scatter_right(font), height = box.y + size + scatter_below(font);
    buffer_text(out, "<section>\n<h2>Estimated and exact</h2>\n");
    html_open_drawing(out, width, height, "Estimated against exact changes of log p, a point a cell");
    scatter_draw(out, t, &box);
    buffer_text(out, "</svg>\n");
    if (t->estimates.exact == trace_cell_total(t))
        add_agreement(out, t);
    else
        buffer_printf(out, "<p class=\"note\">The %zu largest of %zu cells; <code>--exact all</code> runs all of "
                           "them.</p>\n",
                      t->estimates.exact, trace_cell_total(t));
    buffer_text(out, "</section>\n");
}

void page_estimates(buffer *out, const trace_report *r)
{
    add_table(out, r);
    add_scatter(out, r->trace);
}

void page_estimate_facts(buffer *out, const trace *t)
{
    const char *run = t->direction == TRACE_DENOISE ? "corrupted" : "clean";
    html_open_fact(out, "Estimates");
    if (t->estimates.steps)
        buffer_printf(out, "the gradient averaged over %zu runs on the way from the %s run to the other",
                      t->estimates.steps, run);
    else
        buffer_printf(out, "the gradient of the %s run", run);
    buffer_printf(out, "; %zu of %zu cells run as well", t->estimates.exact, trace_cell_total(t));
    html_close_fact(out);
}

void page_estimate_meaning(buffer *out)
{
    buffer_text(out, "An estimate follows the slope at the run that is patched: it says where a trace is worth its "
                     "time, and its exact values are what may be reported. It misleads where the model saturates (a "
                     "flat slope before a large change, or a steep one that soon ends), and for large changes, such as "
                     "a whole residual stream&rsquo;s. In a window of layers first-order effects add up: one change "
                     "may be counted in each layer. <code>--ig N</code> follows the way in N steps; <code>--exact all"
                     "</code> shows how good the estimates are.</p>\n</section>\n");
}
