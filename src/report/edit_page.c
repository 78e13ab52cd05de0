/* edit_page.c: the top of an edit's page: what was asked and what became of it, how the search went, all measures
 * (edit_page.h). */
#include "report/edit_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/edit_curves.h"
#include "report/edit_words.h"
#include "report/html.h"
#include "report/markup.h"

/* ---- header ---- */

/* The byte of text at which code point `point` begins. */
static size_t byte_of(const char *text, size_t point)
{
    size_t at = 0;
    for (size_t seen = 0; text[at]; at++)
        if (((unsigned char)text[at] & 0xC0) != 0x80 && seen++ == point)
            break;
    return at;
}

/* Where the first constraint stands: at its place, or where its words are found first (ASCII case aside); or NULL. */
static const char *find_constraint(const pb_question *q, const char *asked)
{
    const char *words = q->constraint_count ? q->constraints[0] : "";
    size_t n = strlen(words);
    if (n && q->constraint_starts && q->constraint_starts[0] != SIZE_MAX)
        return asked + byte_of(asked, q->constraint_starts[0]);
    for (const char *c = asked; n && *c; c++)
        if (strncasecmp(c, words, n) == 0)
            return c;
    return NULL;
}

static void add_safe_n(buffer *out, const char *text, size_t n)
{
    char *part = mem_text_n(text, n);
    html_safe(out, part);
    free(part);
}

static void add_question(buffer *out, const measure_question *q)
{
    const char *asked = edit_question(q), *hit = find_constraint(&q->asked, asked);
    if (hit) {
        size_t n = strlen(q->asked.constraints[0]);
        add_safe_n(out, asked, (size_t)(hit - asked));
        buffer_text(out, "<mark>");
        add_safe_n(out, hit, n);
        buffer_text(out, "</mark>");
        asked = hit + n;
    }
    html_safe(out, asked);
}

static void add_label(buffer *out, const measure_answer *a)
{
    buffer label = {0};
    edit_answer_label(a, &label);
    buffer_text(out, "<b>");
    markup(out, label.data);
    buffer_text(out, "</b>");
    buffer_free(&label);
}

static void add_target(buffer *out, const edit_report *r)
{
    buffer_text(out, "<b>");
    html_safe(out, r->run->requests[0].target);
    buffer_text(out, r->run->target_counts[0] > 1 ? "</b>&rsquo;s first token" : "</b>");
}

/* Of a sweep: what the model says before. */
static void add_lead_of_sweep(buffer *out, const edit_report *r)
{
    const measured *m = &r->run->measured.results[0].edited;
    buffer place = {0};
    edit_place(r, &place);
    buffer_printf(out, "<p class=\"lead\">Edited at %s, one at a time. ", place.data);
    buffer_free(&place);
    if (edit_request_count(r) > 1) {
        buffer_text(out, "Each edit was made in a model of its own.</p>\n");
        return;
    }
    buffer_text(out, "The model answered ");
    add_label(out, &m->before);
    buffer_text(out, "; the probability of ");
    add_target(out, r);
    buffer_text(out, " was ");
    html_prob(out, m->before.prob);
    buffer_text(out, ".</p>\n");
}

/* "The model answered Lisbon. Edited, it answers Madrid: p(Madrid) went from 0.0002 to 0.998." */
static void add_lead(buffer *out, const edit_report *r)
{
    const measured *m = &r->run->measured.results[0].edited;
    buffer_text(out, "<p class=\"lead\">The model answered ");
    add_label(out, &m->before);
    buffer_text(out, m->after.right ? ". Edited, it answers " : ". Edited, it still answers ");
    add_label(out, &m->after);
    buffer_text(out, ": the probability of ");
    add_target(out, r);
    buffer_text(out, " went from ");
    html_prob(out, m->before.prob);
    buffer_text(out, " to ");
    html_prob(out, m->after.prob);
    buffer_text(out, ".</p>\n");
}

static void add_lead_of_many(buffer *out, const edit_report *r)
{
    const measure_success *s = &r->run->summary.edited;
    buffer_text(out, "<p class=\"lead\">Of ");
    html_count(out, s->after_right.questions);
    buffer_printf(out, " questions %.0f are answered with their target, %.0f were before. Mean p(target) went from ",
                  round(s->after_right.mean * (double)s->after_right.questions),
                  round(s->before_right.mean * (double)s->before_right.questions));
    html_prob(out, s->before_prob.mean);
    buffer_text(out, " to ");
    html_prob(out, s->after_prob.mean);
    buffer_text(out, edit_is_joint(r) ? ". All edits are in one model.</p>\n"
                                      : ". Each edit was made in a model of its own.</p>\n");
}

/* What the table of measures might hide. */
static void add_badges(buffer *out, const edit_report *r)
{
    const measure_summary *s = &r->run->summary;
    if (edit_request_count(r) == 1 && !r->run->measured.results[0].edited.after.right)
        buffer_text(out, "<p class=\"badge\"><b>Not reached.</b> The edited model does not answer the target: give the "
                         "search more steps, a larger clamp, or another layer.</p>\n");
    if (s->neighbourhood.kept.questions && s->neighbourhood.kept.mean < 0.5)
        buffer_text(out, "<p class=\"badge\"><b>Blind to the picture.</b> Asked about other pictures, the edited model "
                         "has changed most answers too: the edit acts on the words, whatever they are about.</p>\n");
}

