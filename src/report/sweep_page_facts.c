/* sweep_page_facts.c: the words of the page: what was done, how it ended, how it was computed (sweep_page_parts.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/markup.h"
#include "report/sweep_page_parts.h"
#include "report/sweep_words.h"

enum { FEW_SUBJECTS = 30 };

/* ---- the top ---- */

static void add_model(buffer *out, const sweep_summary *s)
{
    const char *path = json_string_value(json_object_get(s->about->model, "path"));
    const char *kind = json_string_value(json_object_get(s->about->model, "family"));
    buffer name = {0};
    text_folder_name(&name, path);
    html_safe(out, path ? name.data : kind ? kind : "a model");
    buffer_free(&name);
    buffer_printf(out, ", %zu layers", s->model_layers);
}

static void add_how_many(buffer *out, size_t n, const char *one, const char *many)
{
    html_count(out, n);
    buffer_printf(out, " %s", n == 1 ? one : many);
}

/* The last row's residual stream: from some layer on it holds the answer, whatever the model is like. */
static bool holds_answer(const sweep_series *r)
{
    return strncmp(r->name, "resid_", 6) == 0 && strcmp(r->class, "last") == 0;
}

/* The largest effect of all sites, classes and layers whose windows leave layer 0 out, and that could be otherwise. */
static const sweep_series *strongest(const sweep_summary *s, size_t *layer)
{
    const sweep_series *best = NULL;
    for (size_t i = 0; i < s->series_count; i++) {
        const sweep_series *r = &s->series[i];
        if (r->group || strcmp(r->metric, "ie") != 0 || strncmp(r->name, "head_out:", 9) == 0 || holds_answer(r))
            continue;
        for (size_t l = 0; l < r->layer_count; l++)
            if (r->at[l].questions && !(r->first_restored && r->first_restored[l]) &&
                (!best || r->at[l].mean > best->at[*layer].mean)) {
                best = r;
                *layer = l;
            }
    }
    return best;
}

static void add_strongest(buffer *out, const sweep_summary *s)
{
    size_t layer = 0;
    const sweep_series *best = strongest(s, &layer);
    buffer where = {0};
    if (!best || !(best->at[layer].mean > 0))
        return;
    sweep_site_title(best->name, &where);
    buffer_text(out, " What does most, beside the last row's residual stream, which always comes to hold the answer, "
                     "is <b>");
    html_safe(out, where.data);
    buffer_printf(out, "</b> at <b>");
    html_safe(out, sweep_class_title(best->class));
    buffer_printf(out, "</b>, layer %zu: restored, it raises P(answer) by ", best->layers[layer]);
    interval_by(out, &best->at[layer], html_prob);
    buffer_text(out, " on the average.");
    buffer_free(&where);
}

static void add_lead(buffer *out, const sweep_page *p)
{
    const sweep_summary *s = &p->summaries[0];
    buffer_text(out, "<p class=\"lead\">");
    if (p->count > 1) {
        add_how_many(out, p->count, "store", "stores");
        buffer_text(out, " compared: ");
        for (size_t i = 0; i < p->count; i++) {
            buffer_printf(out, "%s<b>", i ? ", " : "");
            html_safe(out, p->summaries[i].label);
            buffer_text(out, "</b>");
        }
        buffer_text(out, ".</p>\n");
        return;
    }
    html_count(out, s->done);
    buffer_text(out, " of ");
    add_how_many(out, s->questions, "question is", "questions are");
    buffer_text(out, " done, about ");
    add_how_many(out, s->subjects, "subject", "subjects");
    buffer_text(out, s->pending ? "; " : ".");
    if (s->pending) {
        html_count(out, s->pending);
        buffer_text(out, " are still to be done.");
    }
    if (strcmp(s->about->method, "trace") == 0)
        add_strongest(out, s);
    buffer_text(out, "</p>\n");
}

void sweep_page_header(buffer *out, const sweep_page *p)
{
    const sweep_summary *s = &p->summaries[0];
    buffer_text(out, "<header>\n<p class=\"eyebrow\">patchbay &middot; ");
    add_model(out, s);
    buffer_text(out, "</p>\n<h1>");
    html_safe(out, sweep_method_title(s->about->method));
    buffer_text(out, " of ");
    add_how_many(out, s->questions, "question", "questions");
    buffer_text(out, "</h1>\n");
    add_lead(out, p);
    for (size_t i = 0; i < p->count; i++)
        if (p->summaries[i].subjects < FEW_SUBJECTS) {
            buffer_text(out, "<p class=\"badge\"><b>Not testable here.</b> ");
            if (p->count > 1) {
                html_safe(out, p->summaries[i].label);
                buffer_text(out, " has ");
            } else {
                buffer_text(out, "There are ");
            }
            add_how_many(out, p->summaries[i].subjects, "subject", "subjects");
            buffer_printf(out, ": with fewer than %d, intervals are not to be trusted.</p>\n", FEW_SUBJECTS);
        }
    buffer_text(out, "</header>\n");
}

