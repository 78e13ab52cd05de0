/* plan.c: see plan.h. */
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/lane.h"

/* What one layer takes: its matrices, and attention. */
typedef struct layer_flop {
    double products, attention;
} layer_flop;

/* ---- rows ---- */

static bool edit_touches(const row_edit *e, site s, size_t layer, size_t position)
{
    if (e->site != s || layer < e->first_layer || layer >= e->end_layer)
        return false;
    for (size_t i = 0; i < e->position_count && e->positions[i] <= position; i++)
        if (e->positions[i] == position)
            return true;
    return false;
}

static bool is_put_in(const replay_fork *f, site s, size_t layer, size_t position)
{
    for (size_t i = 0; i < f->edit_count; i++)
        if (edit_touches(&f->edits[i], s, layer, position))
            return true;
    return false;
}

static lane_put put_in(const replay_fork *f, size_t layer, size_t position)
{
    return (lane_put){is_put_in(f, SITE_ATTN_OUT, layer, position), is_put_in(f, SITE_HEAD_OUT, layer, position),
                      is_put_in(f, SITE_MLP_OUT, layer, position)};
}

/* q and o have as many numbers as each other. */
static void add_row(layer_flop *to, const decoder_config *c, const lane_row *r, size_t position)
{
    double head = 2.0 * (double)c->d_model * (double)(c->heads * c->head_dim), kv = decoder_kv_flop(c);
    to->products += (r->has_kv ? kv : 0) + (r->attends ? head : 0) + (r->projects ? head : 0) +
                    (r->feeds ? decoder_layer_flop(c) - 2 * head - kv : 0);
    to->attention += r->attends ? decoder_attention_flop(c, (double)position + 1) : 0;
}

/* Whether all rows of a lane go through the layer in the same way. */
static bool is_plain_layer(const decoder_config *c, const lane *n, size_t layer)
{
    const replay_fork *f = n->f;
    if (layer + 1 == c->layers || (n->joins && n->start == layer))
        return false;
    for (size_t i = 0; i < f->edit_count; i++)
        if (layer >= f->edits[i].first_layer && layer < f->edits[i].end_layer)
            return false;
    return true;
}

static layer_flop lane_layer_flop(const decoder_config *c, const lane *n, size_t layer)
{
    const replay_fork *f = n->f;
    layer_flop flop = {0};
    if (is_plain_layer(c, n, layer)) {
        double rows = (double)lane_rows(n), keys = (double)f->end - (rows - 1) / 2; /* on average */
        return (layer_flop){rows * decoder_layer_flop(c), rows * decoder_attention_flop(c, keys)};
    }
    for (size_t p = f->first; p < f->end; p++) {
        lane_row r = lane_row_of(n, c, layer, p, put_in(f, layer, p));
        add_row(&flop, c, &r, p);
    }
    return flop;
}

/* ---- walks ---- */

static void add_step(replay_plan *plan, double bytes, layer_flop flop, bool first)
{
    plan->steps = mem_resize(plan->steps, plan->step_count + 1, sizeof *plan->steps);
    plan->steps[plan->step_count++] = (plan_step){flop.products, flop.attention, first};
    plan->flop += flop.products + flop.attention;
    plan->weight_bytes += bytes;
}

/* A wave of lanes by ascending start. In the first one weights come from the file, and are seen to be finite; those of the first
 * layer have been by then, as it is timed (probe.h). */
static void plan_wave(replay_plan *plan, const decoder *m, const lane *lanes, size_t count)
{
    const decoder_config *c = &m->config;
    bool first = plan->waves == 0;
    for (size_t layer = lanes->start, live = 0; layer < c->layers; layer++) {
        layer_flop all = {0};
        while (live < count && lanes[live].start <= layer)
            live++;
        for (size_t i = 0; i < live; i++) {
            layer_flop one = lane_layer_flop(c, &lanes[i], layer);
            all.products += one.products;
            all.attention += one.attention;
        }
        add_step(plan, (double)decoder_layer_bytes(m, layer), all, first && layer > 0);
    }
}

void replay_plan_add(replay_plan *plan, const decoder *m, replay_fork *forks, size_t count, size_t memory)
{
    const decoder_config *c = &m->config;
    lane *lanes = lanes_sorted(forks, count, c->layers);
    for (size_t i = 0, n, rows; i < count; i += n) {
        n = lanes_within(lanes + i, count - i, memory / (c->d_model * sizeof(float)), &rows);
        plan_wave(plan, m, lanes + i, n);
        plan->waves++;
        plan->rows += rows;
        plan->largest = rows > plan->largest ? rows : plan->largest;
    }
    free(lanes);
}

