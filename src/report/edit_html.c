/* edit_html.c: edits as a page that stands alone, without a script (edit_report.h, docs/formats.md). */
#include "report/edit_page.h"
#include "report/edit_words.h"
#include "report/markup.h"
#include "report/page.h"

static void add_head(buffer *out, const edit_report *r)
{
    buffer shorter = {0};
    size_t count = edit_request_count(r);
    if (count == 1)
        text_shorten(&shorter, edit_question(r->run->measured.results[0].edited.question), 40);
    else
        buffer_printf(&shorter, "%zu requests", count);
    buffer_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                     "content=\"width=device-width, initial-scale=1\">\n<title>Edit: ");
    markup(out, shorter.data);
    buffer_text(out, "</title>\n<style>\n");
    buffer_text(out, page_css);
    buffer_text(out, "</style>\n</head>\n<body>\n");
    buffer_free(&shorter);
}

void report_edit_html(const edit_report *r, buffer *out)
{
    add_head(out, r);
    edit_page_header(out, r);
    edit_page_search(out, r);
    buffer_text(out, "<main>\n");
    if (edit_is_sweep(r)) {
        edit_page_layers(out, r);
    } else {
        edit_page_measures(out, r);
        edit_page_requests(out, r);
        edit_page_rephrasings(out, r);
        edit_page_neighbours(out, r);
        edit_page_evaluation(out, r);
    }
    buffer_text(out, "<div class=\"beside\">\n");
    edit_page_facts(out, r);
    edit_page_meaning(out, r);
    buffer_text(out, "</div>\n</main>\n<footer>Made by patchbay. The same numbers, in full precision, are in "
                     "edit.json");
    buffer_text(out, r->factors ? " and edit.npz beside this file" : " beside this file");
    buffer_text(out, "; edit.svg is the figure for a paper.</footer>\n</body>\n</html>\n");
}