/* ---- counts ---- */

static void add_count_cell(buffer *out, size_t n)
{
    buffer_text(out, "<td class=\"r\">");
    html_count(out, n);
    buffer_text(out, "</td>");
}

static void add_store_row(buffer *out, const sweep_summary *s, bool traces)
{
    const size_t counts[] = {s->questions, s->done, s->wrong, s->marked, s->failed, s->pending, s->subjects};
    buffer_text(out, "<tr><td>");
    html_safe(out, s->label && *s->label ? s->label : "all");
    buffer_text(out, "</td>");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        add_count_cell(out, counts[i]);
    if (traces) {
        add_count_cell(out, s->weak);
        add_count_cell(out, s->primed);
    }
    buffer_text(out, "<td class=\"r\">");
    if (s->accuracy_count && s->accuracy[0].rate.questions)
        interval_by(out, &s->accuracy[0].rate, html_prob);
    else
        buffer_text(out, "not known");
    buffer_text(out, "</td></tr>\n");
}

static void add_reasons(buffer *out, const sweep_summary *s, bool labelled)
{
    for (size_t i = 0; i < s->reason_count; i++) {
        buffer_text(out, "<tr>");
        if (labelled) {
            buffer_text(out, "<td>");
            html_safe(out, s->label);
            buffer_text(out, "</td>");
        }
        buffer_text(out, "<td>");
        html_safe(out, s->reasons[i].status);
        buffer_text(out, "</td><td class=\"asked\">");
        html_safe(out, s->reasons[i].text);
        buffer_text(out, "</td>");
        add_count_cell(out, s->reasons[i].count);
        buffer_text(out, "</tr>\n");
    }
}

void sweep_page_counts(buffer *out, const sweep_page *p)
{
    bool traces = strcmp(p->summaries[0].about->method, "trace") == 0;
    size_t reasons = 0;
    buffer_text(out, "<section id=\"counts\">\n<h2>The questions</h2>\n<div "
                     "class=\"scroll\"><table>\n<tr><th>store</th><th class=\"r\">questions</th><th "
                     "class=\"r\">done</th><th class=\"r\">answered wrongly</th><th class=\"r\">marked</th><th "
                     "class=\"r\">failed</th><th class=\"r\">pending</th><th class=\"r\">subjects</th>");
    if (traces)
        buffer_text(out, "<th class=\"r\">weak</th><th class=\"r\">primed</th>");
    buffer_text(out, "<th class=\"r\">right answers</th></tr>\n");
    for (size_t i = 0; i < p->count; i++) {
        add_store_row(out, &p->summaries[i], traces);
        reasons += p->summaries[i].reason_count;
    }
    buffer_text(out, "</table></div>\n");
    if (traces)
        buffer_text(out, "<p class=\"note\">Weak: the corruption takes less than 0.1 of P(answer). Primed: the "
                         "corrupted run says the very token that was swapped in.</p>\n");
    if (reasons) {
        buffer_printf(out,
                      "<details%s><summary>Why questions have no result of their own</summary>\n<div "
                      "class=\"scroll\"><table>\n<tr>"
                      "%s<th>status</th><th>reason</th><th class=\"r\">questions</th></tr>\n",
                      reasons <= 6 ? " open" : "", p->count > 1 ? "<th>store</th>" : "");
        for (size_t i = 0; i < p->count; i++)
            add_reasons(out, &p->summaries[i], p->count > 1);
        buffer_text(out, "</table></div></details>\n");
    }
    buffer_text(out, "</section>\n");
}

/* ---- depths ---- */

static void add_depth(buffer *out, const interval *i)
{
    buffer_text(out, "<td class=\"r\">");
    if (i->questions && isfinite(i->mean))
        interval_by(out, i, html_prob);
    else
        buffer_text(out, "none");
    buffer_text(out, "</td>");
}

