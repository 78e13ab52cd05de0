/* chunk.c: see chunk.h. */
#include "engine/chunk.h"

#include <string.h>

#include "base/meter.h"
#include "base/on_threads.h"
#include "base/process.h"
#include "math/low_rank.h"

/* ---- lanes ---- */

static void keep(float *rows, const recording *r, size_t layer, size_t position, const float *row, size_t width)
{
    if (position >= r->sites_first)
        memcpy(rows + (layer * (r->end - r->sites_first) + position - r->sites_first) * width, row,
               width * sizeof *row);
}

pb_status chunk_enter(lane *n, size_t index, size_t layers, size_t D, pb_error *err)
{
    replay_fork *f = n->f;
    if (index < n->start)
        return PB_OK;
    for (size_t p = f->first; p < f->end; p++) {
        float *x = n->x + (p - f->first) * D;
        const float *from = NULL;
        if (index == n->start)
            from = f->input ? f->input + (p - f->first) * D
                            : recording_row(lane_entry(f), SITE_RESID_PRE, index, p);
        const float *put = lane_edited_residual(f, index, layers, p);
        from = put ? put : from;
        if (from)
            memcpy(x, from, D * sizeof *x);
        if (f->record)
            keep(f->record->resid, f->record, index, p, x, D);
        if (index < layers)
            TRY(lane_show(f, SITE_RESID_PRE, index, p, x, D, err));
        if (index > 0)
            TRY(lane_show(f, SITE_RESID_POST, index - 1, p, x, D, err));
    }
    return PB_OK;
}

/* ---- the rows ---- */

typedef struct live_row {
    const lane *lane;
    size_t position;
    float *x;                                /* [D] in its lane */
    lane_row is;                             /* what must be computed */
    const float *attn_given, *mlp_given;     /* site rows that are put in, or the base's, instead */
} live_row;

typedef struct chunk {
    live_row *rows;
    size_t count;
    size_t kv_count, attend_count, project_count, feed_count;
    bool all_attend; /* the rows that have keys are those that attend */
    float *z;        /* [project_count][H d], then */
    float *attn_out; /* [project_count][D], once it is computed */
    float *mlp_out;  /* [feed_count][D] */
} chunk;

static live_row row_of(const layer_walk *k, const lane *n, size_t p)
{
    const replay_fork *f = n->f;
    live_row r = {.lane = n, .position = p, .x = n->x + (p - f->first) * k->c->d_model,
                  .attn_given = lane_edited(f, SITE_ATTN_OUT, k->layer, p),
                  .mlp_given = lane_edited(f, SITE_MLP_OUT, k->layer, p)};
    lane_put put = {r.attn_given, !r.attn_given && lane_edits_heads(f, k->layer, p), r.mlp_given};
    r.is = lane_row_of(n, k->c, k->layer, p, put);
    if (r.is.attn_of_base)
        r.attn_given = recording_row(lane_entry(f), SITE_ATTN_OUT, k->layer, p);
    if (r.is.mlp_of_base)
        r.mlp_given = recording_row(lane_entry(f), SITE_MLP_OUT, k->layer, p);
    return r;
}

static pb_status chunk_collect(chunk *c, const layer_walk *k, const lane *lanes, size_t count, pb_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        most += lane_rows(&lanes[i]);
    *c = (chunk){.all_attend = true};
    TRY(arena_try(k->memory, &c->rows, most, sizeof *c->rows, "a chunk's rows", err));
    for (size_t i = 0; i < count; i++) {
        const lane *n = &lanes[i];
        if (n->start > k->layer)
            continue;
        for (size_t p = n->f->first; p < n->f->end; p++) {
            live_row r = row_of(k, n, p);
            if (!r.is.has_kv && !r.is.needed)
                continue;
            c->rows[c->count++] = r;
            c->kv_count += r.is.has_kv;
            c->attend_count += r.is.attends;
            c->project_count += r.is.projects;
            c->feed_count += r.is.feeds;
            c->all_attend &= r.is.has_kv == r.is.attends;
        }
    }
    return PB_OK;
}

static bool wants_kv(const live_row *r)
{
    return r->is.has_kv;
}

static bool wants_attention(const live_row *r)
{
    return r->is.attends;
}

static bool wants_projection(const live_row *r)
{
    return r->is.projects;
}

static bool wants_mlp(const live_row *r)
{
    return r->is.feeds;
}

