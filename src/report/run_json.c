/* run_json.c: see run_json.h. */
#include "report/run_json.h"

#include "report/json_values.h"

json_t *run_top_json(const report_about *a, const int32_t *top_id, const double *top_prob, size_t n)
{
    json_t *top = json_array();
    for (size_t i = 0; i < n && top_id[i] >= 0; i++)
        json_array_append_new(top, json_pack("{s:i, s:o, s:o}", "id", top_id[i],
                                             "text", about_token_text_json(a, top_id[i]),
                                             "prob", make_number(top_prob[i])));
    return top;
}

json_t *run_json(const report_about *a, const run_says *run)
{
    return json_pack("{s:o, s:o, s:o}", "prob", make_number(run->prob), "logprob", make_number(run->logprob), "top",
                     run_top_json(a, run->top_id, run->top_prob, RUN_TOP));
}

json_t *cost_json(const method_cost *cost)
{
    return json_pack("{s:o, s:o, s:o}", "seconds", make_number(cost->seconds), "flop", make_number(cost->flop),
                     "peak_rss_bytes", make_count(cost->peak_rss_bytes));
}

json_t *cells_cost_json(const trace_cost *c)
{
    json_t *phases = json_pack("{s:o, s:o, s:o, s:o}", "products", make_number(c->products), "attention",
                               make_number(c->attention), "readout", make_number(c->readout),
                               "loading", make_number(c->loading));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seconds", make_number(c->seconds), "flop",
                     make_number(c->flop), "naive_flop", make_number(c->naive_flop), "cells", make_count(c->cells),
                     "cells_skipped", make_count(c->cells_skipped), "peak_rss_bytes", make_count(c->peak_rss_bytes),
                     "waves", make_count(c->waves), "phases", phases);
}

json_t *window_json(window_kind kind, size_t size)
{
    return json_pack("{s:s, s:o}", "kind", kind == WINDOW_CENTRED ? "centred" : "radius", "size", make_count(size));
}
