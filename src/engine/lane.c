/* lane.c: see lane.h. */
#include "engine/lane.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

size_t lane_rows(const lane *n)
{
    return n->f->end - n->f->first;
}

static bool is_residual(site s)
{
    return s == SITE_RESID_PRE || s == SITE_RESID_POST;
}

/* The layer from which an edit is felt: resid_post of l is resid_pre of l + 1. */
static size_t felt_from(const row_edit *e)
{
    return e->first_layer + (e->site == SITE_RESID_POST);
}

/* The layer from which a changed weight is felt, by all rows. */
static size_t first_term(const replay_fork *f, size_t layers)
{
    size_t first = layers;
    for (size_t i = 0; i < f->term_count; i++)
        first = f->terms[i].layer < first ? f->terms[i].layer : first;
    return first;
}

/* The layer in which an edge is cut first. */
static size_t first_cut(const replay_fork *f, size_t layers)
{
    size_t first = layers;
    for (size_t i = 0; i < f->cut_count; i++)
        if (cut_is_felt(&f->cuts[i]) && f->cuts[i].first_layer < first)
            first = f->cuts[i].first_layer;
    return first;
}

static lane lane_of(replay_fork *f, size_t layers)
{
    lane n = {.f = f, .start = layers};
    if (f->input) {
        n.start = 0;
        return n;
    }
    size_t term = first_term(f, layers), cut = first_cut(f, layers);
    for (size_t i = 0; i < f->edit_count; i++)
        if (felt_from(&f->edits[i]) < n.start)
            n.start = felt_from(&f->edits[i]);
    n.start = term < n.start ? term : n.start;
    n.start = cut < n.start ? cut : n.start;
    n.joins = n.start < layers && n.start < term;
    if (cut == n.start && f->entry && f->entry != f->base)
        n.joins = false; /* rows would attend to keys of their own, which the base does not have */
    for (size_t i = 0; i < f->edit_count; i++)
        if (felt_from(&f->edits[i]) == n.start && is_residual(f->edits[i].site))
            n.joins = false;
    return n;
}

lane *lanes_sorted(replay_fork *forks, size_t count, size_t layers)
{
    lane *unsorted = mem_new(count, sizeof *unsorted), *lanes = mem_new(count, sizeof *lanes);
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        unsorted[i] = lane_of(&forks[i], layers);
    for (size_t start = 0; start <= layers; start++)
        for (size_t i = 0; i < count; i++)
            if (unsorted[i].start == start)
                lanes[at++] = unsorted[i];
    free(unsorted);
    return lanes;
}

size_t lanes_within(const lane *lanes, size_t count, size_t most, size_t *rows)
{
    size_t n = 0;
    *rows = 0;
    while (n < count && (n == 0 || *rows + lane_rows(&lanes[n]) <= most))
        *rows += lane_rows(&lanes[n++]);
    return n;
}

/* The row that one edit puts there. */
static const float *put_by(const row_edit *e, site s, size_t layer, size_t position)
{
    if (e->site != s || layer < e->first_layer || layer >= e->end_layer)
        return NULL;
    for (size_t i = 0; i < e->position_count && e->positions[i] <= position; i++)
        if (e->positions[i] == position)
            return e->rows ? e->rows[i] : recording_row(e->source, s, layer, position);
    return NULL;
}

const float *lane_edited(const replay_fork *f, site s, size_t layer, size_t position)
{
    const float *row = NULL;
    for (size_t i = 0; i < f->edit_count && !row; i++)
        row = put_by(&f->edits[i], s, layer, position);
    return row;
}

const float *lane_heads(const replay_fork *f, size_t edit, size_t layer, size_t position, const decoder_config *c,
                        size_t *first, size_t *end)
{
    const row_edit *e = &f->edits[edit];
    const float *row = put_by(e, SITE_HEAD_OUT, layer, position);
    *first = e->end_head ? e->first_head : 0;
    *end = e->end_head ? e->end_head : c->heads;
    return row && !e->rows ? row + *first * c->head_dim : row;
}