/* y[n][D] = norm(x) of the rows that `wanted` names. */
static pb_status gather_normed(const layer_walk *k, const chunk *c, bool (*wanted)(const live_row *), size_t n,
                               decoder_part w, decoder_part bias, float **y, pb_error *err)
{
    size_t D = k->c->d_model, at = 0;
    const float **from;
    TRY(layer_rows(k, y, n, D, err));
    TRY(arena_try(k->memory, &from, n, sizeof *from, "a chunk's rows", err));
    for (size_t i = 0; i < c->count; i++)
        if (wanted(&c->rows[i]))
            from[at++] = c->rows[i].x;
    ON_THREADS(n > 32, schedule(static),
        for (size_t i = 0; i < n; i++)
            decoder_norm(k->c, *y + i * D, from[i], k->w[w].f32, k->w[bias].f32, 1);)
    return PB_OK;
}

/* y[n][out] = what a matrix makes of x[n][in], the rows that `wanted` names, each with its own fork's changes. */
static pb_status product(const layer_walk *k, const chunk *c, bool (*wanted)(const live_row *), float *y, const float *x,
                         decoder_part w, decoder_part bias, size_t n, size_t out, size_t in, pb_error *err)
{
    TRY(layer_product(k, y, x, w, bias, n, out, in, err));
    for (size_t i = 0, at = 0; i < c->count && at < n; i++) {
        if (!wanted(&c->rows[i]))
            continue;
        const replay_fork *f = c->rows[i].lane->f;
        for (size_t t = 0; t < f->term_count; t++)
            if (f->terms[t].layer == k->layer && f->terms[t].part == w)
                low_rank_add(y + at * out, x + at * in, f->terms[t].a, f->terms[t].b, f->terms[t].rank, out, in);
        at++;
    }
    return PB_OK;
}

/* ---- attention ---- */

/* Turns q and k by their rows' positions. */
static void rotate(const layer_walk *k, const chunk *c, float *rows, size_t heads, bool (*wanted)(const live_row *))
{
    size_t half = k->c->rotary_dim / 2, width = heads * k->c->head_dim, at = 0;
    for (size_t i = 0; i < c->count; i++)
        if (wanted(&c->rows[i])) {
            size_t p = c->rows[i].position;
            rope_rotate(rows + at++ * width, k->cosine + p * half, k->sine + p * half, heads, k->c->head_dim,
                        k->c->rotary_dim);
        }
}

/* Where one lane's keys and values of this layer lie: in its recording, or in the chunk's memory. */
static pb_status lane_keys(const layer_walk *k, const replay_fork *f, const float *keys, const float *values,
                           kv_segment *own, pb_error *err)
{
    size_t n = f->end - f->first, width = k->c->kv_heads * k->c->head_dim;
    *own = (kv_segment){.first = f->first, .end = f->end, .k_stride = kv_stride(n), .v = values};
    if (f->record) {
        recording_put(f->record, k->layer, f->first, n, keys, values, own);
        return PB_OK;
    }
    float *kt;
    TRY(layer_rows(k, &kt, width, own->k_stride, err));
    kv_transpose(kt, keys, n, width, own->k_stride);
    own->k = kt;
    return PB_OK;
}

/* The job, about rows that begin there. */
static attention_job job_at(const attention_job *of, const float *q, float *z, const size_t *positions)
{
    attention_job job = *of;
    job.q = q;
    job.z = z;
    job.positions = positions;
    return job;
}

/* The keys of a chunk's lanes, and a job for each that has attending rows. All keys stand before any row attends,
 * so a lane's base may be in the same chunk. A lane that joins has no keys of its own. */
static pb_status chunk_jobs(const layer_walk *k, const chunk *c, const float *keys, const float *values,
                            const float *q, attention_job *jobs, size_t *job_count, pb_error *err)
{
    size_t kv_width = k->c->kv_heads * k->c->head_dim, width = k->c->heads * k->c->head_dim;
    size_t kv_at = 0, q_at = 0, z_at = 0, *positions;
    TRY(arena_try(k->memory, &positions, c->attend_count, sizeof *positions, "a chunk's rows", err));
    *job_count = 0;
    for (size_t i = 0; i < c->count;) {
        const lane *n = c->rows[i].lane;
        bool has_kv = c->rows[i].is.has_kv, open = false;
        kv_segment own;
        attention_job job;
        if (has_kv)
            TRY(lane_keys(k, n->f, keys + kv_at * kv_width, values + kv_at * kv_width, &own, err));
        TRY(layer_job(k, n->f, has_kv ? &own : NULL, &job, err));
        for (; i < c->count && c->rows[i].lane == n; i++) {
            const live_row *r = &c->rows[i];
            kv_at += has_kv;
            open = open && (r->is.attends || !r->is.projects); /* a job's rows of z lie side by side */
            if (r->is.attends) {
                if (!open)
                    jobs[(*job_count)++] = job_at(&job, q + q_at * width, c->z + z_at * width, positions + q_at);
                open = true;
                positions[q_at++] = r->position;
                jobs[*job_count - 1].rows++;
                k->work->flop += decoder_attention_flop(k->c, (double)r->position + 1);
            }
            z_at += r->is.projects;
        }
    }
    return PB_OK;
}

