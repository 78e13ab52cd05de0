/* trace_page.c: the top of a trace's page: the question, what happened to its answer, the picture and the prompt; and
 * the words that all parts of the page use (trace_page.h). */
#include "report/trace_page.h"

#include <string.h>

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

/* The question, each constraint in it marked where it first stands (by its words, ASCII case aside). */
static void add_question(buffer *out, const trace_report *r)
{
    const prompt *p = r->about.prompt;
    buffer asked = {0};
    about_question(p, &asked);
    const char *at = asked.data, *hit = NULL, *found = p->constraint_count ? p->constraint_texts[0] : "";
    size_t n = strlen(found);
    for (const char *c = at; n && *c && !hit; c++)
        if (strncasecmp(c, found, n) == 0)
            hit = c;
    if (hit) {
        text_markup(out, at, (size_t)(hit - at));
        buffer_text(out, "<mark>");
        text_markup(out, hit, n);
        buffer_text(out, "</mark>");
        at = hit + n;
    }
    markup(out, at);
    buffer_free(&asked);
}

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
    bool own = t->answer_count && t->clean.top_id[0] == t->answer[0];
    buffer corruption = {0};
    buffer_text(out, own ? "<p class=\"lead\">The model answers <b>" : "<p class=\"lead\">The answer traced is <b>");
    html_answer(out, r);
    buffer_text(out, "</b>, with probability ");
    html_prob(out, t->clean.prob);
    buffer_text(out, ". Under the corruption <b>");
    trace_corruption(r, &corruption);
    markup(out, corruption.data);
    buffer_text(out, "</b> that ");
    add_loss(out, r);
    buffer_text(out, t->direction == TRACE_DENOISE
                         ? ". Which of the clean run&rsquo;s activations, put back, restore the answer?</p>\n"
                         : ". Which of the corrupted run&rsquo;s activations, put into the clean run, take it away?"
                           "</p>\n");
    buffer_free(&corruption);
}

void page_header(buffer *out, const trace_report *r)
{
    buffer name = {0};
    about_model_name(&r->about, &name);
    buffer_text(out, "<header>\n<p class=\"eyebrow\">Causal trace &middot; ");
    text_markup(out, name.data, name.size);
    buffer_text(out, "</p>\n<h1>");
    add_question(out, r);
    buffer_text(out, "</h1>\n");
    add_lead(out, r);
    if (r->trace->primed)
        buffer_text(out, "<p class=\"badge\"><b>Primed.</b> What the corrupted run says is the very token that was "
                         "swapped in: it repeats the corruption rather than lose the fact.</p>\n");
    if (r->trace->weak)
        buffer_text(out, r->trace->corrupted.prob < r->trace->clean.prob
                             ? "<p class=\"badge\"><b>Weak.</b> The corruption costs the answer less than 0.1: there is "
                               "little to bring back, and the shares below are of a small number.</p>\n"
                             : "<p class=\"badge\"><b>Weak.</b> The corruption does not make the answer less likely: "
                               "there is nothing to bring back.</p>\n");
    buffer_text(out, "</header>\n");
    buffer_free(&name);
}

/* ---- input ---- */

static void add_picture(buffer *out, const trace_report *r)
{
    if (!r->about.image_path)
        return;
    html_open_picture(out, r->about.image_path);
    buffer_printf(out, ", %zu &times; %zu pixels, %zu rows", r->about.image_width, r->about.image_height, r->about.prompt->image_count);
    html_close_picture(out);
}

/* One token as a <span>, classed by its span; a newline is shown and obeyed. */
static void add_prompt_token(buffer *out, const trace_report *r, size_t at)
{
    buffer name = {0}, text = {0}, visible = {0};
    int32_t id = r->about.prompt->ids[at];
    about_span_name(r->about.prompt, at, &name);
    tokenizer_token_text(r->about.tokenizer, id, &text);
    text_visible(&visible, text.data, text.size);
    size_t class_size = strcspn(name.data, ":");
    buffer_printf(out, "<span class=\"t %.*s\" title=\"position %zu, id %d, %s\">", (int)class_size, name.data, at, id,
                  name.data);
    text_markup(out, visible.data, visible.size);
    buffer_text(out, "</span>");
    if (text.size && text.data[text.size - 1] == '\n')
        buffer_text(out, "\n");
    buffer_free(&name);
    buffer_free(&text);
    buffer_free(&visible);
}

static void add_prompt(buffer *out, const trace_report *r)
{
    const prompt *p = r->about.prompt;
    buffer_printf(out, "<div class=\"prompt\">\n<h2>The prompt, %zu rows</h2>\n<p class=\"tokens\">", p->length);
    for (size_t at = 0; at < p->length; at++) {
        if (!p->image_count || at != p->image_first) {
            add_prompt_token(out, r, at);
            continue;
        }
        buffer_printf(out, "<span class=\"t image\" title=\"positions %zu to %zu\">image, %zu rows</span>", at,
                      at + p->image_count - 1, p->image_count);
        at += p->image_count - 1;
    }
    buffer_text(out, "</p>\n<p class=\"key\">");
    if (p->constraint_count)
        buffer_text(out, "<span><span class=\"t constraint\">abc</span>constraint</span> ");
    buffer_text(out, "<span><span class=\"t question\">abc</span>question</span> "
                     "<span><span class=\"t last\">abc</span>last row: predicts the answer</span></p>\n</div>\n");
}

void page_input(buffer *out, const trace_report *r)
{
    buffer_text(out, "<section class=\"top\">\n");
    add_picture(out, r);
    add_prompt(out, r);
    buffer_text(out, "</section>\n");
}
