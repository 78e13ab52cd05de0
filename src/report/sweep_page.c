/* sweep_page.c: puts the page together, and writes it with its figures (sweep_page.h). */
#include "report/sweep_page.h"

#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/markup.h"
#include "report/page.h"
#include "report/sweep_page_parts.h"
#include "report/sweep_words.h"

/* ---- the page ---- */

static void add_head(buffer *out, const sweep_page *p)
{
    const sweep_summary *s = &p->summaries[0];
    buffer_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                     "content=\"width=device-width, initial-scale=1\">\n<title>");
    html_safe(out, sweep_method_title(s->about->method));
    buffer_text(out, " of ");
    html_count(out, s->questions);
    buffer_text(out, " questions</title>\n<style>\n");
    buffer_text(out, page_css);
    buffer_text(out, sweep_page_css);
    html_palette(out, &palette_purples);
    html_palette(out, &palette_greens);
    html_palette(out, &palette_reds);
    buffer_text(out, "</style>\n</head>\n<body>\n");
}

static void add_figures(buffer *out, const sweep_page *p)
{
    for (size_t i = 0; i < p->figures->count; i++)
        panel_figure_html(&p->figures->items[i], out);
}

static void add_foot(buffer *out)
{
    buffer_text(out, "</main>\n<footer>Made by patchbay. The same numbers, in full precision, are in the CSV files "
                     "beside this file; each figure is an SVG file of its own.</footer>\n<div id=\"tip\" "
                     "role=\"status\" hidden></div>\n<div id=\"spoken\" class=\"unseen\" "
                     "aria-live=\"polite\"></div>\n");
}

void sweep_page_html(const sweep_page *p, buffer *out)
{
    buffer tail = {0}, lists = {0}, questions = {0};
    question_packed packed = {0};
    add_head(out, p);
    sweep_page_header(out, p);
    buffer_text(out, "<main>\n");
    sweep_page_counts(out, p);
    add_figures(out, p);
    if (p->contrast)
        sweep_page_depths(out, p->contrast);
    if (p->failures)
        failures_sections(p->failures, p->summaries, p->count, out);
    add_foot(&tail);
    buffer_text(&tail, "<script>\n");
    buffer_text(&tail, sweep_page_js);
    buffer_text(&tail, "</script>\n</body>\n</html>\n");
    sweep_page_facts(&questions, p);
    enum { ROOM = 40000 }; /* for the list's frame and the titles */
    size_t used = out->size + tail.size + questions.size + ROOM;
    question_lists_pack(p->lists, p->count, used < SWEEP_PAGE_BYTES ? SWEEP_PAGE_BYTES - used : 0, &packed, &lists);
    sweep_page_questions(out, p, &packed);
    buffer_add(out, questions.data, questions.size);
    sweep_page_data(out, p, &packed);
    buffer_add(out, lists.data, lists.size);
    buffer_add(out, tail.data, tail.size);
    buffer_free(&tail);
    buffer_free(&lists);
    buffer_free(&questions);
}
