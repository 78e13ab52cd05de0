/* edit_tables.c: what an edit's page says in tables: answers before and after, how it was computed, what may be said
 * from it (edit_page.h). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "report/edit_page.h"
#include "report/edit_words.h"
#include "report/html.h"
#include "report/markup.h"

/* ---- cells ---- */

/* `good`: it is coloured so. */
static void add_answer(buffer *out, const measure_answer *a, bool good)
{
    buffer label = {0};
    edit_answer_label(a, &label);
    buffer_text(out, good ? "<td class=\"right\">" : "<td>");
    markup(out, label.data);
    buffer_text(out, "</td>");
    buffer_free(&label);
}

/* Empty where there is none. */
static void add_prob(buffer *out, double prob)
{
    buffer_text(out, "<td class=\"r\">");
    if (!isnan(prob))
        text_prob(out, prob);
    buffer_text(out, "</td>");
}

/* A question, and below it in small letters its picture and its id. */
static void add_asked(buffer *out, const measure_question *q)
{
    buffer_text(out, "<td class=\"asked\">");
    html_safe(out, edit_question(q));
    if (q->asked.image || q->id) {
        buffer_text(out, " <span class=\"note\">");
        html_safe(out, q->asked.image ? path_base(q->asked.image) : "");
        buffer_text(out, q->asked.image && q->id ? ", " : "");
        html_safe(out, q->id);
        buffer_text(out, "</span>");
    }
    buffer_text(out, "</td>");
}

/* The number of the request, where there are several. */
static void add_number(buffer *out, const edit_report *r, size_t request)
{
    if (edit_request_count(r) > 1)
        buffer_printf(out, "<td class=\"r\">%zu</td>", request);
}

static void open_table(buffer *out, const edit_report *r, const char *title, const char *note, const char *more)
{
    buffer_printf(out, "<section>\n<h2>%s</h2>\n<p class=\"note\">%s</p>\n<div class=\"scroll\"><table>\n<tr>%s<th>"
                  "question</th><th>before</th><th>after</th>%s</tr>\n", title, note,
                  edit_request_count(r) > 1 ? "<th class=\"r\">request</th>" : "", more);
}

static void close_table(buffer *out)
{
    buffer_text(out, "</table></div>\n</section>\n");
}

#define PROB_COLUMNS "<th class=\"r\">p(target) before</th><th class=\"r\">after</th>"

/* Opens a row; where the target is wanted, answers that hold it are coloured. */
static void add_pair(buffer *out, const edit_report *r, size_t request, const measured *m, bool wanted)
{
    buffer_text(out, "<tr>");
    add_number(out, r, request);
    add_asked(out, m->question);
    add_answer(out, &m->before, wanted && m->before.right);
    add_answer(out, &m->after, wanted && m->after.right);
    add_prob(out, m->before.prob);
    add_prob(out, m->after.prob);
}

/* ---- the tables ---- */

void edit_page_requests(buffer *out, const edit_report *r)
{
    size_t count = edit_request_count(r);
    if (count == 1)
        return; /* the page's top says it */
    open_table(out, r, "The edited questions", "Green: the answer holds the target.",
               PROB_COLUMNS "<th>target</th><th class=\"r\">|&delta;|</th>");
    for (size_t i = 0; i < count; i++) {
        add_pair(out, r, i, &r->run->measured.results[i].edited, true);
        buffer_text(out, "<td>");
        html_safe(out, r->run->requests[i].target);
        buffer_printf(out, "</td><td class=\"r\">%.3g</td></tr>\n", r->run->found[i].delta_norm);
    }
    close_table(out);
}

void edit_page_rephrasings(buffer *out, const edit_report *r)
{
    if (r->run->summary.rephrasings.after_right.questions + r->run->summary.pictures.after_right.questions == 0)
        return;
    open_table(out, r, "In other words, and about other pictures of the same subject",
               "Green: the answer holds the target.", PROB_COLUMNS);
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const measured_list *lists[] = {&r->run->measured.results[i].rephrasings,
                                        &r->run->measured.results[i].pictures};
        for (size_t l = 0; l < 2; l++)
            for (size_t k = 0; k < lists[l]->count; k++) {
                add_pair(out, r, i, &lists[l]->items[k], true);
                buffer_text(out, "</tr>\n");
            }
    }
    close_table(out);
}

