/* knockout_choose.c: which edges a knockout cuts, around which layers. See knockout_parts.h. */
#include <stdlib.h>

#include "base/memory.h"
#include "method/answer_choice.h"
#include "method/knockout_parts.h"

static void name_curve(const knockout *k, knockout_curve *c)
{
    buffer name = {0};
    for (size_t i = 0; i < c->pair_count; i++) {
        const span_pair *pair = &k->pairs.items[c->first_pair + i];
        buffer_printf(&name, "%s%s > %s", i ? ", " : "", pair->from, pair->to);
    }
    c->name = name.data;
}

static void choose_curves(knockout *k, bool together)
{
    k->curve_count = together ? 1 : k->pairs.count;
    k->curves = mem_new(k->curve_count, sizeof *k->curves);
    for (size_t i = 0; i < k->curve_count; i++) {
        knockout_curve *c = &k->curves[i];
        c->first_pair = together ? 0 : i;
        c->pair_count = together ? k->pairs.count : 1;
        c->prob = mem_new(k->layer_count, sizeof *c->prob);
        c->logprob = mem_new(k->layer_count, sizeof *c->logprob);
        c->relative = mem_new(k->layer_count, sizeof *c->relative);
        name_curve(k, c);
    }
}

void knockout_cuts(const knockout *k, const knockout_curve *c, size_t point, edge_cut *cuts)
{
    for (size_t i = 0; i < c->pair_count; i++) {
        const span *from = &k->pairs.items[c->first_pair + i].sources, *to = &k->pairs.items[c->first_pair + i].destinations;
        size_t idle = 0;
        while (idle < to->count && to->positions[idle] < from->positions[0])
            idle++;
        cuts[i] = (edge_cut){.first_layer = k->cut[point][0], .end_layer = k->cut[point][1] + 1,
                             .edges = {.sources = from->positions, .source_count = from->count,
                                       .destinations = to->positions + idle, .destination_count = to->count - idle}};
    }
}

/* A row that the curve's cuts leave without a source: the same in all windows. */
static pb_status check_sources(const knockout_job *j, const knockout_curve *c, pb_error *err)
{
    edge_cut *cuts = mem_new(c->pair_count, sizeof *cuts);
    size_t row;
    knockout_cuts(j->k, c, 0, cuts);
    bool starved = cuts_starve(cuts, c->pair_count, &row);
    free(cuts);
    if (!starved)
        return PB_OK;
    buffer text = {0};
    prompt_row_text(&j->q->prompt, j->q->model->tokenizer, row, &text);
    fail(err, PB_EINVAL, "cutting %s leaves row %zu (\"%s\") no row to attend to, not even itself", c->name, row,
         text.data ? text.data : "");
    buffer_free(&text);
    return fail_hint(err, "leave it a source: --from without the row itself, or without bos");
}

pb_status knockout_choose(knockout_job *j, pb_error *err)
{
    knockout *k = j->k;
    const pb_knockout_options *o = j->options;
    size_t L = j->q->model->decoder.config.layers;
    TRY(layers_choose(o->first_layer, o->end_layer, L, "the model", &k->layers, &k->layer_count, err));
    k->window_kind = o->radius ? WINDOW_RADIUS : WINDOW_CENTRED;
    k->window = o->window || o->radius ? o->window : 1;
    k->cut = mem_new(k->layer_count, sizeof *k->cut);
    layers_windows(k->window_kind, k->window, k->layers, k->layer_count, L, k->cut);
    TRY(span_pairs_choose(&k->pairs, &j->q->prompt, o->pairs, o->pair_count, err));
    choose_curves(k, o->together);
    for (size_t i = 0; i < k->curve_count; i++)
        TRY(check_sources(j, &k->curves[i], err));
    return answer_choose(j->q, &o->answer, err);
}
