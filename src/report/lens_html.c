/* lens_html.c: a lens as a page that stands alone (lens_report.h): the table of tokens, the last row as curves, the
 * answer over the picture. Everything shows without a script; lens.js tells what stands behind a cell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/about_page.h"
#include "report/curves.h"
#include "report/facts.h"
#include "report/html.h"
#include "report/lens_words.h"
#include "report/markup.h"
#include "report/page.h"
#include "report/picture_map.h"

/* ---- words ---- */

static void add_token(buffer *out, const lens_report *r, int32_t id)
{
    buffer label = {0};
    about_token_label(&r->about, id, &label);
    text_markup(out, label.data, label.size);
    buffer_free(&label);
}

static void add_answer(buffer *out, const lens_report *r)
{
    add_token(out, r, r->lens->answer[0]);
}

/* The row of `last` among the positions; false when it was not asked for. */
static bool find_last(const lens_report *r, size_t *k)
{
    const lens *n = r->lens;
    *k = n->positions.count - 1;
    return n->positions.positions[*k] + 1 == r->about.prompt->length;
}

/* ---- style ---- */

/* Background and ink of the cells' classes: dark words where the colour is light, whatever the screen. */
static void add_levels(buffer *out, const uint32_t *points)
{
    for (int i = 0; i < PALETTE_LEVELS; i++) {
        uint32_t c = palette_level_colour(points, i);
        double light = (0.3 * (c >> 16 & 255) + 0.59 * (c >> 8 & 255) + 0.11 * (c & 255)) / 255;
        buffer_printf(out, "table.lens .q%d{background:#%06x;color:%s}", i, (unsigned)c,
                      light > 0.55 ? "#000" : "#fff");
    }
    buffer_text(out, "\n");
}

static void add_style(buffer *out, const lens_report *r)
{
    const palette *p = palette_of(r->lens->site);
    buffer_text(out, "<style>\n");
    buffer_text(out, page_css);
    buffer_text(out, lens_css);
    add_levels(out, p->light);
    buffer_text(out, "@media (prefers-color-scheme: dark) {\n");
    add_levels(out, p->dark);
    buffer_text(out, "}\n");
    if (lens_image_count(r))
        picture_map_style(out, p);
    buffer_text(out, "</style>\n");
}

/* ---- header ---- */

static void add_lead(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    size_t k, from;
    bool own = n->clean.top_id[0] == n->answer[0];
    buffer_text(out,
                own ? "<p class=\"lead\">The model answers <b>" : "<p class=\"lead\">The answer looked for is <b>");
    add_answer(out, r);
    buffer_text(out, "</b>, with probability ");
    html_prob(out, n->clean.prob);
    buffer_printf(out, ". Here %s is read as if it were the last: what would it say?", lens_site_words(n->site));
    if (find_last(r, &k) && (from = lens_settles(n, k)) < n->layer_count) {
        buffer_printf(out, " The last row says ");
        add_answer(out, r);
        buffer_printf(out, from ? " from layer %zu on." : " from the first layer on.", n->layers[from]);
    }
    buffer_text(out, "</p>\n");
    if (n->answer_count > 1)
        buffer_text(out, "<p class=\"badge\">The probability above is of the whole answer; a row says one token, so "
                         "everything below is of the answer&rsquo;s first.</p>\n");
}

static void add_header(buffer *out, const lens_report *r)
{
    about_page_header(out, &r->about, "Logit lens");
    add_lead(out, r);
    buffer_text(out, "</header>\n");
}

/* ---- the table ---- */

static void add_row_head(buffer *out, const lens_report *r, size_t k)
{
    buffer name = {0}, label = {0};
    size_t at = r->lens->positions.positions[k];
    about_span_name(r->about.prompt, at, &name);
    lens_row_label(r, k, &label);
    size_t class_size = strcspn(name.data, ":");
    buffer_printf(out, "<th scope=\"row\" class=\"%.*s\" title=\"position %zu, %s\">", (int)class_size, name.data, at,
                  name.data);
    text_markup(out, label.data, label.size);
    buffer_text(out, "</th>");
    buffer_free(&name);
    buffer_free(&label);
}