void edit_page_neighbours(buffer *out, const edit_report *r)
{
    if (r->run->summary.neighbourhood.kept.questions == 0)
        return;
    open_table(out, r, "The same question about other subjects",
               "These answers should stay as they were. The cosine is between the key there and the edited one: near "
               "1, the edited matrix can hardly tell the two pictures apart.",
               PROB_COLUMNS "<th></th><th class=\"r\">cosine</th>");
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const measured_list *of = &r->run->measured.results[i].neighbours;
        for (size_t k = 0; k < of->count; k++) {
            add_pair(out, r, i, &of->items[k], false);
            buffer_text(out, of->items[k].kept ? "<td>kept</td>" : "<td class=\"changed\">changed</td>");
            if (isnan(of->items[k].key_cosine))
                buffer_text(out, "<td></td></tr>\n");
            else
                buffer_printf(out, "<td class=\"r\">%.3f</td></tr>\n", of->items[k].key_cosine);
        }
    }
    close_table(out);
}

static void add_share(buffer *out, const interval *i)
{
    buffer_text(out, "<td class=\"r\">");
    if (i->questions)
        edit_share(i, out);
    buffer_text(out, "</td>");
}

void edit_page_layers(buffer *out, const edit_report *r)
{
    static const char *const columns[] = {"layer", "answer the target", "p(target)", "in other words", "other pictures",
                                          "neighbours kept", "unrelated right", "KL"};
    buffer_text(out, "<section>\n<h2>Layer by layer</h2>\n<div class=\"scroll\"><table>\n<tr>");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        buffer_printf(out, "<th class=\"r\">%s</th>", columns[i]);
    buffer_text(out, "</tr>\n");
    for (size_t i = 0; i < r->run->layer_count; i++) {
        const measure_summary *s = &r->run->layers[i].summary;
        buffer_printf(out, "<tr><td class=\"r\">%zu</td>", r->run->layers[i].layer);
        add_share(out, &s->edited.after_right);
        add_prob(out, s->edited.after_prob.mean);
        add_share(out, &s->rephrasings.after_right);
        add_share(out, &s->pictures.after_right);
        add_share(out, &s->neighbourhood.kept);
        add_share(out, &s->specificity.after);
        add_prob(out, s->specificity.kl.questions ? s->specificity.kl.mean : NAN);
        buffer_text(out, "</tr>\n");
    }
    close_table(out);
}

/* "lost", "gained", "other words" where the answer changed without that, or nothing. */
static const char *verdict(const measured *m)
{
    if (m->before.right != m->after.right)
        return m->after.right ? "gained" : "lost";
    return m->kept ? "" : "changed";
}

static void add_evaluated(buffer *out, const edit_report *r, size_t request, const measured *m)
{
    const char *word = verdict(m);
    buffer_text(out, "<tr>");
    add_number(out, r, request);
    add_asked(out, m->question);
    add_answer(out, &m->before, m->before.right);
    add_answer(out, &m->after, m->after.right);
    buffer_printf(out, "<td%s>%s</td>", strcmp(word, "lost") == 0 ? " class=\"changed\"" : "", word);
    add_prob(out, m->kl);
    buffer_text(out, "</tr>\n");
}

/* Those whose answers changed, or those that stayed. */
static size_t add_evaluation(buffer *out, const edit_report *r, bool changed)
{
    size_t count = 0;
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const measured_list *of = &r->run->measured.results[i].evaluation;
        for (size_t k = 0; k < of->count; k++)
            if ((*verdict(&of->items[k]) != '\0') == changed) {
                add_evaluated(out, r, i, &of->items[k]);
                count++;
            }
    }
    return count;
}

void edit_page_evaluation(buffer *out, const edit_report *r)
{
    static const char more[] = "<th></th><th class=\"r\">KL</th>";
    buffer rows = {0};
    if (r->run->summary.specificity.after.questions == 0)
        return;
    size_t changed = add_evaluation(&rows, r, true);
    open_table(out, r, "Unrelated questions whose answers changed",
               changed ? "Green: an accepted answer." : "None.", more);
    buffer_add(out, rows.data, rows.size);
    close_table(out);
    rows.size = 0;
    size_t kept = add_evaluation(&rows, r, false);
    if (kept) {
        buffer_printf(out, "<details><summary>%zu whose answers stayed</summary>\n<div class=\"scroll\"><table>\n<tr>%s"
                      "<th>question</th><th>before</th><th>after</th>%s</tr>\n", kept,
                      edit_request_count(r) > 1 ? "<th class=\"r\">request</th>" : "", more);
        buffer_add(out, rows.data, rows.size);
        buffer_text(out, "</table></div>\n</details>\n");
    }
    buffer_free(&rows);
}

/* ---- facts ---- */

