/* tower.c: see tower.h. */
#include "engine/tower.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"

enum { ROWS_AT_ONCE = 1024 }; /* that go through a layer together: enough for products at the machine's rate */

/* ---- recordings ---- */

size_t tower_recording_bytes(const vision *v, tower_kept kept)
{
    size_t L = vision_used_layers(v), layer = vision_tower_rows(v) * vision_settings(v)->width * sizeof(float);
    return (L + 1 + L * kept.attn_out + L * kept.mlp_out) * layer;
}

static pb_status allocate(tower_recording *r, tower_kept kept, pb_error *err)
{
    size_t layer = r->rows * r->width * sizeof(float);
    TRY(mem_try(&r->resid, r->layers + 1, layer, "the tower's residuals", err));
    if (kept.attn_out)
        TRY(mem_try(&r->attn_out, r->layers, layer, "the tower's attention outputs", err));
    return kept.mlp_out ? mem_try(&r->mlp_out, r->layers, layer, "the tower's MLP outputs", err) : PB_OK;
}

pb_status tower_recording_new(tower_recording **out, const vision *v, tower_kept kept, pb_error *err)
{
    tower_recording *r = mem_new(1, sizeof *r);
    *r = (tower_recording){.layers = vision_used_layers(v), .rows = vision_tower_rows(v),
                           .width = vision_settings(v)->width};
    pb_status status = allocate(r, kept, err);
    if (status) {
        tower_recording_free(r);
        r = NULL;
    }
    *out = r;
    return status;
}

void tower_recording_free(tower_recording *r)
{
    if (!r)
        return;
    free(r->resid);
    free(r->attn_out);
    free(r->mlp_out);
    free(r);
}

static float *layer_rows(const tower_recording *r, float *rows, size_t layer)
{
    return rows ? rows + layer * r->rows * r->width : NULL;
}

const float *tower_recording_row(const tower_recording *r, site s, size_t layer, size_t row)
{
    float *rows = NULL;
    if (s == SITE_RESID_PRE || s == SITE_RESID_POST)
        rows = layer_rows(r, r->resid, layer + (s == SITE_RESID_POST));
    else if (s == SITE_ATTN_OUT || s == SITE_MLP_OUT)
        rows = layer_rows(r, s == SITE_ATTN_OUT ? r->attn_out : r->mlp_out, layer);
    return rows ? rows + row * r->width : NULL;
}

/* ---- forks on their way ---- */

/* A fork with its residual rows. */
typedef struct tower_lane {
    tower_fork *f;
    float *x;     /* [R][D] */
    size_t start; /* the first layer that it computes */
} tower_lane;

typedef struct tower_walk {
    vision *v;
    size_t R, D, L;
    tower_lane *lanes; /* [count] by ascending start */
    size_t count, layer;
    vision_layer w;
    arena memory;      /* of one chunk in one layer */
} tower_walk;

size_t tower_felt_from(const vision *v, const tower_edit *e)
{
    size_t L = vision_used_layers(v), from = e->first_layer + (e->site == SITE_RESID_POST);
    return e->first_layer >= L ? L + 1 : from;
}

static size_t start_of(const vision *v, const tower_fork *f)
{
    size_t L = vision_used_layers(v), from = f->base ? tower_felt_from(v, f->edit) : 0;
    return from < L ? from : L;
}

/* x[R][D] of one fork, at site s of layer `layer`: what it was, with the edited rows put in. */
static void put_rows(const tower_walk *k, const tower_fork *f, site s, size_t layer, float *x)
{
    const tower_edit *e = f->edit;
    if (!e || e->site != s || layer < e->first_layer || layer >= e->end_layer)
        return;
    for (size_t i = 0; i < e->row_count; i++)
        memcpy(x + e->rows[i] * k->D, tower_recording_row(e->source, s, layer, e->rows[i]), k->D * sizeof *x);
}

/* The residual rows before layer `index`: edited as that layer's input or as the output of the one below. */
static void enter(const tower_walk *k, const tower_lane *n, size_t index)
{
    if (index > 0)
        put_rows(k, n->f, SITE_RESID_POST, index - 1, n->x);
    if (index < k->L)
        put_rows(k, n->f, SITE_RESID_PRE, index, n->x);
    if (n->f->record)
        memcpy(layer_rows(n->f->record, n->f->record->resid, index), n->x, k->R * k->D * sizeof *n->x);
}

/* Adds what a part of the layer computed for lanes first .. end-1 (added[end - first][R][D]), edited, to their rows. */
static void add(const tower_walk *k, size_t first, size_t end, site s, float *added)
{
    for (size_t i = first; i < end; i++) {
        float *rows = added + (i - first) * k->R * k->D;
        tower_recording *record = k->lanes[i].f->record;
        float *kept = !record ? NULL : s == SITE_ATTN_OUT ? record->attn_out : record->mlp_out;
        put_rows(k, k->lanes[i].f, s, k->layer, rows);
        if (kept)
            memcpy(layer_rows(record, kept, k->layer), rows, k->R * k->D * sizeof *rows);
        add_rows(k->lanes[i].x, rows, k->R * k->D);
    }
}