static void add_depth_row(buffer *out, const sweep_contrast *c, const sweep_depth *d)
{
    buffer name = {0};
    bool traces = strcmp(c->a->about->method, "trace") == 0, there = d->between.questions && isfinite(d->between.mean);
    (traces ? sweep_site_title : sweep_pair_title)(d->difference->name, &name);
    buffer_text(out, "<tr><td>");
    html_safe(out, name.data);
    if (*d->difference->class) {
        buffer_text(out, ", ");
        html_safe(out, sweep_class_title(d->difference->class));
    }
    buffer_text(out, "</td>");
    add_depth(out, &d->a);
    add_depth(out, &d->b);
    add_depth(out, &d->between);
    bool few = d->between.subjects < FEW_SUBJECTS, undecided = !(d->between.low > 0 || d->between.high < 0);
    buffer_printf(out, "<td>%s</td></tr>\n", !there ? "" : few ? "not testable here" : undecided ? "undecided"
                                             : d->between.mean > 0 ? "deeper" : "earlier");
    buffer_free(&name);
}

/* Of a flow's measures one is enough. */
static bool is_sum(const char *metric)
{
    return strcmp(metric, "recovered") == 0 || strcmp(metric, "sum_norm") == 0;
}

void sweep_page_depths(buffer *out, const sweep_contrast *c)
{
    if (c->depth_count == 0)
        return;
    buffer_text(out, "<section id=\"depths\">\n<h2>Depth of half recovery</h2>\n<p class=\"hint\">Where, behind its "
                     "peak, a curve falls below half of its highest value: layer / L. The difference is drawn in "
                     "pairs, over the subjects that both have.</p>\n<div class=\"scroll\"><table>\n<tr><th></th><th "
                     "class=\"r\">");
    html_safe(out, c->a->label);
    buffer_text(out, "</th><th class=\"r\">");
    html_safe(out, c->b->label);
    buffer_text(out, "</th><th class=\"r\">difference</th><th></th></tr>\n");
    for (size_t i = 0; i < c->depth_count; i++) {
        const sweep_series *s = c->depths[i].difference;
        if (!s->group && (c->depths[i].a.questions || c->depths[i].b.questions) &&
            strncmp(s->name, "head_out:", 9) != 0 && is_sum(s->metric))
            add_depth_row(out, c, &c->depths[i]);
    }
    buffer_text(out, "</table></div>\n</section>\n");
}

/* ---- how it was computed ---- */

static void add_value(buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        html_safe(out, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    html_safe(out, text ? text : "");
    free(text);
}

static void add_entries(buffer *out, const char *what, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (json_is_null(value))
            continue;
        buffer_text(out, "<dt>");
        html_safe(out, what);
        buffer_text(out, ": ");
        html_safe(out, key);
        buffer_text(out, "</dt><dd>");
        add_value(out, value);
        buffer_text(out, "</dd>\n");
    }
}

static void add_store_facts(buffer *out, const sweep_summary *s, bool labelled)
{
    if (labelled) {
        buffer_text(out, "<h3>");
        html_safe(out, s->label);
        buffer_text(out, "</h3>\n");
    }
    buffer_text(out, "<dl>\n<dt>Store</dt><dd>");
    html_safe(out, s->path);
    buffer_text(out, "</dd>\n<dt>Method</dt><dd>");
    html_safe(out, s->about->method);
    buffer_text(out, "</dd>\n");
    add_entries(out, "Model", s->about->model);
    add_entries(out, "Data set", s->about->dataset);
    add_entries(out, "Option", s->about->options);
    buffer_text(out, "</dl>\n");
}

void sweep_page_facts(buffer *out, const sweep_page *p)
{
    buffer_text(out, "<div class=\"beside\">\n<section id=\"facts\">\n<h2>How it was computed</h2>\n");
    for (size_t i = 0; i < p->count; i++)
        add_store_facts(out, &p->summaries[i], p->count > 1);
    buffer_text(out, "</section>\n<section id=\"meaning\">\n<h2>What it means</h2>\n<p>Every interval is of 95 %: the "
                     "2.5th and 97.5th percentile of 10,000 bootstrap resamples of <b>subjects</b>, each with all its "
                     "questions, since questions about one subject are not independent. Where an interval holds 0 (of "
                     "a difference) the question is <b>undecided</b>; under 30 subjects it is <b>not testable "
                     "here</b>.</p>\n");
    if (strcmp(p->summaries[0].about->method, "trace") == 0)
        buffer_text(out, "<p>A cell shows that the restored activations are enough under that corruption, not where a "
                         "fact is stored. Restoring every changed row at layer 0 undoes the corruption by "
                         "construction: &ldquo;early&rdquo; may be said only of windows that leave layer 0 out and lie "
                         "above the control tokens&rsquo;.</p>\n");
    buffer_text(out, "</section>\n</div>\n");
}
