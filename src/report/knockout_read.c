/* knockout_read.c: knockout.json read back (result_read.h). */
#include <stdlib.h>

#include "report/result_read.h"

/* The pairs of one curve stand behind those of the curves before it. */
static pb_status read_pairs(knockout_read *r, const json_at *cut, knockout_curve *c, pb_error *err)
{
    json_at list = json_at_key(cut, "pairs");
    span_pairs *pairs = &r->knockout.pairs;
    size_t count;
    TRY(json_at_list(&list, &count, err));
    if (count == 0)
        return json_at_wrong(&list, "a pair or more", err);
    c->first_pair = pairs->count;
    c->pair_count = count;
    pairs->items = mem_resize(pairs->items, pairs->count + count, sizeof *pairs->items);
    for (size_t i = 0; i < count; i++)
        pairs->items[pairs->count + i] = (span_pair){0};
    pairs->count += count;
    for (size_t i = 0; i < count; i++) {
        json_at pair = json_at_item(&list, i);
        TRY(span_pair_read(&r->about, &pair, &pairs->items[c->first_pair + i], err));
    }
    return PB_OK;
}

static pb_status read_cut(knockout_read *r, const json_at *cut, knockout_curve *c, pb_error *err)
{
    size_t n = r->knockout.layer_count;
    json_at prob = json_at_key(cut, "prob"), relative = json_at_key(cut, "relative"),
            logprob = json_at_key(cut, "logprob");
    c->prob = mem_new(n, sizeof *c->prob);
    c->relative = mem_new(n, sizeof *c->relative);
    c->logprob = mem_new(n, sizeof *c->logprob);
    TRY(json_at_object(cut, err));
    TRY(json_at_numbers(&prob, c->prob, n, err));
    TRY(json_at_numbers(&relative, c->relative, n, err));
    TRY(json_at_numbers(&logprob, c->logprob, n, err));
    return read_pairs(r, cut, c, err);
}

static pb_status read_cuts(knockout_read *r, const json_at *root, pb_error *err)
{
    json_at list = json_at_key(root, "cuts");
    knockout *k = &r->knockout;
    size_t count;
    TRY(json_at_list(&list, &count, err));
    if (count == 0)
        return json_at_wrong(&list, "a cut or more", err);
    k->curves = mem_new(count, sizeof *k->curves);
    k->curve_count = count;
    for (size_t i = 0; i < count; i++) {
        json_at cut = json_at_item(&list, i);
        TRY(read_cut(r, &cut, &k->curves[i], err));
    }
    return PB_OK;
}

static pb_status read_all(knockout_read *r, const json_at *root, pb_error *err)
{
    knockout *k = &r->knockout;
    json_at clean = json_at_key(root, "clean"), windows = json_at_key(root, "cut_layers");
    TRY(answer_read(&r->about, root, &k->answer, &k->answer_count, err));
    TRY(run_read(&r->about, &clean, &k->clean, err));
    TRY(window_read(root, &k->window_kind, &k->window, err));
    TRY(layers_read(root, &k->layers, &k->layer_count, err));
    TRY(windows_read(&windows, k->layer_count, &k->cut, err));
    TRY(read_cuts(r, root, err));
    TRY(verify_read(root, &k->verify_cells, &k->verify_max_rel_diff, err));
    return cells_cost_read(root, &k->cost, err);
}

pb_status knockout_read_json(knockout_read *k, const json_at *root, pb_error *err)
{
    *k = (knockout_read){0};
    TRY(about_read_json(&k->about, root, err));
    pb_status status = read_all(k, root, err);
    k->report = (knockout_report){.knockout = &k->knockout, .about = k->about.about};
    if (status)
        knockout_read_free(k);
    return status;
}

void knockout_read_free(knockout_read *k)
{
    knockout_free(&k->knockout);
    about_read_free(&k->about);
}