/* One layer for lanes first .. end-1, whose rows stand one after the other. */
static pb_status run_chunk(tower_walk *k, size_t first, size_t end, pb_error *err)
{
    size_t n = end - first;
    float *added;
    arena_reset(&k->memory);
    TRY(arena_try(&k->memory, &added, n * k->R, k->D * sizeof *added, "the vision tower's rows", err));
    for (size_t i = first; i < end; i++)
        enter(k, &k->lanes[i], k->layer);
    TRY(vision_attention_out(k->v, &k->w, k->lanes[first].x, n, added, &k->memory, err));
    add(k, first, end, SITE_ATTN_OUT, added);
    TRY(vision_mlp_out(k->v, &k->w, k->lanes[first].x, n * k->R, added, &k->memory, err));
    add(k, first, end, SITE_MLP_OUT, added);
    return PB_OK;
}

/* The rows with which a lane begins. */
static pb_status begin(tower_walk *k, tower_lane *n, pb_error *err)
{
    const tower_recording *base = n->f->base;
    if (!base)
        return vision_embed(k->v, n->f->pixels, n->x, err);
    memcpy(n->x, layer_rows(base, base->resid, n->start), k->R * k->D * sizeof *n->x);
    return PB_OK;
}

static pb_status run_layer(tower_walk *k, pb_error *err)
{
    size_t live = 0, at_once = ROWS_AT_ONCE / k->R ? ROWS_AT_ONCE / k->R : 1;
    for (; live < k->count && k->lanes[live].start <= k->layer; live++)
        if (k->lanes[live].start == k->layer)
            TRY(begin(k, &k->lanes[live], err));
    if (!live)
        return PB_OK;
    TRY(vision_layer_read(k->v, k->layer, &k->w, err));
    vision_layer_ahead(k->v, k->layer + 1);
    pb_status status = PB_OK;
    for (size_t i = 0; i < live && !status; i += at_once) {
        status = stop_check(err);
        if (!status)
            status = run_chunk(k, i, i + at_once < live ? i + at_once : live, err);
    }
    vision_layer_free(&k->w);
    return status;
}

static pb_status walk_layers(tower_walk *k, pb_error *err)
{
    for (k->layer = 0; k->layer < k->L; k->layer++)
        TRY(run_layer(k, err));
    for (size_t i = 0; i < k->count; i++) {
        tower_lane *n = &k->lanes[i];
        if (n->start == k->L)
            TRY(begin(k, n, err));
        enter(k, n, k->L);
        if (n->f->image_rows)
            TRY(vision_project(k->v, n->x, n->f->image_rows, err));
    }
    return PB_OK;
}

static void sort_lanes(tower_walk *k, tower_fork *forks, float *x)
{
    size_t at = 0;
    for (size_t start = 0; start <= k->L; start++)
        for (size_t i = 0; i < k->count; i++)
            if (start_of(k->v, &forks[i]) == start) {
                k->lanes[at] = (tower_lane){&forks[i], x + at * k->R * k->D, start};
                at++;
            }
}

pb_status tower_run(vision *v, tower_fork *forks, size_t count, pb_error *err)
{
    tower_walk k = {.v = v, .R = vision_tower_rows(v), .D = vision_settings(v)->width, .L = vision_used_layers(v),
                    .count = count};
    float *x;
    TRY(mem_try(&x, count * k.R, k.D * sizeof *x, "the vision tower's rows", err));
    k.lanes = mem_new(count, sizeof *k.lanes);
    sort_lanes(&k, forks, x);
    pb_status status = walk_layers(&k, err);
    if (!status)
        status = vision_check(v, err);
    arena_free(&k.memory);
    free(k.lanes);
    free(x);
    return status;
}

/* ---- what it takes ---- */

double tower_fork_flop(const vision *v, const tower_fork *f)
{
    double layers = (double)(vision_used_layers(v) - start_of(v, f));
    double ends = (f->base ? 0 : vision_embed_flop(v)) + (f->image_rows ? vision_project_flop(v) : 0);
    return ends + layers * vision_layer_flop(v);
}

size_t tower_fixed_bytes(const vision *v)
{
    size_t R = vision_tower_rows(v), at_once = ROWS_AT_ONCE / R ? ROWS_AT_ONCE / R : 1;
    return at_once * vision_layer_bytes(v);
}

size_t tower_fork_bytes(const vision *v)
{
    return vision_tower_rows(v) * vision_settings(v)->width * sizeof(float);
}
