/* method_parts.c: what several methods' sweeps say alike. See methods.h. */
#include "report/json_values.h"
#include "report/run_json.h"
#include "sweep/methods.h"

json_t *option_answer(const pb_answer_choice *a)
{
    return json_pack("{s:o, s:o, s:s}", "text", make_text(a->text), "id", a->has_id ? json_integer(a->id) : json_null(),
                     "tokens", a->whole ? "all" : "first");
}

json_t *option_layers(const sweep_job *j, size_t first, size_t end)
{
    return json_pack("[o, o]", make_count(first), make_count(end ? end : j->model->decoder.config.layers));
}

json_t *option_window(bool radius, size_t window)
{
    return window_json(radius ? WINDOW_RADIUS : WINDOW_CENTRED, window || radius ? window : 1);
}

json_t *option_pairs(const pb_span_pair *pairs, size_t count)
{
    static const pb_span_pair usual[] = {{"image", "constraint"}, {"constraint", "last"}};
    json_t *list = json_array();
    for (size_t i = 0; i < (count ? count : 2); i++) {
        const pb_span_pair *p = count ? &pairs[i] : &usual[i];
        json_array_append_new(list, json_pack("[o, o]", make_text(p->from), make_text(p->to)));
    }
    return list;
}

pb_run_options item_run_options(const sweep_job *j, size_t memory)
{
    return (pb_run_options){.memory = memory, .seed = j->options.run.seed};
}

report_about item_about(const sweep_item *item)
{
    return about_of(item->q.model, &item->q);
}

bool outcome_of(sweep_outcome *out, const together_one *one)
{
    out->status = one->status;
    out->why = one->why;
    return !one->status;
}

double decoder_rows_flop(const sweep_job *j, double n)
{
    const decoder_config *c = &j->model->decoder.config;
    return n * (double)c->layers * decoder_layer_flop(c);
}
