/* about_page.c: see about_page.h. */
#include "report/about_page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/html.h"
#include "report/markup.h"

enum { CONSTRAINT_COLOURS = 4 }; /* classes c0 .. of page.css; further constraints begin again */

/* ---- the question ---- */

/* Where the words stand first in a text, ASCII case aside; NULL: nowhere. */
static const char *find_words(const char *text, const char *words)
{
    size_t n = strlen(words);
    for (; n && *text; text++)
        if (strncasecmp(text, words, n) == 0)
            return text;
    return NULL;
}

/* of[i] of each byte: 1 + the constraint that it belongs to, the first where they overlap; 0: none. */
static unsigned char *constraints_of(const prompt *p, const buffer *asked)
{
    unsigned char *of = mem_new(asked->size + 1, 1);
    for (size_t c = p->constraint_count < 255 ? p->constraint_count : 255; c-- > 0;) {
        const char *hit = find_words(asked->data, p->constraint_texts[c]);
        if (hit)
            memset(of + (hit - asked->data), (int)c + 1, strlen(p->constraint_texts[c]));
    }
    return of;
}

/* The question, each constraint in it marked where its words first stand. */
void about_page_question(buffer *out, const report_about *a)
{
    buffer asked = {0};
    about_question(a->prompt, &asked);
    unsigned char *of = constraints_of(a->prompt, &asked);
    for (size_t i = 0, end; i < asked.size; i = end) {
        for (end = i + 1; end < asked.size && of[end] == of[i]; end++)
            ;
        if (of[i] > 1)
            buffer_printf(out, "<mark class=\"c%d\">", (of[i] - 1) % CONSTRAINT_COLOURS);
        else if (of[i])
            buffer_text(out, "<mark>");
        text_markup(out, asked.data + i, end - i);
        buffer_text(out, of[i] ? "</mark>" : "");
    }
    free(of);
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
    about_token_text(a, id, &text);
    text_visible(&visible, text.data, text.size);
    size_t class_size = strcspn(name.data, ":"),
           constraint = name.data[class_size] ? strtoul(name.data + class_size + 1, NULL, 10) : 0;
    buffer_printf(out, "<span class=\"t %.*s", (int)class_size, name.data);
    if (constraint)
        buffer_printf(out, " c%zu", constraint % CONSTRAINT_COLOURS);
    buffer_printf(out, "\" title=\"position %zu, id %d, %s\">", at, id, name.data);
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
    for (size_t c = 0; c < p->constraint_count && c < CONSTRAINT_COLOURS; c++)
        buffer_printf(out, p->constraint_count == 1 ? "<span><span class=\"t constraint\">abc</span>constraint</span> "
                           : "<span><span class=\"t constraint c%zu\">abc</span>constraint:%zu</span> ", c, c);
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

void about_page_open(buffer *out, const report_about *a, const char *method)
{
    buffer asked = {0}, shorter = {0};
    about_question(a->prompt, &asked);
    text_shorten(&shorter, asked.data, 40);
    buffer_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                     "content=\"width=device-width, initial-scale=1\">\n");
    buffer_printf(out, "<title>%s: ", method);
    text_markup(out, shorter.data, shorter.size);
    buffer_text(out, "</title>\n");
    buffer_free(&asked);
    buffer_free(&shorter);
}

void about_page_header(buffer *out, const report_about *a, const char *method)
{
    buffer name = {0};
    about_model_name(a, &name);
    buffer_printf(out, "<header>\n<p class=\"eyebrow\">%s &middot; ", method);
    text_markup(out, name.data, name.size);
    buffer_text(out, "</p>\n<h1>");
    about_page_question(out, a);
    buffer_text(out, "</h1>\n");
    buffer_free(&name);
}

void about_page_lead(buffer *out, const report_about *a, const int32_t *answer, size_t count, const run_says *clean,
                     const char *followed)
{
    buffer label = {0};
    about_answer_label(a, answer, count, &label);
    if (count && clean->top_id[0] == answer[0])
        buffer_text(out, "<p class=\"lead\">The model answers <b>");
    else
        buffer_printf(out, "<p class=\"lead\">The answer %s is <b>", followed);
    text_markup(out, label.data, label.size);
    buffer_text(out, "</b>, with probability ");
    html_prob(out, clean->prob);
    buffer_free(&label);
}