bool lane_edits_heads(const replay_fork *f, size_t layer, size_t position)
{
    return lane_edited(f, SITE_HEAD_OUT, layer, position);
}

/* As elsewhere, what the first of several edits puts in holds. */
void lane_put_heads(const replay_fork *f, size_t layer, size_t position, const decoder_config *c, float *z)
{
    for (size_t i = f->edit_count, first, end; i-- > 0;) {
        const float *row = lane_heads(f, i, layer, position, c, &first, &end);
        if (row)
            memcpy(z + first * c->head_dim, row, (end - first) * c->head_dim * sizeof *z);
    }
}

bool lane_differs(const replay_fork *f, size_t layer, size_t position)
{
    return lane_edited(f, SITE_ATTN_OUT, layer, position) || lane_edited(f, SITE_MLP_OUT, layer, position) ||
           lane_edits_heads(f, layer, position) || cuts_touch(f->cuts, f->cut_count, layer, position);
}

const float *lane_edited_residual(const replay_fork *f, size_t index, size_t layers, size_t position)
{
    const float *row = index < layers ? lane_edited(f, SITE_RESID_PRE, index, position) : NULL;
    return row || index == 0 ? row : lane_edited(f, SITE_RESID_POST, index - 1, position);
}

/* Does anyone want a row of what this layer computes? */
static bool is_looked_at(const replay_fork *f, size_t layer, size_t position)
{
    if (f->watch && f->watch->positions[position])
        return true;
    for (size_t i = 0; i < f->tap_count; i++)
        if (f->taps[i].layer == layer && f->taps[i].position == position)
            return true;
    return false;
}

/* In the layer in which its lane joins, a row's input is the base's, so its attention is too, unless edges are cut; its MLP
 * as well, unless it sees an attention output that is not the base's, or has heads that are not. */
static void give_base_rows(lane_row *r, const decoder_config *c, lane_put put)
{
    bool attn_changed = put.attn || r->heads_given || r->cut;
    r->mlp_of_base = !put.mlp && (c->parallel || !attn_changed);
    r->attn_of_base = !attn_changed;
}

lane_row lane_row_of(const lane *n, const decoder_config *c, size_t layer, size_t position, lane_put put)
{
    const replay_fork *f = n->f;
    bool joining = n->joins && n->start == layer;
    lane_row r = {.heads_given = !put.attn && put.heads,
                  .cut = !put.attn && cuts_touch(f->cuts, f->cut_count, layer, position)};
    r.needed = layer + 1 < c->layers || f->plain || position >= f->read_first ||
               (f->record && position >= f->record->sites_first) || is_looked_at(f, layer, position);
    if (joining) {
        r.needed = r.needed && (put.attn || put.mlp || r.heads_given || r.cut);
        give_base_rows(&r, c, put);
    }
    r.has_kv = !joining;
    r.projects = r.needed && !put.attn && !r.attn_of_base;
    r.attends = r.projects && (!joining || r.cut);
    r.feeds = r.needed && !put.mlp && !r.mlp_of_base;
    return r;
}

const recording *lane_entry(const replay_fork *f)
{
    return f->entry ? f->entry : f->base;
}

void lane_tap(const tap *taps, size_t count, site s, size_t layer, size_t position, const float *row, size_t width)
{
    for (size_t i = 0; i < count; i++)
        if (taps[i].site == s && taps[i].layer == layer && taps[i].position == position)
            memcpy(taps[i].row, row, width * sizeof *row);
}

pb_status lane_show(const replay_fork *f, site s, size_t layer, size_t position, const float *row, size_t width,
                    pb_error *err)
{
    lane_tap(f->taps, f->tap_count, s, layer, position, row, width);
    if (!f->watch || !f->watch->positions[position])
        return PB_OK;
    return f->watch->seen(f->watch->context, s, layer, position, row, err);
}