/* Backward in one layer: gradients through all matrices, after q, up and gate have been computed anew; and twice attention. */
static layer_flop lane_layer_back(const decoder_config *c, const lane *n)
{
    double rows = (double)lane_rows(n), keys = (double)n->f->end - (rows - 1) / 2;
    double again = 2.0 * (double)c->d_model * ((double)(c->heads * c->head_dim) + (c->gated ? 2.0 : 1.0) * (double)c->d_ff);
    return (layer_flop){rows * (decoder_layer_flop(c) + again), 2 * rows * decoder_attention_flop(c, keys)};
}

/* Where a lane joins, the MLP of rows that are not the base's, and what their heads are made into where some are put in. */
static layer_flop lane_joined_back(const decoder_config *c, const lane *n)
{
    const replay_fork *f = n->f;
    layer_flop flop = {0};
    double matrix = 2.0 * (double)c->d_model * (double)c->d_ff, out = 2.0 * (double)c->d_model * (double)(c->heads * c->head_dim);
    for (size_t p = f->first; p < f->end; p++) {
        lane_put put = put_in(f, n->start, p);
        bool cut = cuts_touch(f->cuts, f->cut_count, n->start, p), heads = put.heads && !put.attn;
        flop.products += (put.attn || put.heads || put.mlp || cut ? (c->gated ? 5 : 3) * matrix : 0) + (heads ? out : 0);
    }
    return flop;
}

static void plan_back(replay_plan *plan, const decoder *m, const lane *lanes, size_t count)
{
    for (size_t layer = m->config.layers; layer-- > lanes->start;) {
        layer_flop all = {0};
        for (size_t i = 0; i < count && lanes[i].start <= layer; i++) {
            bool joining = lanes[i].joins && lanes[i].start == layer;
            layer_flop one = (joining ? lane_joined_back : lane_layer_back)(&m->config, &lanes[i]);
            all.products += one.products;
            all.attention += one.attention;
        }
        add_step(plan, (double)decoder_layer_bytes(m, layer), all, false);
    }
}

void replay_plan_add_backward(replay_plan *plan, const decoder *m, replay_fork *forks, size_t count, size_t memory)
{
    lane *lanes = lanes_sorted(forks, count, m->config.layers);
    for (size_t i = 0, n, rows; i < count; i += n) {
        n = lanes_within(lanes + i, count - i, memory / (m->config.d_model * sizeof(float)), &rows);
        plan_back(plan, m, lanes + i, n);
    }
    free(lanes);
}

void replay_plan_add_to_last(replay_plan *plan, size_t layers, double products)
{
    for (size_t i = 0; i < layers && i < plan->step_count; i++)
        plan->steps[plan->step_count - 1 - i].products += products;
    plan->flop += products * (double)(layers < plan->step_count ? layers : plan->step_count);
}

void replay_plan_add_walk(replay_plan *plan, const decoder *m, size_t layers, double products, double attention, double read)
{
    layer_flop one = {products / (double)layers, attention / (double)layers};
    for (size_t l = 0; l < layers; l++)
        add_step(plan, read * (double)decoder_layer_bytes(m, l % m->config.layers), one, false);
    plan->waves++;
}

void replay_plan_repeat(replay_plan *plan, const replay_plan *from, size_t times)
{
    replay_plan one = *plan;
    size_t steps = plan->step_count - from->step_count;
    plan->steps = mem_resize(plan->steps, plan->step_count + steps * times, sizeof *plan->steps);
    for (size_t t = 0; t < times; t++)
        for (size_t i = 0; i < steps; i++) {
            plan->steps[plan->step_count] = plan->steps[from->step_count + i];
            plan->steps[plan->step_count++].first = false;
        }
    plan->waves += (one.waves - from->waves) * times;
    plan->rows += (one.rows - from->rows) * times;
    plan->flop += (one.flop - from->flop) * (double)times;
    plan->weight_bytes += (one.weight_bytes - from->weight_bytes) * (double)times;
}

double replay_plan_flop(const decoder *m, replay_fork *forks, size_t count)
{
    replay_plan plan = {0};
    replay_plan_add(&plan, m, forks, count, SIZE_MAX);
    replay_plan_free(&plan);
    return plan.flop;
}

void replay_plan_free(replay_plan *plan)
{
    free(plan->steps);
    plan->steps = NULL;
    plan->step_count = 0;
}