static void add_row(buffer *out, const lens_report *r, size_t k, bool broken)
{
    const lens *n = r->lens;
    buffer_printf(out, "<tr data-k=\"%zu\"%s>", k, broken ? " class=\"broken\"" : "");
    add_row_head(out, r, k);
    for (size_t l = 0; l < n->layer_count; l++) {
        size_t at = lens_cell(n, l, k) * n->top;
        bool says = n->top_id[at] == n->answer[0];
        buffer_printf(out, "<td class=\"q%d%s\">", palette_level(n->top_prob[at]), says ? " says" : "");
        add_token(out, r, n->top_id[at]);
        buffer_text(out, "</td>");
    }
    buffer_text(out, "</tr>\n");
}

/* The rows of the picture, or all others. */
static void add_table(buffer *out, const lens_report *r, bool (*belongs)(const lens_report *, size_t))
{
    const lens *n = r->lens;
    size_t before = SIZE_MAX;
    buffer_text(out, "<div class=\"lens-scroll\"><table class=\"lens\">\n<thead><tr><th scope=\"col\">layer</th>");
    for (size_t l = 0; l < n->layer_count; l++)
        buffer_printf(out, "<th scope=\"col\">%zu</th>", n->layers[l]);
    buffer_text(out, "</tr></thead>\n<tbody>\n");
    for (size_t k = 0; k < n->positions.count; k++) {
        if (!belongs(r, k))
            continue;
        add_row(out, r, k, before != SIZE_MAX && n->positions.positions[k] != before + 1);
        before = n->positions.positions[k];
    }
    buffer_text(out, "</tbody></table></div>\n");
}

static bool is_text(const lens_report *r, size_t k)
{
    return !lens_is_image(r, k);
}

static void add_choice(buffer *out, const lens_report *r)
{
    buffer_text(out, "<p class=\"lens-by\">Colour: <label><input type=\"radio\" name=\"by\" checked disabled> the "
                     "probability of the word shown</label> <label><input type=\"radio\" name=\"by\" id=\"by-answer\" "
                     "disabled> p(");
    add_answer(out, r);
    buffer_text(out, ")</label></p>\n");
}

static void add_text_rows(buffer *out, const lens_report *r)
{
    buffer_text(out, "<section>\n<h2>The most likely next token, row by row and layer by "
                     "layer</h2>\n<p class=\"hint\">Point at a cell for more of its tokens, or focus the table and use "
                     "the arrow keys. Underlined: the answer.</p>\n");
    add_choice(out, r);
    if (lens_image_count(r) < r->lens->positions.count)
        add_table(out, r, is_text);
    buffer_text(out, "</section>\n");
}

/* ---- the last row ---- */

static void add_curves(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    size_t k, L = n->layer_count;
    if (!find_last(r, &k) || L < 2)
        return;
    double *answer = mem_new(L, sizeof *answer), *most = mem_new(L, sizeof *most);
    buffer name = {0};
    buffer_text(&name, "p(");
    lens_answer_label(r, &name);
    buffer_text(&name, ")");
    for (size_t l = 0; l < L; l++) {
        answer[l] = n->answer_prob[lens_cell(n, l, k)];
        most[l] = n->top_prob[lens_cell(n, l, k) * n->top];
    }
    curve both[] = {{.name = "most likely token", .values = most, .colour = 1}, {.name = name.data, .values = answer}};
    curve_panel p = {.title = "The last row", .axis = "layer", .points = L, .first = n->layers[0], .curves = both,
                     .count = 2, .key = true};
    curve_box b = {.width = fmin(680, fmax(260, 24 * (double)L)), .height = 170, .font = 12, .paint = HEAT_CLASSES};
    curve_fit(&p);
    b.x = curve_left(&b);
    b.y = curve_above(&p, &b);
    double width = b.x + b.width + 24, height = b.y + b.height + curve_below(&b);
    buffer_text(out, "<section>\n<div class=\"curves-beside\">");
    html_open_drawing(out, width, height, "Probabilities at the last row over layers");
    curve_draw(out, &p, &b);
    buffer_text(out, "</svg></div>\n</section>\n");
    free(answer);
    free(most);
    buffer_free(&name);
}

/* ---- the picture ---- */

typedef struct word_count {
    int32_t id;
    size_t count;
} word_count;

