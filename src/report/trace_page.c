/* trace_page.c: the top of a trace's page: the question and what happened to its answer; and the words that all parts
 * of the page use (trace_page.h). */
#include "report/trace_page.h"

#include <string.h>

#include "report/about_page.h"
#include "report/html.h"
#include "report/markup.h"
#include "report/trace_words.h"

/* ---- words ---- */

void html_token(buffer *out, const trace_report *r, int32_t id)
{
    buffer label = {0};
    about_token_label(&r->about, id, &label);
    text_markup(out, label.data, label.size);
    buffer_free(&label);
}

void html_answer(buffer *out, const trace_report *r)
{
    buffer label = {0};
    trace_answer_label(r, &label);
    text_markup(out, label.data, label.size);
    buffer_free(&label);
}

/* ---- header ---- */

/* ", falls to 0.012 and the model says Paris (0.93) instead" */
static void add_loss(buffer *out, const trace_report *r)
{
    const trace *t = r->trace;
    bool still = t->answer_count && t->corrupted.top_id[0] == t->answer[0];
    buffer_text(out, t->corrupted.prob < t->clean.prob ? "falls to " : "becomes ");
    html_prob(out, t->corrupted.prob);
    if (t->corrupted.top_id[0] < 0)
        return;
    buffer_text(out, still ? ", and the model still says <b>" : ", and the model says <b>");
    html_token(out, r, t->corrupted.top_id[0]);
    buffer_text(out, "</b>");
    if (!still) {
        buffer_text(out, " (");
        html_prob(out, t->corrupted.top_prob[0]);
        buffer_text(out, ") instead");
    }
}

static void add_lead(buffer *out, const trace_report *r)
{
    const trace *t = r->trace;
    buffer corruption = {0};
    about_page_lead(out, &r->about, t->answer, t->answer_count, &t->clean, "traced");
    buffer_text(out, ". Under the corruption <b>");
    trace_corruption(r, &corruption);
    markup(out, corruption.data);
    buffer_text(out, "</b> that ");
    add_loss(out, r);
    if (t->estimates.made)
        buffer_text(out, ". Estimated here, to first order: which activations of the ");
    if (t->estimates.made)
        buffer_text(out, t->direction == TRACE_DENOISE ? "clean run, put back, would restore the answer?</p>\n"
                                                       : "corrupted run, put into the clean run, would take it "
                                                         "away?</p>\n");
    else
        buffer_text(out, t->direction == TRACE_DENOISE
                         ? ". Which of the clean run&rsquo;s activations, put back, restore the answer?</p>\n"
                         : ". Which of the corrupted run&rsquo;s activations, put into the clean run, take it away?"
                           "</p>\n");
    buffer_free(&corruption);
}

static void add_severed(buffer *out, const trace *t)
{
    buffer words = {0};
    trace_severed(t, &words);
    buffer_text(out, "<p class=\"badge\"><b>Severed.</b> ");
    markup(out, words.data);
    buffer_text(out, ": an effect that is weaker here than in the plain trace passes through it.</p>\n");
    buffer_free(&words);
}

void page_header(buffer *out, const trace_report *r)
{
    about_page_header(out, &r->about, trace_method_name(r->trace));
    add_lead(out, r);
    if (r->trace->severed)
        add_severed(out, r->trace);
    if (r->trace->estimates.made)
        buffer_printf(out, "<p class=\"badge\"><b>These are estimates</b>, of all cells by gradients: a preview of a "
                           "trace, not a trace. %s were run as well, and their exact values stand below.</p>\n",
                      r->trace->estimates.exact == trace_cell_total(r->trace) ? "All cells" : "Cells with a ring");
    if (r->trace->primed)
        buffer_text(out, "<p class=\"badge\"><b>Primed.</b> What the corrupted run says is the very token that was "
                         "swapped in: it repeats the corruption rather than lose the fact.</p>\n");
    if (r->trace->weak)
        buffer_text(out, r->trace->corrupted.prob < r->trace->clean.prob
                             ? "<p class=\"badge\"><b>Weak.</b> The corruption costs the answer less than 0.1: there "
                               "is little to bring back, and the shares below are of a small number.</p>\n"
                             : "<p class=\"badge\"><b>Weak.</b> The corruption does not make the answer less likely: "
                               "there is nothing to bring back.</p>\n");
    buffer_text(out, "</header>\n");
}
