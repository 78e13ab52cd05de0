/* trace_html.c: a trace as a page that stands alone: no network, no second file (report.h, docs/formats.md).
 *
 * The maps are inline SVG and show without a script; a short script shows the values behind them, which the page
 * carries once, as JSON. The colours of cells are classes, so that a dark screen gets its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method/trace_heads.h"
#include "report/about_page.h"
#include "report/heat.h"
#include "report/html.h"
#include "report/markup.h"
#include "report/page.h"
#include "report/trace_page.h"
#include "report/trace_pictures.h"
#include "report/trace_words.h"

/* ---- colours ---- */

/* Rules for the palettes in use: each once. */
static void add_palettes(buffer *out, const trace *t)
{
    const palette *used[SITE_PUT_COUNT] = {0};
    for (size_t s = 0; s < t->site_count; s++)
        used[t->sites[s].site] = palette_of(t->sites[s].site);
    for (size_t s = 0; s < t->vision_count; s++)
        used[t->vision[s].grid.site] = palette_of(t->vision[s].grid.site);
    for (size_t i = 0; i < SITE_PUT_COUNT; i++) {
        bool seen = !used[i];
        for (size_t before = 0; before < i; before++)
            seen = seen || used[before] == used[i];
        if (!seen)
            html_palette(out, used[i]);
    }
}

static void add_style(buffer *out, const trace *t)
{
    buffer_text(out, "<style>\n");
    buffer_text(out, page_css);
    add_palettes(out, t);
    buffer_text(out, picture_map_css);
    buffer_text(out, "</style>\n");
}

/* ---- maps ---- */

static heat_sizes screen_sizes(void)
{
    return (heat_sizes){.font = 12.5, .small = 11, .title = 14, .row = 18, .image = 300, .label = 11};
}

static void add_map(buffer *out, const trace_report *r, const heat_rows *rows, size_t s, const char *answer)
{
    const heat_sizes *sizes = &rows->sizes;
    double cells = fmin(420, fmax(200, 9.0 * (double)r->trace->layer_count));
    double gap = heat_title_gap(r->trace, sizes, cells);
    heat_map map = {.report = r, .grid = &r->trace->sites[s], .rows = rows, .answer = answer,
                    .x = rows->label_width, .y = heat_above(sizes, gap), .width = cells, .title_gap = gap,
                    .labels = HEAT_LABELS, .paint = HEAT_CLASSES};
    double width = map.x + cells + heat_right(sizes), height = map.y + rows->height + heat_below(sizes);
    buffer title = {0};
    trace_site_title(r->trace, map.grid->site, &title);
    buffer_printf(out, "<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" tabindex=\"0\" role=\"img\" "
                  "aria-label=\"%s: heat map of tokens by layers; arrow keys read its cells\" data-site=\"%zu\" "
                  "data-x=\"%.3f\" data-y=\"%.3f\" data-width=\"%.3f\">\n", width, height, width, height, title.data, s,
                  map.x, map.y, map.width);
    heat_draw(out, &map);
    buffer_text(out, "</svg>\n");
    buffer_free(&title);
}

static void add_maps(buffer *out, const trace_report *r, const heat_rows *rows)
{
    buffer answer = {0};
    trace_answer_label(r, &answer);
    buffer_text(out, r->trace->estimates.made ? "<section>\n<h2>Estimates of log p(" : "<section>\n<h2>p(");
    text_markup(out, answer.data, answer.size);
    buffer_text(out, r->trace->direction == TRACE_DENOISE ? ") when one cell is restored</h2>\n"
                                                          : ") when one cell is corrupted</h2>\n");
    buffer_text(out, "<p class=\"hint\">Point at a cell for its values, or focus a map and use the arrow keys. Each "
                     "map has its own colour scale");
    buffer_text(out, r->trace->direction == TRACE_DENOISE
                         ? ", from the corrupted score towards the clean one.</p>\n"
                         : ", from the clean score towards the corrupted one: strong colour is damage.</p>\n");
    buffer_text(out, "<div class=\"maps\">\n");
    for (size_t s = 0; s < r->trace->site_count; s++)
        if (r->trace->sites[s].site != SITE_HEAD_OUT)
            add_map(out, r, rows, s, answer.data);
    buffer_text(out, "</div>\n</section>\n");
    buffer_free(&answer);
}

/* The cells over the picture. */
static void add_pictures(buffer *out, const trace_report *r, const trace_pictures *p)
{
    if (p->count == 0)
        return;
    picture_map_picture(out, &r->about);
    buffer_text(out, "<section>\n<h2>Over the picture</h2>\n<p class=\"hint\">Each cell where its pixels are. The "
                     "slider goes through the layers; point at a cell for its value. A row may carry what the tower "
                     "mixed into it from elsewhere in the picture.</p>\n<div class=\"pm-maps\">\n");
    for (size_t i = 0; i < p->count; i++)
        picture_map_html(out, &p->maps[i], i);
    buffer_text(out, "</div>\n</section>\n");
}

/* ---- data for the script ---- */

static void add_number(buffer *out, double value)
{
    if (isfinite(value))
        buffer_printf(out, "%.4g", value);
    else
        buffer_text(out, "null");
}

/* "name":[[...]...], one array per layer; nothing when there are no values. */
static void add_grid(buffer *out, const trace *t, const char *name, const double *values)
{
    if (!values)
        return;
    buffer_printf(out, ",\n\"%s\":[", name);
    for (size_t l = 0; l < t->layer_count; l++) {
        buffer_text(out, l ? ",[" : "[");
        for (size_t c = 0; c < t->cell_count; c++) {
            buffer_text(out, c ? "," : "");
            add_number(out, values[l * t->cell_count + c]);
        }
        buffer_text(out, "]");
    }
    buffer_text(out, "]");
}