/* More often first, of equals the smaller id. */
static int compare_counts(const void *a, const void *b)
{
    const word_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* What the picture's rows say in one layer: the commonest words. */
static void add_common(buffer *out, const lens_report *r, size_t l)
{
    enum { SHOWN = 8 };
    const lens *n = r->lens;
    word_count *list = mem_new(n->positions.count, sizeof *list);
    size_t count = 0;
    for (size_t k = 0; k < n->positions.count; k++) {
        size_t i = 0;
        int32_t id = n->top_id[lens_cell(n, l, k) * n->top];
        if (!lens_is_image(r, k))
            continue;
        while (i < count && list[i].id != id)
            i++;
        list[i].id = id;
        list[i].count++;
        count += i == count;
    }
    qsort(list, count, sizeof *list, compare_counts);
    buffer_printf(out, "<tr><td class=\"r\">%zu</td><td>", n->layers[l]);
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        buffer_text(out, i ? " &nbsp; <b>" : "<b>");
        add_token(out, r, list[i].id);
        buffer_printf(out, "</b>&nbsp;&times;%zu", list[i].count);
    }
    buffer_printf(out, "</td><td class=\"r\">%zu</td></tr>\n", count);
    free(list);
}

static void add_image_rows(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    size_t rows = r->about.prompt->image_count, read = lens_image_count(r);
    if (read == 0)
        return;
    double *values = lens_image_values(r);
    buffer title = {0};
    buffer_text(&title, "p(");
    lens_answer_label(r, &title);
    buffer_text(&title, ")");
    picture_map m = {.about = &r->about, .title = "The answer over the picture", .layers = n->layers,
                     .layer_count = n->layer_count, .values = values,
                     .scale = picture_scale_of(values, n->layer_count * rows, title.data),
                     .colours = palette_of(n->site)};
    buffer_text(out, "<section>\n<h2>The picture&rsquo;s rows</h2>\n<p class=\"hint\">No word stands at these rows, "
                     "and nothing trains them to predict one: what the unembedding reads there is a hint, not an "
                     "answer.</p>\n<div class=\"pm-maps\">\n");
    picture_map_html(out, &m, 0);
    buffer_text(out, "<div class=\"scroll\"><h3>What they say most often</h3>\n<table class=\"lens-words\">\n<tr><th "
                     "class=\"r\">layer</th><th>most likely token, and at how many rows</th><th "
                     "class=\"r\">different</th></tr>\n");
    for (size_t l = 0; l < n->layer_count; l++)
        add_common(out, r, l);
    buffer_printf(out, "</table></div>\n</div>\n<details><summary>All %zu rows</summary>\n", read);
    add_table(out, r, lens_is_image);
    buffer_text(out, "</details>\n</section>\n");
    free(values);
    buffer_free(&title);
}

/* ---- facts ---- */

static void add_facts(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    buffer_text(out, "<section>\n<h2>How it was computed</h2>\n<dl>\n");
    fact_model(out, &r->about);
    html_open_fact(out, "Rows");
    buffer_printf(out,
                  "<code>%s</code> at %zu positions in %zu layers, each through the final norm and the unembedding",
                  site_name(n->site), n->positions.count, n->layer_count);
    html_close_fact(out);
    html_open_fact(out, "Kept");
    buffer_printf(out, "the %zu most likely of the vocabulary&rsquo;s tokens, and the answer&rsquo;s", n->top);
    html_close_fact(out);
    html_open_fact(out, "Cost");
    buffer_printf(out, "%.3g s for ", n->cost.seconds);
    html_si(out, n->cost.flop);
    buffer_printf(out, "FLOP; %.2f GB of memory at most", (double)n->cost.peak_rss_bytes / 1e9);
    html_close_fact(out);
    buffer_text(out, "</dl>\n</section>\n");
}

static void add_meaning(buffer *out, const lens_report *r)
{
    buffer_text(out, "<section>\n<h2>What may be said from it</h2>\n<p>");
    buffer_text(out, r->lens->site == SITE_RESID_POST || r->lens->site == SITE_RESID_PRE
                         ? "At the last layer&rsquo;s output these are the model&rsquo;s own probabilities. Before it, "
                           "a direction in the residual stream is read by an end that was trained for the last layer: "
                           "that the answer shows means it is there in the form in which it will be said; that it does "
                           "not show does not mean it is not there in another."
                         : "A single layer&rsquo;s addition is read as if it were the whole residual stream, and the "
                           "final norm scales it up to the same length: a word with a high probability may be a small "
                           "addition that hardly counts.");
    buffer_text(out, " Most rows predict the word after them, not the answer. Nothing here is an intervention: to see "
                     "what the answer depends on, trace it.</p>\n</section>\n");
}

/* ---- data for the script ---- */

