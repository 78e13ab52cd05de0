/* lens_json.c: a lens as JSON (docs/formats.md), and as the few lines that are printed. */
#include "report/json_values.h"
#include "report/lens_report.h"
#include "report/markup.h"
#include "report/result_files.h"
#include "report/run_json.h"

/* [layer][position][{"id", "text", "prob"}, ...] */
static json_t *make_top(const lens_report *r)
{
    const lens *n = r->lens;
    json_t *layers = json_array();
    for (size_t l = 0; l < n->layer_count; l++) {
        json_t *row = json_array();
        for (size_t p = 0; p < n->positions.count; p++) {
            size_t at = (l * n->positions.count + p) * n->top;
            json_array_append_new(row, run_top_json(&r->about, n->top_id + at, n->top_prob + at, n->top));
        }
        json_array_append_new(layers, row);
    }
    return layers;
}

static json_t *make_answer_prob(const lens *n)
{
    json_t *layers = json_array();
    for (size_t l = 0; l < n->layer_count; l++)
        json_array_append_new(layers, make_numbers(n->answer_prob + l * n->positions.count, n->positions.count));
    return layers;
}

json_t *report_lens_json(const lens_report *r)
{
    const lens *n = r->lens;
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_string("patchbay.lens/1"));
    about_json(&r->about, o);
    json_object_set_new(o, "answer", about_answer_json(&r->about, n->answer, n->answer_count));
    json_object_set_new(o, "clean", run_json(&r->about, &n->clean));
    json_object_set_new(o, "site", json_string(site_name(n->site)));
    json_object_set_new(o, "positions", make_positions(n->positions.positions, n->positions.count));
    json_object_set_new(o, "layers", make_positions(n->layers, n->layer_count));
    json_object_set_new(o, "top", make_top(r));
    json_object_set_new(o, "answer_prob", make_answer_prob(n));
    json_object_set_new(o, "cost", cost_json(&n->cost));
    return o;
}

/* A label at the left of a field of so many columns; wider characters are not counted as such. */
static void add_padded(buffer *out, const char *text, size_t columns)
{
    size_t used = 0;
    for (const char *at = text; *at; at++)
        used += ((unsigned char)*at & 0xC0) != 0x80;
    buffer_text(out, text);
    for (; used < columns; used++)
        buffer_text(out, " ");
}

void report_lens_text(const lens_report *r, buffer *out)
{
    const lens *n = r->lens;
    size_t P = n->positions.count, last = P - 1, position = n->positions.positions[last];
    buffer answer = {0}, row = {0};
    about_token_label(&r->about, n->answer[0], &answer);
    prompt_row_text(r->about.prompt, r->about.tokenizer, position, &row);
    buffer_printf(out, "What %s of position %zu, \"", site_name(n->site), position);
    text_visible(out, row.data, row.size);
    buffer_printf(out, "\", says through the unembedding:\nlayer  most likely%*sP        P(\"%s\")\n", 8, "",
                  answer.data);
    for (size_t l = 0; l < n->layer_count; l++) {
        size_t at = l * P + last;
        buffer word = {0}, cut = {0};
        about_token_label(&r->about, n->top_id[at * n->top], &word);
        text_shorten(&cut, word.data, 9);
        buffer_printf(out, "%5zu  ", n->layers[l]);
        add_padded(out, cut.data, 18);
        buffer_printf(out, " %-8.4f %.4f\n", n->top_prob[at * n->top], n->answer_prob[at]);
        buffer_free(&word);
        buffer_free(&cut);
    }
    buffer_free(&answer);
    buffer_free(&row);
}

pb_status report_lens_write(const lens_report *r, const char *directory, pb_error *err)
{
    result_files files = {.name = "lens", .tree = report_lens_json(r)};
    report_lens_svg(r, &files.svg);
    report_lens_html(r, &files.html);
    return result_files_write(&files, directory, err);
}
