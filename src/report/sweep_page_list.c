/* sweep_page_list.c: the frame of the list of questions, and what its script needs to know (sweep_page_parts.h). */
#include <string.h>

#include "report/html.h"
#include "report/markup.h"
#include "report/sweep_page_parts.h"
#include "report/sweep_words.h"

/* What was rounded, and what was left out. */
static void add_rounding(buffer *out, const question_packed *packed)
{
    buffer_printf(out, "<p class=\"note\" id=\"rounding\">Traces of single questions are rounded here, to 1/%u of the "
                       "range of their values (off by at most %.2g %% of it)", packed->levels, 50.0 / packed->levels);
    if (!packed->all_parts)
        buffer_text(out, "; log probabilities, single heads and further measures are left out of the page");
    buffer_text(out, ". The store has all of them in full.");
    if (packed->left_out) {
        buffer_text(out, " So that the page stays small, the traces of the last ");
        html_count(out, packed->left_out);
        buffer_text(out, " questions are left out.");
    }
    buffer_text(out, "</p>\n");
}

static void add_finder(buffer *out, const sweep_page *p)
{
    buffer_text(out, "<form class=\"finder\" role=\"search\">\n<label>Search <input type=\"search\" id=\"find\" "
                     "autocomplete=\"off\" placeholder=\"words of the question, subject, answer, id\"></label>\n");
    if (p->count > 1) {
        buffer_text(out, "<label>Store <select id=\"store\">");
        for (size_t i = 0; i < p->count; i++) {
            buffer_printf(out, "<option value=\"%zu\">", i);
            html_safe(out, p->summaries[i].label);
            buffer_text(out, "</option>");
        }
        buffer_text(out, "</select></label>\n");
    }
    buffer_text(out, "<label>Status <select id=\"status\"><option value=\"\">any</option></select></label>\n"
                     "<label>Answer <select id=\"right\"><option value=\"\">any</option><option "
                     "value=\"1\">right</option><option value=\"0\">wrong</option><option value=\"-\">not "
                     "known</option></select></label>\n<label>Relation <select id=\"relation\"><option "
                     "value=\"\">any</option></select></label>\n<output id=\"found\"></output>\n</form>\n");
}

static void add_columns(buffer *out)
{
    static const char *const columns[][2] = {{"id", "id"}, {"question", "question"}, {"subject", "subject"},
                                             {"relation", "relation"}, {"status", "status"}, {"answer", "answer"},
                                             {"right", "right"}, {"clean", "clean"}, {"corrupted", "corrupted"}};
    buffer_text(out, "<div class=\"head\" role=\"row\">");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        buffer_printf(out, "<button type=\"button\" role=\"columnheader\" class=\"c-%s\" data-column=\"%s\" "
                           "title=\"Sort by %s\">%s</button>",
                      columns[i][0], columns[i][0], columns[i][1], columns[i][1]);
    buffer_text(out, "</div>\n");
}

void sweep_page_questions(buffer *out, const sweep_page *p, const question_packed *packed)
{
    buffer_text(out, "<section id=\"questions\">\n<h2>Every question</h2>\n<p class=\"hint\">Click a question, or move "
                     "with the arrow keys and press Enter, to see its own trace. Column heads "
                     "sort.</p>\n<noscript><p class=\"badge\">The list needs a script; questions.csv has the "
                     "same.</p></noscript>\n");
    add_finder(out, p);
    buffer_text(out, "<div class=\"browser\">\n<div class=\"grid-of-questions\" role=\"grid\" "
                     "aria-label=\"Questions\">\n");
    add_columns(out);
    buffer_text(out, "<div class=\"rows\" id=\"rows\" tabindex=\"0\" role=\"rowgroup\" aria-label=\"Questions: arrow "
                     "keys move, Enter opens\"><div id=\"sheet\"></div></div>\n</div>\n<div id=\"one\" "
                     "aria-live=\"polite\"><p class=\"note\">No question is open.</p></div>\n</div>\n<p class=\"note "
                     "on-paper\">The list of questions is left out on paper: questions.csv has it.</p>\n");
    if (packed->traced)
        add_rounding(out, packed);
    buffer_text(out, "</section>\n");
}

/* ---- data ---- */

static void add_script_text(buffer *out, const char *text)
{
    html_script_text(out, text ? text : "", text ? strlen(text) : 0);
}

static bool seen_before(const sweep_summary *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(s->series[k].name, s->series[i].name) == 0)
            return true;
    return false;
}

/* "attn_out": ["Attention output", "reds"], ... */
static void add_titles(buffer *out, const sweep_summary *s)
{
    bool traces = strcmp(s->about->method, "trace") == 0;
    size_t added = 0;
    buffer_text(out, "{");
    for (size_t i = 0; i < s->series_count; i++) {
        buffer title = {0};
        if (seen_before(s, i))
            continue;
        (traces ? sweep_site_title : sweep_pair_title)(s->series[i].name, &title);
        buffer_text(out, added++ ? "," : "");
        add_script_text(out, s->series[i].name);
        buffer_text(out, ":[");
        add_script_text(out, title.data);
        buffer_printf(out, ",\"%s\"]", sweep_site_palette(s->series[i].name)->name);
        buffer_free(&title);
    }
    buffer_text(out, "}");
}

void sweep_page_data(buffer *out, const sweep_page *p, const question_packed *packed)
{
    buffer_printf(out, "<script type=\"application/json\" id=\"report\">\n{\"levels\":%u,\"chunk\":%d,\"stores\":[",
                  packed->levels, QUESTION_CHUNK);
    for (size_t i = 0; i < p->count; i++) {
        const sweep_summary *s = &p->summaries[i];
        const char *direction = json_string_value(json_object_get(s->about->options, "direction"));
        buffer_text(out, i ? ",\n{\"label\":" : "{\"label\":");
        add_script_text(out, s->label);
        buffer_text(out, ",\"method\":");
        add_script_text(out, s->about->method);
        buffer_text(out, ",\"direction\":");
        add_script_text(out, direction ? direction : "denoise");
        buffer_text(out, ",\"titles\":");
        add_titles(out, s);
        buffer_text(out, "}");
    }
    buffer_text(out, "]}\n</script>\n");
}