/* The heads of rows that attend, into their rows of c->z. */
static pb_status mix(const layer_walk *k, chunk *c, pb_error *err)
{
    if (c->kv_count + c->attend_count == 0)
        return PB_OK;
    const decoder_config *f = k->c;
    size_t D = f->d_model, width = f->heads * f->head_dim, kv_width = f->kv_heads * f->head_dim, n = c->attend_count;
    float *normed, *keys, *values, *queries_in, *q;
    attention_job *jobs;
    size_t job_count;
    TRY(gather_normed(k, c, wants_kv, c->kv_count, PART_ATTN_NORM, PART_ATTN_NORM_BIAS, &normed, err));
    TRY(layer_rows(k, &keys, c->kv_count, kv_width, err));
    TRY(layer_rows(k, &values, c->kv_count, kv_width, err));
    TRY(product(k, c, wants_kv, keys, normed, PART_K, PART_K_BIAS, c->kv_count, kv_width, D, err));
    TRY(product(k, c, wants_kv, values, normed, PART_V, PART_V_BIAS, c->kv_count, kv_width, D, err));
    rotate(k, c, keys, f->kv_heads, wants_kv);

    queries_in = normed;
    if (!c->all_attend)
        TRY(gather_normed(k, c, wants_attention, n, PART_ATTN_NORM, PART_ATTN_NORM_BIAS, &queries_in, err));
    TRY(layer_rows(k, &q, n, width, err));
    TRY(product(k, c, wants_attention, q, queries_in, PART_Q, PART_Q_BIAS, n, width, D, err));
    rotate(k, c, q, f->heads, wants_attention);

    double begin = clock_now(), flop = k->work->flop;
    TRY(arena_try(k->memory, &jobs, c->count, sizeof *jobs, "a chunk's attention", err));
    TRY(chunk_jobs(k, c, keys, values, q, jobs, &job_count, err));
    meter_kind before = meter_enter(METER_ATTENTION);
    attention(jobs, job_count);
    meter_work(k->work->flop - flop, 0);
    meter_leave(before);
    k->work->attention += clock_now() - begin;
    return PB_OK;
}

/* Heads that are put in, and those that a joining row has from its base; handed to whoever wants them. */
static pb_status put_heads(const layer_walk *k, chunk *c, pb_error *err)
{
    size_t width = k->c->heads * k->c->head_dim, at = 0;
    for (size_t i = 0; i < c->count; i++) {
        const live_row *r = &c->rows[i];
        const replay_fork *f = r->lane->f;
        if (!r->is.projects)
            continue;
        float *z = c->z + at++ * width;
        if (!r->is.attends)
            memcpy(z, recording_row(lane_entry(f), SITE_HEAD_OUT, k->layer, r->position), width * sizeof *z);
        if (r->is.heads_given)
            lane_put_heads(f, k->layer, r->position, k->c, z);
        TRY(lane_show(f, SITE_HEAD_OUT, k->layer, r->position, z, width, err));
        if (f->record && f->record->z)
            keep(f->record->z, f->record, k->layer, r->position, z, width);
    }
    return PB_OK;
}

/* attn_out = o(the heads' mixed values) */
static pb_status attend(const layer_walk *k, chunk *c, pb_error *err)
{
    size_t D = k->c->d_model, width = k->c->heads * k->c->head_dim, n = c->project_count;
    TRY(layer_rows(k, &c->z, n, width, err));
    TRY(mix(k, c, err));
    if (n == 0)
        return PB_OK;
    TRY(put_heads(k, c, err));
    TRY(layer_rows(k, &c->attn_out, n, D, err));
    return product(k, c, wants_projection, c->attn_out, c->z, PART_O, PART_O_BIAS, n, D, width, err);
}

/* ---- the MLP ---- */

