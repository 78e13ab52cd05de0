/* trace_tables.c: what a trace's page says in tables: the strongest cells, the two runs, how it was computed; and what
 * may be said from it (trace_page.h). */
#include <math.h>
#include <string.h>

#include "report/facts.h"
#include "report/html.h"
#include "report/markup.h"
#include "report/trace_page.h"
#include "report/trace_words.h"

/* ---- the strongest cells ---- */

void page_percent(buffer *out, double share)
{
    if (!isfinite(share))
        buffer_text(out, "not defined");
    else
        buffer_printf(out, fabs(share) < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
}

/* The cell of the largest recovered share; false when none is a number. Heads have a table of their own. */
static bool strongest(const trace *t, const trace_grid *g, size_t *layer, size_t *cell)
{
    double most = -INFINITY;
    if (g->site == SITE_HEAD_OUT)
        return false;
    for (size_t l = 0; l < t->layer_count; l++)
        for (size_t c = 0; c < t->cell_count; c++) {
            double share = trace_recovered(t, g->prob[l * t->cell_count + c]);
            if (share > most) {
                most = share;
                *layer = l;
                *cell = c;
            }
        }
    return most > -INFINITY;
}

void page_row_name(buffer *out, const trace_report *r, size_t cell)
{
    const trace *t = r->trace;
    const span *s = &t->cells[cell];
    buffer name = {0};
    if (t->groups) {
        html_safe(out, t->groups[cell]);
        buffer_printf(out, s->count == 1 ? " (%zu row)" : " (%zu rows)", s->count);
        return;
    }
    about_span_name(r->about.prompt, s->positions[0], &name);
    if (strcmp(name.data, "image") == 0)
        buffer_printf(out, "image row %zu", s->positions[0] - r->about.prompt->image_first);
    else
        html_token(out, r, r->about.prompt->ids[s->positions[0]]);
    buffer_printf(out, " <span class=\"note\">position %zu, %s</span>", s->positions[0], name.data);
    buffer_free(&name);
}

/* The cells of a row before and behind the cell's name. */
static void open_strongest(buffer *out, const char *site_text, const trace *t, const trace_grid *g, size_t l)
{
    buffer_printf(out, "<tr><td>%s</td><td class=\"r\">%zu</td><td class=\"r\">", site_text, t->layers[l]);
    if (g->restored[l][0] == g->restored[l][1])
        buffer_printf(out, "%zu</td><td>", g->restored[l][0]);
    else
        buffer_printf(out, "%zu&ndash;%zu</td><td>", g->restored[l][0], g->restored[l][1]);
}

static void close_strongest(buffer *out, const trace *t, double prob)
{
    buffer_text(out, "</td><td class=\"r\">");
    text_prob(out, prob);
    buffer_text(out, "</td><td class=\"r\">");
    text_prob(out, t->direction == TRACE_DENOISE ? prob - t->corrupted.prob : t->clean.prob - prob);
    buffer_text(out, "</td><td class=\"r\">");
    page_percent(out, trace_recovered(t, prob));
    buffer_text(out, "</td></tr>\n");
}

static void add_strongest(buffer *out, const trace_report *r, const trace_grid *g)
{
    const trace *t = r->trace;
    size_t l = 0, c = 0;
    if (!strongest(t, g, &l, &c))
        return;
    open_strongest(out, trace_site_name(g->site), t, g, l);
    page_row_name(out, r, c);
    close_strongest(out, t, g->prob[l * t->cell_count + c]);
}

/* The same of a site on the picture's side, which is named as --sites does. */
static void add_strongest_vision(buffer *out, const trace_report *r, const trace_vision *g)
{
    const trace view = trace_vision_view(r->trace, g);
    size_t l = 0, c = 0;
    buffer name = {0};
    if (!strongest(&view, &g->grid, &l, &c))
        return;
    trace_vision_cell(r, g, c, &name);
    open_strongest(out, g->name, &view, &g->grid, l);
    text_markup(out, name.data, name.size);
    close_strongest(out, &view, g->grid.prob[l * view.cell_count + c]);
    buffer_free(&name);
}

void page_strongest(buffer *out, const trace_report *r)
{
    bool denoise = r->trace->direction == TRACE_DENOISE;
    if (r->trace->site_count == 1 && r->trace->sites[0].site == SITE_HEAD_OUT && r->trace->vision_count == 0)
        return; /* heads have a table of their own */
    buffer_text(out, "<section>\n<h2>The strongest cell of each map</h2>\n<div class=\"scroll\"><table>\n<tr><th>Site"
                     "</th><th class=\"r\">layer</th><th class=\"r\">");
    buffer_text(out, denoise ? "restored" : "corrupted");
    buffer_text(out, "</th><th>row</th><th class=\"r\">p(");
    html_answer(out, r);
    buffer_printf(out, ")</th><th class=\"r\"><abbr title=\"indirect effect: %s\">IE</abbr></th><th class=\"r\">%s"
                  "</th></tr>\n", denoise ? "patched - corrupted" : "clean - patched", denoise ? "recovered" : "lost");
    for (size_t s = 0; s < r->trace->site_count; s++)
        add_strongest(out, r, &r->trace->sites[s]);
    for (size_t s = 0; s < r->trace->vision_count; s++)
        add_strongest_vision(out, r, &r->trace->vision[s]);
    buffer_text(out, "</table></div>\n</section>\n");
}

/* ---- the two runs ---- */

static void add_run(buffer *out, const trace_report *r, const char *name, const run_says *run)
{
    buffer_printf(out, "<div><h3>%s</h3>\n<table>\n<tr><th>next token</th><th class=\"r\">probability</th><th></th>"
                  "</tr>\n", name);
    for (size_t i = 0; i < RUN_TOP && run->top_id[i] >= 0; i++) {
        bool answer = r->trace->answer_count && run->top_id[i] == r->trace->answer[0];
        buffer_printf(out, "<tr%s><td title=\"id %d\">", answer ? " class=\"answer\"" : "", run->top_id[i]);
        html_token(out, r, run->top_id[i]);
        buffer_text(out, "</td><td class=\"r\">");
        text_prob(out, run->top_prob[i]);
        buffer_printf(out, "</td><td class=\"share\"><i style=\"width:%.1f%%\"></i></td></tr>\n",
                      100 * fmin(1, fmax(0, isfinite(run->top_prob[i]) ? run->top_prob[i] : 0)));
    }
    buffer_text(out, "</table>\n<p class=\"note\">p(");
    html_answer(out, r);
    buffer_text(out, ") = ");
    text_prob(out, run->prob);
    buffer_printf(out, ", log p = %.3f</p></div>\n", run->logprob);
}

void page_runs(buffer *out, const trace_report *r)
{
    buffer_text(out, "<section>\n<h2>What the two runs say</h2>\n<div class=\"pair\">\n");
    add_run(out, r, "Clean", &r->trace->clean);
    add_run(out, r, "Corrupted", &r->trace->corrupted);
    buffer_text(out, "</div>\n</section>\n");
}

/* ---- facts ---- */

static void fact_corruption(buffer *out, const trace_report *r)
{
    const trace *t = r->trace;
    buffer words = {0};
    trace_corruption(r, &words);
    html_open_fact(out, "Corruption");
    markup(out, words.data);
    if (t->samples > 1)
        buffer_printf(out, ", means over %zu samples", t->samples);
    html_close_fact(out);
    html_open_fact(out, "Direction");
    buffer_text(out, t->direction == TRACE_DENOISE
                         ? "denoise: clean activations into the corrupted run (is this enough?)"
                         : "noise: corrupted activations into the clean run (is this needed?)");
    html_close_fact(out);
    buffer_free(&words);
}

static void fact_severed(buffer *out, const trace *t)
{
    buffer words = {0};
    if (!t->severed)
        return;
    html_open_fact(out, "Severed");
    trace_severed(t, &words);
    markup(out, words.data);
    html_close_fact(out);
    buffer_free(&words);
}

static void fact_answer(buffer *out, const trace_report *r)
{
    const trace *t = r->trace;
    html_open_fact(out, "Answer");
    html_answer(out, r);
    for (size_t i = 0; i < t->answer_count; i++)
        buffer_printf(out, i ? ", %d" : t->answer_count > 1 ? " (tokens %d" : " (token %d", t->answer[i]);
    buffer_text(out, t->answer_count ? ")" : "");
    if (t->foil >= 0) {
        buffer_text(out, ", against the foil ");
        html_token(out, r, t->foil);
        buffer_printf(out, " (%d)", t->foil);
    }
    html_close_fact(out);
}

void page_facts(buffer *out, const trace_report *r)
{
    buffer_text(out, "<section>\n<h2>How it was computed</h2>\n<dl>\n");
    fact_model(out, &r->about);
    fact_corruption(out, r);
    fact_window(out, r->trace->window_kind, r->trace->window);
    fact_severed(out, r->trace);
    fact_answer(out, r);
    if (r->trace->estimates.made)
        page_estimate_facts(out, r->trace);
    else
        fact_verify(out, "cell", r->trace->verify_cells, r->trace->verify_max_rel_diff);
    fact_cost(out, "cell", &r->trace->cost);
    buffer_text(out, "</dl>\n</section>\n");
}

/* ---- meaning ---- */

void page_meaning(buffer *out, const trace_report *r)
{
    bool denoise = r->trace->direction == TRACE_DENOISE;
    buffer_text(out, "<section>\n<h2>What may be said from it</h2>\n<p>");
    if (r->trace->estimates.made) {
        page_estimate_meaning(out);
        return;
    }
    buffer_text(out, denoise ? "A strong cell shows that the activations restored there are <i>enough</i> to bring the "
                               "answer back under this corruption. It does not show where a fact is stored. "
                             : "A strong cell shows that the answer <i>needs</i> the activations corrupted there, "
                               "under this corruption. It does not show where a fact is stored. ");
    if (denoise)
        buffer_text(out, "Restoring every changed row at layer 0 undoes the corruption by construction, so claim "
                         "&ldquo;early&rdquo; only of windows that leave layer 0 out and lie above what the same "
                         "restoration does at control positions. ");
    buffer_text(out, "One question is an example; averages over questions, with intervals, are evidence.</p>\n"
                     "</section>\n");
}