static void add_site_data(buffer *out, const trace *t, const trace_grid *g)
{
    buffer title = {0};
    trace_site_title(t, g->site, &title);
    buffer_printf(out, "{\"title\":\"%s\",\"restored\":[", title.data);
    for (size_t l = 0; l < t->layer_count; l++)
        buffer_printf(out, "%s[%zu,%zu]", l ? "," : "", g->restored[l][0], g->restored[l][1]);
    buffer_text(out, "]");
    add_grid(out, t, "estimate", g->estimate);
    add_grid(out, t, "prob", g->prob);
    add_grid(out, t, "logprob", g->logprob);
    add_grid(out, t, "sd", g->sd);
    add_grid(out, t, "logit_diff", g->logit_diff);
    buffer_text(out, "}");
    buffer_free(&title);
}

/* [label, first position, positions, span] */
static void add_row_data(buffer *out, const trace_report *r, size_t cell)
{
    const trace *t = r->trace;
    const prompt *p = r->about.prompt;
    size_t at = t->cells[cell].count ? t->cells[cell].positions[0] : 0;
    buffer label = {0}, name = {0};
    if (t->groups) {
        text_visible(&label, t->groups[cell], strlen(t->groups[cell]));
    } else {
        about_span_name(p, at, &name);
        if (prompt_is_image(p, at))
            buffer_printf(&label, "image row %zu of %zu", at - p->image_first, p->image_count);
        else
            about_token_label(&r->about, p->ids[at], &label);
    }
    buffer_text(out, "[");
    html_script_text(out, label.data, label.size);
    buffer_printf(out, ",%zu,%zu,\"%s\"]", at, t->cells[cell].count, name.data ? name.data : "");
    buffer_free(&label);
    buffer_free(&name);
}

static void add_rows_data(buffer *out, const trace_report *r, const heat_rows *rows)
{
    buffer_text(out, "\"rows\":[");
    for (size_t c = 0; c < rows->count; c++) {
        buffer_text(out, c ? "," : "");
        add_row_data(out, r, c);
    }
    buffer_text(out, "],\n\"y\":[");
    for (size_t c = 0; c < rows->count; c++)
        buffer_printf(out, "%s[%.2f,%.4g]", c ? "," : "", rows->row[c].top, rows->row[c].height);
    buffer_text(out, "],\n");
}

static void add_data(buffer *out, const trace_report *r, const heat_rows *rows)
{
    const trace *t = r->trace;
    buffer answer = {0};
    trace_answer_label(r, &answer);
    buffer_text(out, "<script type=\"application/json\" id=\"data\">\n{\"answer\":");
    html_script_text(out, answer.data, answer.size);
    buffer_printf(out, ",\"direction\":\"%s\",\"clean\":", t->direction == TRACE_DENOISE ? "denoise" : "noise");
    add_number(out, t->clean.prob);
    buffer_text(out, ",\"corrupted\":");
    add_number(out, t->corrupted.prob);
    buffer_text(out, ",\"unpatched\":");
    add_number(out, trace_unpatched_logprob(t));
    buffer_text(out, ",\n\"layers\":[");
    for (size_t l = 0; l < t->layer_count; l++)
        buffer_printf(out, "%s%zu", l ? "," : "", t->layers[l]);
    buffer_text(out, "],\n");
    add_rows_data(out, r, rows);
    buffer_text(out, "\"sites\":[");
    for (size_t s = 0; s < t->site_count; s++) {
        buffer_text(out, s ? ",\n" : "");
        if (t->sites[s].site == SITE_HEAD_OUT)
            buffer_text(out, "null"); /* whose maps carry their values */
        else
            add_site_data(out, t, &t->sites[s]);
    }
    buffer_text(out, "]}\n</script>\n");
    buffer_free(&answer);
}

/* ---- the page ---- */

static void add_head(buffer *out, const trace_report *r)
{
    about_page_open(out, &r->about, trace_method_name(r->trace));
    add_style(out, r->trace);
    buffer_text(out, "</head>\n<body>\n");
}

void report_trace_html(const trace_report *r, buffer *out)
{
    heat_sizes sizes = screen_sizes();
    heat_rows rows;
    trace_pictures pictures;
    heat_rows_make(&rows, r, &sizes);
    trace_pictures_make(&pictures, r);
    add_head(out, r);
    page_header(out, r);
    about_page_input(out, &r->about);
    buffer_text(out, "<main>\n");
    if (trace_shows_tokens(r->trace))
        add_maps(out, r, &rows);
    page_heads(out, r);
    add_pictures(out, r, &pictures);
    buffer_text(out, "<div class=\"beside\">\n");
    (r->trace->estimates.made ? page_estimates : page_strongest)(out, r);
    page_runs(out, r);
    buffer_text(out, "</div>\n<div class=\"beside\">\n");
    page_facts(out, r);
    page_meaning(out, r);
    buffer_text(out, "</div>\n");
    buffer_printf(out, "</main>\n<footer>Made by patchbay. The same numbers, in full precision, are in %s beside this "
                       "file; %s.svg is the figure for a paper.</footer>\n",
                  r->trace->estimates.made ? "attribute.json" : "trace.json and trace*.npz",
                  r->trace->estimates.made ? "attribute" : "trace");
    buffer_text(out, "<div id=\"tip\" hidden></div>\n<div id=\"spoken\" class=\"unseen\" "
                     "aria-live=\"polite\"></div>\n");
    add_data(out, r, &rows);
    buffer_text(out, "<script>\n");
    buffer_text(out, page_js);
    buffer_text(out, "</script>\n");
    if (pictures.count)
        picture_map_script(out);
    buffer_text(out, "</body>\n</html>\n");
    trace_pictures_free(&pictures);
    heat_rows_free(&rows);
}
