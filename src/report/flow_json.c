/* flow_json.c: flows as JSON (docs/formats.md), and as all files together (flow_report.h). */
#include "report/flow_report.h"
#include "report/json_values.h"
#include "report/result_files.h"
#include "report/run_json.h"

/* values[layers][width] as one array per layer; null where they were not asked for. */
static json_t *make_matrix(const double *values, size_t layers, size_t width, bool asked)
{
    if (!asked)
        return json_null();
    json_t *rows = json_array();
    for (size_t l = 0; l < layers; l++)
        json_array_append_new(rows, make_numbers(values + l * width, width));
    return rows;
}

static json_t *make_flow(const flow_report *r, size_t pair)
{
    const flow *f = r->flow;
    const span_pair *p = &f->pairs.items[pair];
    const flow_curve *c = &f->curves[pair];
    json_t *o = json_object();
    json_object_set_new(o, "from", make_text(p->from));
    json_object_set_new(o, "to", make_text(p->to));
    json_object_set_new(o, "sources", make_positions(p->sources.positions, p->sources.count));
    json_object_set_new(o, "destinations", make_positions(p->destinations.positions, p->destinations.count));
    for (size_t m = 0; m < FLOW_MEASURES; m++)
        json_object_set_new(o, flow_measures[m].name, make_numbers(flow_values(&flow_measures[m], c), f->layer_count));
    json_object_set_new(o, "per_position",
                        make_matrix(c->per_position, f->layer_count, p->sources.count, r->per_position));
    json_object_set_new(o, "per_head", make_matrix(c->per_head, f->layer_count, f->heads, r->per_head));
    return o;
}

json_t *report_flow_json(const flow_report *r)
{
    const flow *f = r->flow;
    json_t *o = json_object(), *flows = json_array();
    for (size_t i = 0; i < f->pairs.count; i++)
        json_array_append_new(flows, make_flow(r, i));
    json_t *cost = cost_json(&f->cost);
    json_object_set_new(cost, "run_flop", make_number(f->run_flop));
    json_object_set_new(o, "schema", json_string("patchbay.flow/1"));
    about_json(&r->about, o);
    json_object_set_new(o, "answer", about_answer_json(&r->about, f->answer, f->answer_count));
    json_object_set_new(o, "clean", run_json(&r->about, &f->clean));
    json_object_set_new(o, "layers", make_positions(f->layers, f->layer_count));
    json_object_set_new(o, "heads", make_count(f->heads));
    json_object_set_new(o, "flows", flows);
    json_object_set_new(o, "cost", cost);
    return o;
}

/* ---- files ---- */

pb_status report_flow_write(const flow_report *r, const char *directory, pb_error *err)
{
    result_files files = {.name = "flow", .tree = report_flow_json(r)};
    report_flow_svg(r, &files.svg);
    report_flow_html(r, &files.html);
    return result_files_write(&files, directory, err);
}