void edit_page_header(buffer *out, const edit_report *r)
{
    buffer name = {0};
    size_t count = edit_request_count(r);
    text_folder_name(&name, r->about.model_path);
    buffer_text(out, "<header>\n<p class=\"eyebrow\">Edit &middot; ");
    markup(out, name.data);
    buffer_text(out, "</p>\n<h1>");
    if (count == 1)
        add_question(out, r->run->measured.results[0].edited.question);
    else
        buffer_printf(out, "%zu requests", count);
    buffer_text(out, "</h1>\n");
    if (edit_is_sweep(r))
        add_lead_of_sweep(out, r);
    else if (count == 1)
        add_lead(out, r);
    else
        add_lead_of_many(out, r);
    if (!edit_is_sweep(r))
        add_badges(out, r);
    buffer_text(out, "</header>\n");
    buffer_free(&name);
}

/* ---- the search ---- */

typedef void curve_fn(buffer *out, const edit_report *r, const curve_box *b);

static void add_curve(buffer *out, const edit_report *r, curve_fn *draw, const char *label)
{
    curve_box b = {.width = 360, .height = 170, .font = 12, .paint = HEAT_CLASSES};
    b.x = curve_left(&b);
    b.y = edit_curves_above(&b);
    double width = b.x + b.width + 8, height = b.y + b.height + curve_below(&b);
    html_open_drawing(out, width, height, label);
    draw(out, r, &b);
    buffer_text(out, "</svg>\n");
}

void edit_page_search(buffer *out, const edit_report *r)
{
    const char *seen = r->run->requests[0].question.asked.image;
    buffer_text(out, "<section class=\"top\">\n");
    if (seen && edit_request_count(r) == 1) {
        html_open_picture(out, seen);
        html_close_picture(out);
    }
    buffer_printf(out, "<div>\n<h2>%s</h2>\n<div class=\"curves-beside\">\n",
                  edit_is_sweep(r) ? "Where it works" : "How the search went");
    add_curve(out, r, edit_left_panel,
              edit_is_sweep(r) ? "What was measured, layer by layer" : "The loss, step by step");
    add_curve(out, r, edit_right_panel, edit_is_sweep(r) ? "The probability of the target, layer by layer"
                                                         : "The probability of the target, step by step");
    buffer_text(out, "</div>\n</div>\n</section>\n");
}

/* ---- measures ---- */

/* One row: a measure, what it counts, how many of how many before and after (NULL: not asked); then details. */
static void open_measure(buffer *out, const char *name, const char *note, const interval *before, const interval *after)
{
    const interval *both[] = {before, after};
    buffer_printf(out, "<tr><td>%s <span class=\"note\">%s</span></td>", name, note);
    for (size_t i = 0; i < 2; i++) {
        buffer_text(out, "<td class=\"r\">");
        if (both[i])
            edit_share(both[i], out);
        buffer_text(out, "</td>");
    }
    buffer_text(out, "<td class=\"num\">");
}

static void close_measure(buffer *out)
{
    buffer_text(out, "</td></tr>\n");
}

static void add_success(buffer *out, const char *name, const char *note, const measure_success *s)
{
    if (s->after_right.questions == 0)
        return;
    open_measure(out, name, note, &s->before_right, &s->after_right);
    buffer_text(out, "p(target) ");
    text_interval(out, &s->before_prob);
    buffer_text(out, " &rarr; ");
    text_interval(out, &s->after_prob);
    close_measure(out);
}

static void add_neighbourhood(buffer *out, const measure_summary *s)
{
    if (s->neighbourhood.kept.questions == 0)
        return;
    open_measure(out, "Neighbourhood", "answers that stay, about other subjects&rsquo; pictures", NULL,
                 &s->neighbourhood.kept);
    buffer_text(out, s->neighbourhood.target_change.mean < 0 ? "p(target) " : "p(target) +");
    text_interval(out, &s->neighbourhood.target_change);
    if (s->neighbourhood.key_cosine.questions)
        buffer_printf(out, "; cosine of keys %.3f", s->neighbourhood.key_cosine.mean);
    close_measure(out);
}

static void add_specificity(buffer *out, const measure_summary *s)
{
    if (s->specificity.after.questions == 0)
        return;
    open_measure(out, "Specificity", "unrelated questions answered right", &s->specificity.before,
                 &s->specificity.after);
    buffer_printf(out, "%zu gained, %zu lost; KL(before &#8214; after) ", s->specificity.gained_count,
                  s->specificity.lost_count);
    text_interval(out, &s->specificity.kl);
    close_measure(out);
}

void edit_page_measures(buffer *out, const edit_report *r)
{
    const measure_summary *s = &r->run->summary;
    buffer_text(out, "<section>\n<h2>What it did</h2>\n<div class=\"scroll\"><table>\n<tr><th></th><th class=\"r\">"
                     "before</th><th class=\"r\">after</th><th></th></tr>\n");
    add_success(out, "Efficacy", "edited questions that answer the target", &s->edited);
    add_success(out, "Generalisation", "the same in other words", &s->rephrasings);
    add_success(out, "", "about other pictures of the same subject", &s->pictures);
    add_neighbourhood(out, s);
    add_specificity(out, s);
    buffer_text(out, "</table></div>\n");
    if (s->edited.after_prob.subjects > 1 || s->specificity.after.subjects > 1)
        buffer_text(out, "<p class=\"note\">Brackets: 95 % bootstrap intervals over subjects.</p>\n");
    buffer_text(out, "</section>\n");
}
