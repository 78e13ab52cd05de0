/* edit_text.c: what an edit did, in a few lines for a terminal (edit_report.h). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "report/edit_words.h"
#include "report/markup.h"

static void add_visible(buffer *out, const char *text)
{
    text_visible(out, text, strlen(text));
}

/* `Lisbon -> Madrid, P("Madrid") 0.0002 -> 0.998` */
static void add_change(buffer *out, const measured *m)
{
    edit_answer_label(&m->before, out);
    buffer_text(out, " -> ");
    edit_answer_label(&m->after, out);
    buffer_text(out, ", P(target) ");
    text_prob(out, m->before.prob);
    buffer_text(out, " -> ");
    text_prob(out, m->after.prob);
    buffer_text(out, "\n");
}

static void add_asked(buffer *out, const measure_question *q)
{
    add_visible(out, edit_question(q));
    if (q->asked.image) {
        buffer_text(out, " (");
        add_visible(out, path_base(q->asked.image));
        buffer_text(out, ")");
    }
    buffer_text(out, ": ");
}

static void add_pairs(buffer *out, const measured_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buffer_text(out, "  ");
        add_asked(out, list->items[i].question);
        add_change(out, &list->items[i]);
    }
}

/* How the edit was found. */
static void add_search(buffer *out, const edit_report *r)
{
    size_t n = r->run->settings.steps;
    const edit_request_found *f = &r->run->found[0];
    buffer_printf(out, "%s of ", edit_method_name(r->run->settings.method));
    edit_place(r, out);
    if (edit_request_count(r) == 1)
        buffer_printf(out, ", %zu step%s: loss %.4g -> %.4g, %s %.4g\n", n, n == 1 ? "" : "s", f->loss[0],
                      f->loss[n - 1], r->run->settings.method == EDIT_MULTEDIT ? "|delta|" : "|W* - W|", f->delta_norm);
    else
        buffer_printf(out, ", %zu step%s, %s\n", n, n == 1 ? "" : "s",
                      edit_is_joint(r) ? "all requests in one model" : "each request in a model of its own");
}

/* One request with all that was asked about it; of many, each in a line. */
static void add_requests(buffer *out, const edit_report *r)
{
    size_t count = edit_request_count(r);
    for (size_t i = 0; i < count; i++) {
        const measure_result *result = &r->run->measured.results[i];
        if (count > 1)
            buffer_printf(out, "%zu: ", i);
        add_asked(out, result->edited.question);
        add_change(out, &result->edited);
        if (count == 1) {
            add_pairs(out, &result->rephrasings);
            add_pairs(out, &result->pictures);
        }
    }
}

static void add_success(buffer *out, const char *name, const measure_success *s)
{
    if (s->after_right.questions == 0)
        return;
    buffer_printf(out, "%-15s ", name);
    edit_share(&s->after_right, out);
    buffer_printf(out, " answer%s the target (before: %.0f), P(target) ", s->after_right.questions == 1 ? "s" : "",
                  round(s->before_right.mean * (double)s->before_right.questions));
    text_prob(out, s->before_prob.mean);
    buffer_text(out, " -> ");
    text_interval(out, &s->after_prob);
    buffer_text(out, "\n");
}

static void add_neighbourhood(buffer *out, const measure_summary *s)
{
    if (s->neighbourhood.kept.questions == 0)
        return;
    buffer_printf(out, "%-15s ", "neighbourhood");
    edit_share(&s->neighbourhood.kept, out);
    buffer_printf(out, " keep%s the answer, P(target) %s", s->neighbourhood.kept.questions == 1 ? "s" : "",
                  s->neighbourhood.target_change.mean < 0 ? "" : "+");
    text_prob(out, s->neighbourhood.target_change.mean);
    if (s->neighbourhood.key_cosine.questions)
        buffer_printf(out, ", cosine of keys %.3f", s->neighbourhood.key_cosine.mean);
    buffer_text(out, "\n");
}

static void add_specificity(buffer *out, const measure_summary *s)
{
    if (s->specificity.after.questions == 0)
        return;
    buffer_printf(out, "%-15s ", "specificity");
    edit_share(&s->specificity.after, out);
    buffer_printf(out, " right (before: %.0f): %zu gained, %zu lost, KL ",
                  round(s->specificity.before.mean * (double)s->specificity.before.questions),
                  s->specificity.gained_count, s->specificity.lost_count);
    text_prob(out, s->specificity.kl.mean);
    buffer_text(out, "\n");
}

/* ---- layer by layer ---- */

enum { COLUMN = 15 };

/* "12 of 19", right-aligned; nothing where nothing was asked. */
static void add_column(buffer *out, const interval *i)
{
    buffer text = {0};
    if (i->questions)
        edit_share(i, &text);
    buffer_printf(out, "  %*s", COLUMN, text.data ? text.data : "");
    buffer_free(&text);
}

static void add_layer(buffer *out, const edit_at_layer *at)
{
    const measure_summary *s = &at->summary;
    buffer prob = {0};
    text_prob(&prob, s->edited.after_prob.mean);
    buffer_printf(out, "%5zu", at->layer);
    add_column(out, &s->edited.after_right);
    buffer_printf(out, "  %9s", prob.data);
    add_column(out, &s->rephrasings.after_right);
    add_column(out, &s->pictures.after_right);
    add_column(out, &s->neighbourhood.kept);
    add_column(out, &s->specificity.after);
    buffer_text(out, "\n");
    buffer_free(&prob);
}

static void add_sweep(buffer *out, const edit_report *r)
{
    static const char *const names[] = {"in other words", "other pictures", "neighbours kept", "unrelated right"};
    buffer_printf(out, "layer  %*s  P(target)", COLUMN, "edited");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        buffer_printf(out, "  %*s", COLUMN, names[i]);
    buffer_text(out, "\n");
    for (size_t i = 0; i < r->run->layer_count; i++)
        add_layer(out, &r->run->layers[i]);
}

/* What the model says before. */
static void add_wanted(buffer *out, const edit_report *r)
{
    for (size_t i = 0; i < edit_request_count(r); i++) {
        const measured *m = &r->run->measured.results[i].edited;
        if (edit_request_count(r) > 1)
            buffer_printf(out, "%zu: ", i);
        add_asked(out, m->question);
        edit_answer_label(&m->before, out);
        buffer_text(out, ", P(target) ");
        text_prob(out, m->before.prob);
        buffer_text(out, "\n");
    }
}

void report_edit_text(const edit_report *r, buffer *out)
{
    if (edit_is_sweep(r)) {
        add_wanted(out, r);
        add_sweep(out, r);
        return;
    }
    add_requests(out, r);
    add_search(out, r);
    if (edit_request_count(r) > 1)
        add_success(out, "efficacy", &r->run->summary.edited);
    add_success(out, "rephrasings", &r->run->summary.rephrasings);
    add_success(out, "other pictures", &r->run->summary.pictures);
    add_neighbourhood(out, &r->run->summary);
    add_specificity(out, &r->run->summary);
    if (edit_is_joint(r))
        buffer_printf(out, "%-15s cosine of the nearest two %.3f\n", "keys", r->run->e.largest_key_cosine);
}
