/* flow_read.c: flow.json read back (result_read.h). */
#include <stdlib.h>

#include "report/result_read.h"

/* A span of a pair: its name and its rows. */
static pb_status read_span(const about_read *a, const json_at *pair, const char *name_key, const char *rows_key,
                           char **name, span *rows, pb_error *err)
{
    json_at text = json_at_key(pair, name_key), list = json_at_key(pair, rows_key);
    const char *words;
    TRY(json_at_text(&text, &words, err));
    *name = mem_text(words);
    TRY(json_at_positions(&list, a->prompt.length, &rows->positions, &rows->count, err));
    return rows->count ? PB_OK : json_at_wrong(&list, "a row or more", err);
}

pb_status span_pair_read(const about_read *a, const json_at *pair, span_pair *out, pb_error *err)
{
    TRY(json_at_object(pair, err));
    TRY(read_span(a, pair, "from", "sources", &out->from, &out->sources, err));
    return read_span(a, pair, "to", "destinations", &out->to, &out->destinations, err);
}

static pb_status read_values(const json_at *one, const char *key, double **values, size_t count, pb_error *err)
{
    json_at list = json_at_key(one, key);
    *values = mem_new(count, sizeof **values);
    return json_at_numbers(&list, *values, count, err);
}

static pb_status read_flow(flow_read *r, const json_at *one, size_t i, pb_error *err)
{
    flow *f = &r->flow;
    flow_curve *c = &f->curves[i];
    json_at positions = json_at_key(one, "per_position"), heads = json_at_key(one, "per_head");
    TRY(span_pair_read(&r->about, one, &f->pairs.items[i], err));
    TRY(read_values(one, "sum_norm", &c->sum_norm, f->layer_count, err));
    TRY(read_values(one, "norm_sum", &c->norm_sum, f->layer_count, err));
    TRY(read_values(one, "share", &c->share, f->layer_count, err));
    TRY(read_values(one, "relative", &c->relative, f->layer_count, err));
    if (i == 0) {
        r->report.per_position = json_at_is_there(&positions);
        r->report.per_head = json_at_is_there(&heads);
    }
    if (r->report.per_position)
        TRY(matrix_read(&positions, f->layer_count, f->pairs.items[i].sources.count, &c->per_position, err));
    return r->report.per_head ? matrix_read(&heads, f->layer_count, f->heads, &c->per_head, err) : PB_OK;
}

static pb_status read_flows(flow_read *r, const json_at *root, pb_error *err)
{
    json_at list = json_at_key(root, "flows");
    flow *f = &r->flow;
    size_t count;
    TRY(json_at_list(&list, &count, err));
    if (count == 0)
        return json_at_wrong(&list, "a flow or more", err);
    f->curves = mem_new(count, sizeof *f->curves);
    f->pairs = (span_pairs){mem_new(count, sizeof *f->pairs.items), count};
    for (size_t i = 0; i < count; i++) {
        json_at one = json_at_item(&list, i);
        TRY(read_flow(r, &one, i, err));
    }
    return PB_OK;
}

static pb_status read_all(flow_read *r, const json_at *root, pb_error *err)
{
    flow *f = &r->flow;
    json_at clean = json_at_key(root, "clean"), heads = json_at_key(root, "heads"), cost = json_at_key(root, "cost");
    json_at run = json_at_key(&cost, "run_flop");
    TRY(answer_read(&r->about, root, &f->answer, &f->answer_count, err));
    TRY(run_read(&r->about, &clean, &f->clean, err));
    TRY(layers_read(root, &f->layers, &f->layer_count, err));
    TRY(json_at_size(&heads, 1 << 16, &f->heads, err));
    TRY(read_flows(r, root, err));
    TRY(cost_read(root, &f->cost, err));
    return json_at_number(&run, &f->run_flop, err);
}

pb_status flow_read_json(flow_read *f, const json_at *root, pb_error *err)
{
    *f = (flow_read){0};
    TRY(about_read_json(&f->about, root, err));
    pb_status status = read_all(f, root, err);
    f->report.flow = &f->flow;
    f->report.about = f->about.about;
    if (status)
        flow_read_free(f);
    return status;
}

void flow_read_free(flow_read *f)
{
    flow_free(&f->flow);
    about_read_free(&f->about);
}
