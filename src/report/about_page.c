/* about_page.c: see about_page.h. */
#include "report/about_page.h"

#include <string.h>
#include <strings.h>

#include "report/html.h"
#include "report/markup.h"

/* ---- the question ---- */

/* The question, each constraint in it marked where it first stands (by its words, ASCII case aside). */
void about_page_question(buffer *out, const report_about *a)
{
    const prompt *p = a->prompt;
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

/* ---- input ---- */

static void add_picture(buffer *out, const report_about *a)
{
    if (!a->image_path)
        return;
    html_open_picture(out, a->image_path);
    buffer_printf(out, ", %zu &times; %zu pixels, %zu rows", a->image_width, a->image_height, a->prompt->image_count);
    if (a->image_order) {
        buffer_text(out, ", which stand in the order ");
        html_safe(out, a->image_order);
    }
    html_close_picture(out);
}

/* One token as a <span>, classed by its span; a newline is shown and obeyed. */
static void add_prompt_token(buffer *out, const report_about *a, size_t at)
{
    buffer name = {0}, text = {0}, visible = {0};
    int32_t id = a->prompt->ids[at];
    about_span_name(a->prompt, at, &name);
    tokenizer_token_text(a->tokenizer, id, &text);
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

static void add_prompt(buffer *out, const report_about *a)
{
    const prompt *p = a->prompt;
    buffer_printf(out, "<div class=\"prompt\">\n<h2>The prompt, %zu rows</h2>\n<p class=\"tokens\">", p->length);
    for (size_t at = 0; at < p->length; at++) {
        if (!p->image_count || at != p->image_first) {
            add_prompt_token(out, a, at);
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

void about_page_input(buffer *out, const report_about *a)
{
    buffer_text(out, "<section class=\"top\">\n");
    add_picture(out, a);
    add_prompt(out, a);
    buffer_text(out, "</section>\n");
}