static void add_rows_data(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    buffer_text(out, "\"rows\":[");
    for (size_t k = 0; k < n->positions.count; k++) {
        buffer label = {0}, name = {0};
        lens_row_label(r, k, &label);
        about_span_name(r->about.prompt, n->positions.positions[k], &name);
        buffer_text(out, k ? ",[" : "[");
        html_script_text(out, label.data, label.size);
        buffer_printf(out, ",%zu,\"%s\"]", n->positions.positions[k], name.data);
        buffer_free(&label);
        buffer_free(&name);
    }
    buffer_text(out, "],\n");
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Each token's label once. */
static void add_words_data(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    size_t count = n->layer_count * n->positions.count * n->top;
    int32_t *ids = mem_new(count, sizeof *ids);
    memcpy(ids, n->top_id, count * sizeof *ids);
    qsort(ids, count, sizeof *ids, compare_ids);
    buffer_text(out, "\"words\":{");
    for (size_t i = 0; i < count; i++) {
        if (i && ids[i] == ids[i - 1])
            continue;
        buffer label = {0};
        about_token_label(&r->about, ids[i], &label);
        buffer_printf(out, "%s\"%d\":", i ? "," : "", ids[i]);
        html_script_text(out, label.data, label.size);
        buffer_free(&label);
    }
    buffer_text(out, "},\n");
    free(ids);
}

static void add_cells_data(buffer *out, const lens *n)
{
    buffer_text(out, "\"top\":[");
    for (size_t l = 0; l < n->layer_count; l++) {
        buffer_text(out, l ? ",\n[" : "[");
        for (size_t k = 0; k < n->positions.count; k++) {
            size_t at = lens_cell(n, l, k) * n->top;
            buffer_text(out, k ? ",[" : "[");
            for (size_t i = 0; i < n->top; i++)
                buffer_printf(out, "%s%d,%.3g", i ? "," : "", n->top_id[at + i], n->top_prob[at + i]);
            buffer_text(out, "]");
        }
        buffer_text(out, "]");
    }
    buffer_text(out, "],\n\"prob\":[");
    for (size_t l = 0; l < n->layer_count; l++) {
        buffer_text(out, l ? ",\n[" : "[");
        for (size_t k = 0; k < n->positions.count; k++)
            buffer_printf(out, "%s%.3g", k ? "," : "", n->answer_prob[lens_cell(n, l, k)]);
        buffer_text(out, "]");
    }
    buffer_text(out, "]");
}

static void add_data(buffer *out, const lens_report *r)
{
    const lens *n = r->lens;
    buffer answer = {0};
    lens_answer_label(r, &answer);
    buffer_text(out, "<script type=\"application/json\" id=\"lens-data\">\n{\"answer\":");
    html_script_text(out, answer.data, answer.size);
    buffer_text(out, ",\n\"layers\":[");
    for (size_t l = 0; l < n->layer_count; l++)
        buffer_printf(out, "%s%zu", l ? "," : "", n->layers[l]);
    buffer_text(out, "],\n");
    add_rows_data(out, r);
    add_words_data(out, r);
    add_cells_data(out, n);
    buffer_text(out, "}\n</script>\n");
    buffer_free(&answer);
}

/* ---- the page ---- */

static void add_head(buffer *out, const lens_report *r)
{
    about_page_open(out, &r->about, "Logit lens");
    add_style(out, r);
    buffer_text(out, "</head>\n<body>\n");
}

void report_lens_html(const lens_report *r, buffer *out)
{
    add_head(out, r);
    add_header(out, r);
    about_page_input(out, &r->about);
    if (lens_image_count(r))
        picture_map_picture(out, &r->about);
    buffer_text(out, "<main>\n");
    add_text_rows(out, r);
    add_curves(out, r);
    add_image_rows(out, r);
    buffer_text(out, "<div class=\"beside\">\n");
    add_facts(out, r);
    add_meaning(out, r);
    buffer_text(out, "</div>\n</main>\n<footer>Made by patchbay. The same numbers, in full precision, are in lens.json "
                     "beside this file; lens.svg is the figure for a paper.</footer>\n<div id=\"tip\" "
                     "hidden></div>\n<div id=\"spoken\" class=\"unseen\" aria-live=\"polite\"></div>\n");
    add_data(out, r);
    buffer_text(out, "<script>\n");
    buffer_text(out, lens_js);
    buffer_text(out, "</script>\n");
    if (lens_image_count(r))
        picture_map_script(out);
    buffer_text(out, "</body>\n</html>\n");
}
