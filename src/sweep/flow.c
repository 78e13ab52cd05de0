/* flow.c: questions of a sweep, and what flows in them, of each: curves by pair and measure,
 * and what flow.json says without them. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/flow.h"
#include "report/flow_report.h"
#include "report/json_values.h"
#include "sweep/methods.h"

void sweep_flow_options(const sweep_job *j, json_t *o)
{
    const pb_flow_options *f = &j->options.flow;
    json_object_set_new(o, "pairs", option_pairs(f->pairs, f->pair_count));
    json_object_set_new(o, "layers", option_layers(j, f->first_layer, f->end_layer));
    json_object_set_new(o, "per_head", json_boolean(f->per_head));
    json_object_set_new(o, "per_position", json_boolean(f->per_position));
    json_object_set_new(o, "answer", option_answer(&f->answer));
}

double sweep_flow_work(const sweep_job *j, size_t length, size_t behind)
{
    return decoder_rows_flop(j, 2 * (double)length + (double)behind);
}

static void keep_pair(sweep_result *out, const flow *f, size_t pair, const pb_flow_options *o)
{
    const span_pair *p = &f->pairs.items[pair];
    const flow_curve *c = &f->curves[pair];
    size_t by_position[] = {f->layer_count, p->sources.count}, by_head[] = {f->layer_count, f->heads};
    buffer name = {0};
    buffer_printf(&name, "%s>%s", p->from, p->to);
    for (size_t m = 0; m < FLOW_MEASURES; m++)
        result_curve(out, name.data, flow_measures[m].name, flow_values(&flow_measures[m], c), f->layer_count);
    size_t n = name.size;
    buffer_text(&name, "/per_position");
    if (o->per_position)
        result_grid(out, name.data, by_position, 2, c->per_position);
    name.size = n;
    buffer_text(&name, "/per_head");
    if (o->per_head)
        result_grid(out, name.data, by_head, 2, c->per_head);
    buffer_free(&name);
}

/* flow.json, without what stands in curves and grids. */
static json_t *detail_of(const flow *f, const sweep_item *item)
{
    flow_report r = {.flow = f, .about = item_about(item)};
    json_t *o = report_flow_json(&r), *one;
    size_t i;
    json_array_foreach(json_object_get(o, "flows"), i, one)
    {
        for (size_t m = 0; m < FLOW_MEASURES; m++)
            json_object_del(one, flow_measures[m].name);
        json_object_del(one, "per_position");
        json_object_del(one, "per_head");
    }
    return o;
}

static void keep_flow(sweep_result *out, const flow *f, const sweep_item *item, const pb_flow_options *o)
{
    out->r.clean_prob = f->clean.prob;
    out->r.flop = f->cost.flop;
    for (size_t i = 0; i < f->pairs.count; i++)
        keep_pair(out, f, i, o);
    result_detail(out, detail_of(f, item));
}

static pb_flow_options options_of(const sweep_job *j, const sweep_item *item, size_t memory)
{
    pb_flow_options o = j->options.flow;
    o.answer = item->asked.answer;
    o.run = item_run_options(j, memory);
    return o;
}

pb_status sweep_flow_foresee(sweep_job *j, sweep_item *item, run_plan *plan, pb_error *err)
{
    pb_flow_options o = options_of(j, item, j->options.run.memory);
    return flow_foresee(plan, &item->q, &o, err);
}

size_t sweep_flow(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out)
{
    pb_flow_options *options = mem_new(count, sizeof *options);
    flowing *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        options[i] = options_of(j, items[i], memory);
        list[i] = (flowing){.one.q = &items[i]->q, .options = &options[i]};
    }
    size_t taken = flow_some(list, count);
    for (size_t i = 0; i < taken; i++) {
        if (outcome_of(&out[i], &list[i].one))
            keep_flow(&out[i].result, &list[i].flow, items[i], &options[i]);
        flow_free(&list[i].flow);
    }
    free(list);
    free(options);
    return taken;
}
