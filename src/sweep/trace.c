/* trace.c: questions of a sweep traced, of each its grids, their means by token class,
 * and what trace.json says without them. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "method/aie.h"
#include "report/json_values.h"
#include "report/report.h"
#include "sweep/methods.h"

/* ---- options ---- */

static bool on_picture(const pb_trace_options *t)
{
    for (size_t i = 0; i < t->corruption_count; i++)
        if (strncmp(t->corruptions[i], "image", 5) == 0)
            return true;
    return false;
}

static json_t *corruption_list(const pb_trace_options *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->corruption_count; i++)
        json_array_append_new(list, make_text(t->corruptions[i]));
    if (t->noise_file) {
        buffer spec = {0};
        buffer_printf(&spec, "noise-file:%s", t->noise_file);
        json_array_append_new(list, make_text(spec.data));
        buffer_free(&spec);
    }
    if (json_array_size(list) == 0)
        json_array_append_new(list, json_string("swap:Paris"));
    return list;
}

void sweep_trace_options(const sweep_job *j, json_t *o)
{
    const pb_trace_options *t = &j->options.trace;
    const char *positions = t->positions ? t->positions : t->blocks ? "image" : on_picture(t) ? "all" : "text";
    json_object_set_new(o, "corruption", corruption_list(t));
    json_object_set_new(o, "corrupt_span", make_text(t->corrupt_span ? t->corrupt_span : "constraint"));
    json_object_set_new(o, "samples", make_count(t->samples ? t->samples : 10));
    json_object_set_new(o, "direction", json_string(t->noise_direction ? "noise" : "denoise"));
    json_object_set_new(o, "sites", make_text(t->sites ? t->sites : "attn_out,mlp_out,resid_post"));
    json_object_set_new(o, "window", option_window(t->radius, t->window));
    json_object_set_new(o, "layers", option_layers(j, t->first_layer, t->end_layer));
    json_object_set_new(o, "positions", make_text(positions));
    json_object_set_new(o, "group", json_boolean(t->group));
    json_object_set_new(o, "blocks", make_count(t->blocks));
    json_object_set_new(o, "freeze", make_text(t->freeze));
    json_object_set_new(o, "freeze_span", make_text(t->freeze_span));
    json_object_set_new(o, "answer", option_answer(&t->answer));
    json_object_set_new(o, "foil", make_text(t->foil));
}

/* Every site of every text row, or with a corrupted picture of every row: each runs what comes behind it, from the
 * middle of the layers on the average. */
double sweep_trace_work(const sweep_job *j, size_t length, size_t behind)
{
    const pb_trace_options *t = &j->options.trace;
    size_t sites = 1, L = j->model->decoder.config.layers;
    for (const char *at = t->sites ? t->sites : ",,"; *at; at++)
        sites += *at == ',';
    size_t reach = on_picture(t) ? length : behind, cells = t->group ? 3 : reach;
    return decoder_rows_flop(j, 2 * (double)length + (double)(sites * L) * (double)cells * (double)reach / 4);
}

/* ---- results ---- */

static void keep_values(sweep_result *out, const char *site_named, const char *measure, const trace *t,
                        const trace_grid *g, const double *values)
{
    const size_t shape[] = {t->layer_count, t->cell_count, g->heads};
    buffer name = {0};
    if (!values)
        return;
    buffer_printf(&name, "%s/%s", site_named, measure);
    result_grid(out, name.data, shape, g->site == SITE_HEAD_OUT ? 3 : 2, values);
    buffer_free(&name);
}

static void keep_grid(sweep_result *out, const char *site_named, const trace *t, const trace_grid *g)
{
    keep_values(out, site_named, "prob", t, g, g->prob);
    keep_values(out, site_named, "logprob", t, g, g->logprob);
    keep_values(out, site_named, "logit_diff", t, g, g->logit_diff);
    keep_values(out, site_named, "sd", t, g, g->sd);
}

static void keep_grids(sweep_result *out, const trace *t)
{
    for (size_t s = 0; s < t->site_count; s++)
        keep_grid(out, site_name(t->sites[s].site), t, &t->sites[s]);
    for (size_t s = 0; s < t->vision_count; s++) {
        trace view = trace_vision_view(t, &t->vision[s]);
        keep_grid(out, t->vision[s].name, &view, &t->vision[s].grid);
    }
}

static void keep_curves(sweep_result *out, const trace *t, const prompt *p)
{
    aie a;
    aie_of_trace(&a, t, p);
    for (size_t i = 0; i < a.count; i++)
        result_curve(out, a.curves[i].name, a.curves[i].class, a.curves[i].data, a.curves[i].layer_count);
    aie_free(&a);
}

/* trace.json, without what stands in the grids. */
static json_t *detail_of(const trace *t, const sweep_item *item)
{
    static const char *const arrays[] = {"prob", "logprob", "logit_diff", "sd"};
    trace_report r = {.trace = t, .about = item_about(item)};
    json_t *o = report_trace_json(&r), *one;
    const char *name;
    json_object_foreach(json_object_get(o, "sites"), name, one)
        for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
            json_object_del(one, arrays[i]);
    return o;
}

static void keep_trace(sweep_result *out, const trace *t, const sweep_item *item)
{
    out->r.clean_prob = t->clean.prob;
    out->r.corrupted_prob = t->corrupted.prob;
    out->r.flop = t->cost.flop;
    result_value(out, "weak", t->weak);
    result_value(out, "primed", t->primed);
    keep_grids(out, t);
    keep_curves(out, t, &item->q.prompt);
    result_detail(out, detail_of(t, item));
}

static pb_trace_options options_of(const sweep_job *j, const sweep_item *item, size_t memory)
{
    pb_trace_options o = j->options.trace;
    o.corruptions = item->asked.corruptions;
    o.corruption_count = item->asked.corruption_count;
    o.foil = item->asked.foil;
    o.answer = item->asked.answer;
    o.run = item_run_options(j, memory);
    return o;
}

pb_status sweep_trace_foresee(sweep_job *j, sweep_item *item, run_plan *plan, pb_error *err)
{
    pb_trace_options o = options_of(j, item, j->options.run.memory);
    return trace_foresee(plan, &item->q, &o, err);
}

size_t sweep_trace(sweep_job *j, sweep_item *const *items, size_t count, size_t memory, sweep_outcome *out)
{
    pb_trace_options *options = mem_new(count, sizeof *options);
    tracing *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        options[i] = options_of(j, items[i], memory);
        list[i] = (tracing){.one.q = &items[i]->q, .options = &options[i]};
    }
    size_t taken = trace_some(list, count);
    for (size_t i = 0; i < taken; i++) {
        if (outcome_of(&out[i], &list[i].one))
            keep_trace(&out[i].result, &list[i].trace, items[i]);
        trace_free(&list[i].trace);
    }
    free(list);
    free(options);
    return taken;
}
