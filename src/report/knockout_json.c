/* knockout_json.c: a knockout as JSON (docs/formats.md): the field names and their order are a contract
 * with other programs. */
#include "report/json_values.h"
#include "report/knockout_report.h"
#include "report/result_files.h"
#include "report/run_json.h"

/* The spans of a curve's pairs, with commas: "image", or "image,constraint" of two pairs cut together. */
static json_t *make_spans(const knockout *k, const knockout_curve *c, bool from)
{
    buffer names = {0};
    for (size_t i = 0; i < c->pair_count; i++) {
        const span_pair *pair = &k->pairs.items[c->first_pair + i];
        buffer_printf(&names, "%s%s", i ? "," : "", from ? pair->from : pair->to);
    }
    json_t *text = make_text(names.data);
    buffer_free(&names);
    return text;
}

/* [{"from", "to", "sources", "destinations"}, ...] with the positions of each pair. */
static json_t *make_pairs(const knockout *k, const knockout_curve *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->pair_count; i++) {
        const span_pair *pair = &k->pairs.items[c->first_pair + i];
        const span *to = &pair->destinations;
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "from", make_text(pair->from),
                                              "to", make_text(pair->to),
                                              "sources", make_positions(pair->sources.positions, pair->sources.count),
                                              "destinations", make_positions(to->positions, to->count)));
    }
    return list;
}

static json_t *make_cuts(const knockout *k)
{
    json_t *list = json_array();
    for (size_t i = 0; i < k->curve_count; i++) {
        const knockout_curve *c = &k->curves[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "from", make_spans(k, c, true), "to",
                                              make_spans(k, c, false), "prob", make_numbers(c->prob, k->layer_count),
                                              "relative", make_numbers(c->relative, k->layer_count), "logprob",
                                              make_numbers(c->logprob, k->layer_count), "pairs", make_pairs(k, c)));
    }
    return list;
}

static json_t *make_windows(const knockout *k)
{
    json_t *list = json_array();
    for (size_t l = 0; l < k->layer_count; l++)
        json_array_append_new(list, json_pack("[o, o]", make_count(k->cut[l][0]), make_count(k->cut[l][1])));
    return list;
}

static json_t *make_verify(const knockout *k)
{
    if (k->verify_cells == 0)
        return json_null();
    return json_pack("{s:o, s:o}", "cells", make_count(k->verify_cells),
                     "max_rel_diff", make_number(k->verify_max_rel_diff));
}

json_t *report_knockout_json(const knockout_report *r)
{
    const knockout *k = r->knockout;
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_string("patchbay.knockout/1"));
    about_json(&r->about, o);
    json_object_set_new(o, "answer", about_answer_json(&r->about, k->answer, k->answer_count));
    json_object_set_new(o, "clean", run_json(&r->about, &k->clean));
    json_object_set_new(o, "window", window_json(k->window_kind, k->window));
    json_object_set_new(o, "layers", make_positions(k->layers, k->layer_count));
    json_object_set_new(o, "cut_layers", make_windows(k));
    json_object_set_new(o, "cuts", make_cuts(k));
    json_object_set_new(o, "verify", make_verify(k));
    json_object_set_new(o, "cost", cells_cost_json(&k->cost));
    return o;
}

pb_status report_knockout_write(const knockout_report *r, const char *directory, pb_error *err)
{
    result_files files = {.name = "knockout", .tree = report_knockout_json(r)};
    report_knockout_svg(r, &files.svg);
    report_knockout_html(r, &files.html);
    return result_files_write(&files, directory, err);
}