static void fact_model(buffer *out, const edit_report *r)
{
    html_open_fact(out, "Model");
    html_safe(out, r->about.model_path);
    buffer_text(out, " (");
    html_safe(out, r->about.family);
    buffer_printf(out, ", %zu layers, width %zu), computed in ", r->about.layers, r->about.d_model);
    html_safe(out, r->about.dtype);
    html_close_fact(out);
}

static void fact_method(buffer *out, const edit_report *r)
{
    const edit_settings *s = &r->run->settings;
    html_open_fact(out, "Method");
    buffer_printf(out, "%s of ", edit_method_name(s->method));
    edit_place(r, out);
    html_close_fact(out);
    html_open_fact(out, "Numbers");
    buffer_printf(out, "preset %s: %zu steps, lr %g", r->preset, s->steps, s->lr);
    if (s->method == EDIT_MULTEDIT)
        buffer_printf(out, ", weight decay %g, clamp %g, &lambda; %g", s->weight_decay, s->clamp, s->lambda);
    if (s->method == EDIT_FT_CONSTRAINED)
        buffer_printf(out, ", &epsilon; %g", s->epsilon);
    if (s->keep_count)
        buffer_printf(out, "; %zu question%s kept in the closed form", s->keep_count, s->keep_count == 1 ? "" : "s");
    html_close_fact(out);
}

static void fact_target(buffer *out, const edit_report *r)
{
    const measure_request *q = &r->run->requests[0];
    html_open_fact(out, "Target");
    html_safe(out, q->target);
    size_t count = edit_target_count(r, 0);
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, i ? ", %d" : count > 1 ? " (tokens %d" : " (token %d", r->run->targets[0][i]);
    buffer_text(out, count < r->run->target_counts[0] ? ", its first)" : ")");
    html_close_fact(out);
    if (r->run->settings.method != EDIT_MULTEDIT)
        return;
    html_open_fact(out, "Key");
    buffer_printf(out, "position %zu, the last of ", r->run->found[0].key_position);
    if (r->run->settings.key) {
        html_safe(out, r->run->settings.key);
    } else {
        buffer_text(out, "&ldquo;");
        html_safe(out, q->question.asked.constraints[0]);
        buffer_text(out, "&rdquo;");
    }
    html_close_fact(out);
}

static void fact_change(buffer *out, const edit_report *r)
{
    bool multedit = r->run->settings.method == EDIT_MULTEDIT;
    html_open_fact(out, "Change");
    buffer_printf(out, multedit ? "|&delta;| = %.4g" : "|W* &minus; W| = %.4g", r->run->found[0].delta_norm);
    html_close_fact(out);
}

static void fact_cost(buffer *out, const edit_report *r)
{
    const edit_cost *c = &r->run->cost;
    html_open_fact(out, "Cost");
    buffer_printf(out, "%.3g s for ", c->seconds);
    html_si(out, c->flop);
    buffer_printf(out, "FLOP; %.2f GB of memory at most", (double)c->peak_rss_bytes / 1e9);
    html_close_fact(out);
}

void edit_page_facts(buffer *out, const edit_report *r)
{
    buffer_text(out, "<section>\n<h2>How it was computed</h2>\n<dl>\n");
    fact_model(out, r);
    fact_method(out, r);
    if (edit_request_count(r) == 1) {
        fact_target(out, r);
        if (!edit_is_sweep(r))
            fact_change(out, r);
    }
    if (edit_is_joint(r)) {
        html_open_fact(out, "Keys");
        buffer_printf(out, "the largest cosine between two is %.3f", r->run->e.largest_key_cosine);
        html_close_fact(out);
    }
    fact_cost(out, r);
    buffer_text(out, "</dl>\n</section>\n");
}

/* ---- meaning ---- */

void edit_page_meaning(buffer *out, const edit_report *r)
{
    bool multedit = r->run->settings.method == EDIT_MULTEDIT;
    buffer_text(out, "<section>\n<h2>What may be said from it</h2>\n<p>");
    buffer_text(out, multedit ? "The edit adds one direction to what a matrix answers to one key. That it works shows "
                                "that the answer can be changed there, not that the fact is stored there. "
                              : "Fine-tuning moves whatever lowers the loss. That it works says nothing about where "
                                "the fact is stored. ");
    buffer_text(out, "Efficacy alone is easy: an edit that ignores the picture has it. Read it beside the "
                     "neighbourhood and the unrelated questions. ");
    if (edit_request_count(r) == 1)
        buffer_text(out, "One edit is an example; many, with intervals, are evidence.");
    buffer_text(out, "</p>\n</section>\n");
}