/* inner[n][F] = what the last matrix takes: act(gate(x)) * up(x), or act(up(x)) */
static pb_status activated(const layer_walk *k, const chunk *c, const float *x, float **inner, pb_error *err)
{
    size_t D = k->c->d_model, F = k->c->d_ff, n = c->feed_count;
    float *gate = NULL, *up;
    TRY(layer_rows(k, &up, n, F, err));
    TRY(product(k, c, wants_mlp, up, x, PART_UP, PART_UP_BIAS, n, F, D, err));
    if (k->c->gated) {
        TRY(layer_rows(k, &gate, n, F, err));
        TRY(product(k, c, wants_mlp, gate, x, PART_GATE, PART_GATE_BIAS, n, F, D, err));
        activate_gated(k->c->act, gate, up, n * F);
    } else {
        activate(k->c->act, up, n * F);
    }
    *inner = gate ? gate : up;
    return PB_OK;
}

/* mlp_out = down(activated(norm(x))) */
static pb_status feed_forward(const layer_walk *k, chunk *c, pb_error *err)
{
    size_t D = k->c->d_model, F = k->c->d_ff, n = c->feed_count;
    float *normed, *inner;
    if (n == 0)
        return PB_OK;
    TRY(gather_normed(k, c, wants_mlp, n, PART_MLP_NORM, PART_MLP_NORM_BIAS, &normed, err));
    TRY(activated(k, c, normed, &inner, err));
    for (size_t i = 0, at = 0; i < c->count; i++)
        if (wants_mlp(&c->rows[i])) {
            const live_row *r = &c->rows[i];
            TRY(lane_show(r->lane->f, SITE_MLP_POST, k->layer, r->position, inner + at++ * F, F, err));
        }
    TRY(layer_rows(k, &c->mlp_out, n, D, err));
    return product(k, c, wants_mlp, c->mlp_out, inner, PART_DOWN, PART_DOWN_BIAS, n, D, F, err);
}

/* ---- one layer ---- */

/* x += the site's row: the computed one or the one put in its place; recorded either way. */
static pb_status add_site(const layer_walk *k, const chunk *c, site s, const float *computed, pb_error *err)
{
    size_t D = k->c->d_model, at = 0;
    for (size_t i = 0; i < c->count; i++) {
        const live_row *r = &c->rows[i];
        recording *record = r->lane->f->record;
        const float *given = s == SITE_ATTN_OUT ? r->attn_given : r->mlp_given;
        if (!r->is.needed)
            continue;
        const float *row = given ? given : computed + at++ * D;
        TRY(lane_show(r->lane->f, s, k->layer, r->position, row, D, err));
        if (record)
            keep(s == SITE_ATTN_OUT ? record->attn_out : record->mlp_out, record, k->layer, r->position, row, D);
        add_rows(r->x, row, D);
    }
    return PB_OK;
}

static pb_status add_attn_out(const layer_walk *k, chunk *c, pb_error *err)
{
    return add_site(k, c, SITE_ATTN_OUT, c->attn_out, err);
}

static pb_status add_mlp_out(const layer_walk *k, chunk *c, pb_error *err)
{
    return add_site(k, c, SITE_MLP_OUT, c->mlp_out, err);
}

/* What happens to a chunk's rows in a layer, in order: attention's output stands in the residual stream when the MLP
 * reads it, or not yet. */
enum { STEPS = 4 };
typedef pb_status (*layer_step)(const layer_walk *k, chunk *c, pb_error *err);
static const layer_step in_sequence[STEPS] = {attend, add_attn_out, feed_forward, add_mlp_out};
static const layer_step in_parallel[STEPS] = {attend, feed_forward, add_attn_out, add_mlp_out};

/* After the layer in which a lane joined: rows that were not computed there are still the base's. */
static void finish_joining(const layer_walk *k, lane *lanes, size_t count)
{
    size_t D = k->c->d_model;
    for (size_t i = 0; i < count; i++) {
        const replay_fork *f = lanes[i].f;
        if (!lanes[i].joins || lanes[i].start != k->layer)
            continue;
        for (size_t p = f->first; p < f->end; p++)
            if (!lane_differs(f, k->layer, p))
                memcpy(lanes[i].x + (p - f->first) * D, recording_row(lane_entry(f), SITE_RESID_POST, k->layer, p),
                       D * sizeof(float));
    }
}

pb_status chunk_run(const layer_walk *k, lane *lanes, size_t count, pb_error *err)
{
    chunk c;
    const layer_step *step = k->c->parallel ? in_parallel : in_sequence;
    arena_reset(k->memory);
    for (size_t i = 0; i < count; i++)
        TRY(chunk_enter(&lanes[i], k->layer, k->c->layers, k->c->d_model, err));
    TRY(chunk_collect(&c, k, lanes, count, err));
    for (size_t i = 0; i < STEPS; i++)
        TRY(step[i](k, &c, err));
    finish_joining(k, lanes, count);
    return PB_OK;
}
