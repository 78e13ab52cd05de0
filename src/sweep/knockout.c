/* knockout.c: questions of a sweep with attention edges cut, of each: curves by pair,
 * and what knockout.json says without them. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/knockout.h"
#include "report/json_values.h"
#include "report/knockout_report.h"
#include "sweep/methods.h"

void sweep_knockout_options(const sweep_job *j, json_t *o)
{
    const pb_knockout_options *k = &j->options.knockout;
    json_object_set_new(o, "pairs", option_pairs(k->pairs, k->pair_count));
    json_object_set_new(o, "together", json_boolean(k->together));
    json_object_set_new(o, "window", option_window(k->radius, k->window));
    json_object_set_new(o, "layers", option_layers(j, k->first_layer, k->end_layer));
    json_object_set_new(o, "answer", option_answer(&k->answer));
}

double sweep_knockout_work(const sweep_job *j, size_t length, size_t behind)
{
    size_t pairs = j->options.knockout.pair_count ? j->options.knockout.pair_count : 2;
    return decoder_rows_flop(j, 2 * (double)length + (double)(pairs * j->model->decoder.config.layers * behind) / 2);
}

/* "image>constraint"; of pairs that are cut together "image>constraint+constraint>last". */
static void name_curve(const knockout *k, const knockout_curve *c, buffer *name)
{
    for (size_t i = 0; i < c->pair_count; i++) {
        const span_pair *p = &k->pairs.items[c->first_pair + i];
        buffer_printf(name, "%s%s>%s", i ? "+" : "", p->from, p->to);
    }
}

static void keep_curve(sweep_result *out, const knockout *k, const knockout_curve *c)
{
    buffer name = {0};
    name_curve(k, c, &name);
    result_curve(out, name.data, "prob", c->prob, k->layer_count);
    result_curve(out, name.data, "logprob", c->logprob, k->layer_count);
    result_curve(out, name.data, "relative", c->relative, k->layer_count);
    buffer_free(&name);
}

/* knockout.json, without what stands in curves. */
static json_t *detail_of(const knockout *k, const sweep_item *item)
{
    static const char *const arrays[] = {"prob", "logprob", "relative"};
    knockout_report r = {.knockout = k, .about = item_about(item)};
    json_t *o = report_knockout_json(&r), *one;
    size_t i;
    json_array_foreach(json_object_get(o, "cuts"), i, one)
        for (size_t n = 0; n < sizeof arrays / sizeof *arrays; n++)
            json_object_del(one, arrays[n]);
    return o;
}

static void keep_knockout(sweep_result *out, const knockout *k, const sweep_item *item)
{
    out->r.clean_prob = k->clean.prob;
    out->r.flop = k->cost.flop;
    for (size_t i = 0; i < k->curve_count; i++)
        keep_curve(out, k, &k->curves[i]);
    result_detail(out, detail_of(k, item));
}

static pb_knockout_options options_of(const sweep_job *j, const sweep_item *item, size_t memory)
{
    pb_knockout_options o = j->options.knockout;
    o.answer = item->asked.answer;
    o.run = item_run_options(j, memory);
    return o;
}

pb_status sweep_knockout_foresee(sweep_job *j, sweep_item *item, run_plan *plan, pb_error *err)
{
    pb_knockout_options o = options_of(j, item, j->options.run.memory);
    return knockout_foresee(plan, &item->q, &o, err);
}

size_t sweep_knockout(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out)
{
    pb_knockout_options *options = mem_new(count, sizeof *options);
    knocking_out *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        options[i] = options_of(j, items[i], memory);
        list[i] = (knocking_out){.one.q = &items[i]->q, .options = &options[i]};
    }
    size_t taken = knockout_some(list, count);
    for (size_t i = 0; i < taken; i++) {
        if (outcome_of(&out[i], &list[i].one))
            keep_knockout(&out[i].result, &list[i].knockout, items[i]);
        knockout_free(&list[i].knockout);
    }
    free(list);
    free(options);
    return taken;
}
