/* decoder.c: see decoder.h. */
#include "model/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/meter.h"
#include "base/process.h"
#include "model/decoder_change.h"

/* Parts in the store begin at multiples of a cache line. */
static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* ---- opening ---- */

/* A matrix [rows][columns], or a vector [rows] with columns 0. */
typedef struct part_shape {
    size_t rows, columns;
} part_shape;

static part_shape shape_of(const decoder_config *c, decoder_part part)
{
    size_t D = c->d_model, F = c->d_ff, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const part_shape shapes[PART_COUNT] = {
        [PART_ATTN_NORM] = {D}, [PART_ATTN_NORM_BIAS] = {D},
        [PART_Q] = {q, D},      [PART_Q_BIAS] = {q},
        [PART_K] = {kv, D},     [PART_K_BIAS] = {kv},
        [PART_V] = {kv, D},     [PART_V_BIAS] = {kv},
        [PART_O] = {D, q},      [PART_O_BIAS] = {D},
        [PART_MLP_NORM] = {D},  [PART_MLP_NORM_BIAS] = {D},
        [PART_GATE] = {F, D},   [PART_GATE_BIAS] = {F},
        [PART_UP] = {F, D},     [PART_UP_BIAS] = {F},
        [PART_DOWN] = {D, F},   [PART_DOWN_BIAS] = {D},
    };
    return shapes[part];
}

static pb_status find_layer(decoder *m, const checkpoint *c, const decoder_names *names, size_t layer, pb_error *err)
{
    for (decoder_part part = 0; part < PART_COUNT; part++) {
        if (!names->part[part])
            continue;
        part_shape shape = shape_of(&m->config, part);
        buffer name = {0};
        buffer_printf(&name, "%s%zu.%s", names->layer_prefix, layer, names->part[part]);
        pb_status status = checkpoint_get(c, name.data, shape.columns ? 2 : 1, (size_t[]){shape.rows, shape.columns},
                                          &m->layers[layer].part[part], err);
        buffer_free(&name);
        TRY(status);
    }
    return PB_OK;
}

/* Whether two tensors are the same numbers in the file: a tied head under a name of its own, as torch.save keeps it. */
static bool is_same(const tensor *a, const tensor *b)
{
    const tensor_layout *l = a->layout, *k = b->layout;
    bool alike = l && k ? memcmp(l, k, sizeof *l) == 0 : l == k;
    return a->data == b->data && a->type == b->type && a->swapped == b->swapped && alike;
}

/* The first layers, as many as memory has room for (of an unknown size: all). */
static size_t count_kept(const decoder *m, size_t available)
{
    size_t all = 0, bytes = 0, kept = 0;
    for (size_t l = 0; l < m->config.layers; l++)
        all += decoder_layer_bytes(m, l);
    if (!available || all <= available / 8 * 7)
        return m->config.layers;
    while ((bytes += decoder_layer_bytes(m, kept)) <= available / 4 * 3)
        kept++;
    return kept;
}

static pb_status find_all(decoder *m, const checkpoint *c, const decoder_names *names, pb_error *err)
{
    size_t table[2] = {m->config.vocab, m->config.d_model};
    const size_t *end_size[END_COUNT] = {
        [END_NORM] = &table[1], [END_NORM_BIAS] = &table[1], [END_HEAD_BIAS] = &table[0]};
    TRY(checkpoint_get(c, names->embedding, 2, table, &m->embedding, err));
    for (decoder_end e = 0; e < END_COUNT; e++)
        if (names->end[e] && (e != END_HEAD_BIAS || checkpoint_find(c, names->end[e])))
            TRY(checkpoint_get(c, names->end[e], 1, end_size[e], &m->end[e], err));
    m->head = m->embedding;
    if (checkpoint_find(c, names->head))
        TRY(checkpoint_get(c, names->head, 2, table, &m->head, err));
    if (is_same(m->head, m->embedding))
        m->head = m->embedding;
    m->layers = mem_new(m->config.layers, sizeof *m->layers);
    for (size_t l = 0; l < m->config.layers; l++)
        TRY(find_layer(m, c, names, l, err));
    m->kept = count_kept(m, process_available_bytes());
    decoder_size_store(m);
    return PB_OK;
}

pb_status decoder_open(decoder *m, const checkpoint *c, const decoder_config *config, const decoder_names *names,
                       pb_error *err)
{
    *m = (decoder){.config = *config, .files = c};
    pb_status status = find_all(m, c, names, err);
    if (status)
        decoder_free(m);
    return status;
}

void decoder_compute_in(decoder *m, compute_type type)
{
    m->form = weight_form_for(type);
    decoder_size_store(m);
}

void decoder_free(decoder *m)
{
    decoder_changes_free(m);
    free(m->config.rope_frequency);
    free(m->layers);
    free(m->store);
    for (decoder_end e = 0; e < END_COUNT; e++)
        free(m->end_f32[e]);
    *m = (decoder){0};
}

/* ---- one layer ---- */

static bool lies(const decoder *m, const tensor *t)
{
    weight w = decoder_in_place(m, t);
    return w.f32 || w.bf16;
}

/* Bytes of the store that one layer takes. */
static size_t layer_store(const decoder *m, size_t layer)
{
    size_t store = 0;
    for (decoder_part part = 0; part < PART_COUNT; part++) {
        const tensor *t = m->layers[layer].part[part];
        if (t && !lies(m, t))
            store += round_up(t->count * decoder_element_bytes(m, t));
    }
    return store;
}

void decoder_size_store(decoder *m)
{
    size_t most = 0;
    for (size_t l = 0; l < m->config.layers; l++) {
        size_t store = layer_store(m, l);
        most = store > most ? store : most;
    }
    if (most == m->store_bytes)
        return;
    free(m->store);
    m->store = NULL;
    m->store_bytes = most;
}

static double file_bytes(const tensor *t)
{
    const dtype_block *block = dtype_find(t->type);
    return (double)t->count / (double)block->elements * (double)block->bytes;
}

/* *w = one part: where it lies, or in the store from *used on. */
static pb_status read_part(decoder *m, const decoder_layer *from, decoder_part part, size_t *used, weight *w,
                           pb_error *err)
{
    const tensor *t = from->part[part];
    *w = t ? decoder_in_place(m, t) : (weight){0};
    if (t && !w->f32 && !w->bf16) {
        TRY(decoder_read_weight(m, t, 0, t->shape[0], (char *)m->store + *used, w, err));
        *used += round_up(t->count * decoder_element_bytes(m, t));
        meter_form(file_bytes(t), (double)(t->count * decoder_element_bytes(m, t)));
    } else if (t && !from->checked && !decoder_changed(m, t)) {
        TRY(weights_check(t, err)); /* once: it is the file's, used where it lies */
        meter_work(0, file_bytes(t));
    }
    return PB_OK;
}

pb_status decoder_read_parts(decoder *m, size_t layer, const decoder_part *parts, size_t count,
                             weight w[PART_COUNT], pb_error *err)
{
    size_t used = 0;
    if (m->store_bytes && !m->store)
        TRY(mem_try(&m->store, m->store_bytes, 1, "one layer's weights", err));
    for (decoder_part part = 0; part < PART_COUNT; part++)
        w[part] = (weight){0};
    pb_status status = PB_OK;
    meter_kind before = meter_enter(METER_LOADING);
    for (size_t i = 0; i < count && !status; i++)
        status = read_part(m, &m->layers[layer], parts[i], &used, &w[parts[i]], err);
    meter_leave(before);
    return status;
}

pb_status decoder_read_layer(decoder *m, size_t layer, weight w[PART_COUNT], pb_error *err)
{
    decoder_part all[PART_COUNT];
    for (decoder_part part = 0; part < PART_COUNT; part++)
        all[part] = part;
    TRY(decoder_read_parts(m, layer, all, PART_COUNT, w, err));
    m->layers[layer].checked = true;
    return PB_OK;
}

/* Whether the product of `rows` rows with rows first .. first + count - 1 of t takes them as the file has them;
 * then *w is these. */
static bool stays_stored(const decoder *m, const tensor *t, size_t first, size_t count, size_t rows, weight *w)
{
    if (rows > MATMUL_FEW_ROWS || t->rank != 2 || m->form == FORM_WIDENED || decoder_changed(m, t) || lies(m, t))
        return false;
    *w = (weight){.stored = t, .first = first, .rounded = m->form == FORM_BF16};
    return matmul_reads_stored(*w, count, t->shape[1]);
}

pb_status decoder_read_layer_for(decoder *m, size_t layer, size_t rows, weight w[PART_COUNT], pb_error *err)
{
    const decoder_layer *from = &m->layers[layer];
    decoder_part others[PART_COUNT];
    weight stored[PART_COUNT] = {0};
    size_t count = 0;
    if (!from->checked)
        return decoder_read_layer(m, layer, w, err);
    for (decoder_part part = 0; part < PART_COUNT; part++) {
        const tensor *t = from->part[part];
        if (t && !stays_stored(m, t, 0, t->shape[0], rows, &stored[part]))
            others[count++] = part;
    }
    TRY(decoder_read_parts(m, layer, others, count, w, err));
    for (decoder_part part = 0; part < PART_COUNT; part++)
        if (from->part[part] && !w[part].f32 && !w[part].bf16)
            w[part] = stored[part];
    return PB_OK;
}

/* ---- files ---- */

void decoder_layer_ahead(const decoder *m, size_t layer)
{
    for (decoder_part part = 0; part < PART_COUNT; part++)
        if (m->layers[layer].part[part])
            tensor_ahead(m->layers[layer].part[part]);
}

void decoder_head_ahead(const decoder *m)
{
    tensor_ahead(m->head);
}

void decoder_layer_leave(const decoder *m, size_t layer)
{
    for (decoder_part part = 0; layer >= m->kept && part < PART_COUNT; part++)
        if (m->layers[layer].part[part])
            tensor_leave(m->layers[layer].part[part]);
}

size_t decoder_layer_bytes(const decoder *m, size_t layer)
{
    size_t bytes = 0;
    for (decoder_part part = 0; part < PART_COUNT; part++)
        if (m->layers[layer].part[part])
            bytes += tensor_bytes(m->layers[layer].part[part]);
    return bytes;
}

size_t decoder_head_file_bytes(const decoder *m)
{
    return tensor_bytes(m->head);
}

pb_status decoder_check_layer(const decoder *m, size_t layer, pb_error *err)
{
    for (decoder_part part = 0; part < PART_COUNT; part++)
        if (m->layers[layer].part[part])
            TRY(tensor_check(m->layers[layer].part[part], err));
    return PB_OK;
}

pb_status decoder_check(const decoder *m, pb_error *err)
{
    return checkpoint_check(m->files, err);
}

/* ---- norms ---- */

void decoder_norm(const decoder_config *c, float *y, const float *x, const float *w, const float *b, size_t rows)
{
    switch (c->norm) {
    case NORM_RMS: rms_norm(y, x, w, c->norm_eps, rows, c->d_model); break;
    case NORM_LAYER: layer_norm(y, x, w, b, c->norm_eps, rows, c->d_model); break;
    }
}

void decoder_norm_backward(const decoder_config *c, float *dx, float *dw, float *db, const float *dy, const float *x,
                           const float *w, size_t rows)
{
    switch (c->norm) {
    case NORM_RMS: rms_norm_backward(dx, dw, dy, x, w, c->norm_eps, rows, c->d_model); break;
    case NORM_LAYER: layer_norm_backward(dx, dw, db, dy, x, w, c->norm_eps, rows, c->d_model); break;
    }
}

/* ---- the two ends ---- */

pb_status decoder_embed(const decoder *m, const int32_t *ids, size_t n, float *rows, pb_error *err)
{
    size_t D = m->config.d_model;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= m->config.vocab)
            return fail(err, PB_EINVAL, "token id %d is outside the model's vocabulary of %zu", ids[i],
                        m->config.vocab);
        TRY(decoder_read_rows(m, m->embedding, (size_t)ids[i], 1, rows + i * D, err));
    }
    return PB_OK;
}

enum { VOCAB_BLOCK = 4096 };

pb_status decoder_embedding_sd(const decoder *m, double *sd, pb_error *err)
{
    size_t D = m->config.d_model, V = m->config.vocab;
    double total = 0, squares = 0, count = (double)(V * D);
    float *row;
    TRY(mem_try(&row, VOCAB_BLOCK * D, sizeof *row, "a block of embeddings", err));
    for (size_t v = 0; v < V; v += VOCAB_BLOCK) {
        size_t rows = V - v < VOCAB_BLOCK ? V - v : VOCAB_BLOCK;
        pb_status status = decoder_read_rows(m, m->embedding, v, rows, row, err);
        if (status) {
            free(row);
            return status;
        }
        for (size_t j = 0; j < rows * D; j++) {
            total += (double)row[j];
            squares += (double)row[j] * (double)row[j];
        }
    }
    free(row);
    double mean = total / count;
    *sd = sqrt(squares / count - mean * mean);
    return PB_OK;
}

pb_status decoder_read_ends(decoder *m, const float *w[END_COUNT], pb_error *err)
{
    for (decoder_end e = 0; e < END_COUNT; e++) {
        const tensor *t = m->end[e];
        if (t && !decoder_changed(m, t) && !m->end_f32[e])
            TRY(weights_load(t, &m->end_f32[e], err));
        w[e] = t && decoder_changed(m, t) ? decoder_in_place(m, t).f32 : m->end_f32[e];
    }
    return PB_OK;
}

pb_status decoder_read_head(decoder *m, size_t first, size_t count, void *room, weight *w, pb_error *err)
{
    if (!lies(m, m->head))
        return decoder_read_weight(m, m->head, first, count, room, w, err);
    if (!m->head_checked && !decoder_changed(m, m->head))
        TRY(weights_check(m->head, err));
    m->head_checked = true;
    *w = decoder_in_place(m, m->head);
    *w = (weight){.f32 = w->f32 ? w->f32 + first * m->config.d_model : NULL,
                  .bf16 = w->bf16 ? w->bf16 + first * m->config.d_model : NULL};
    return PB_OK;
}

pb_status decoder_read_head_for(decoder *m, size_t first, size_t count, size_t rows, void *room, weight *w,
                                pb_error *err)
{
    return m->head_checked && stays_stored(m, m->head, first, count, rows, w)
               ? PB_OK : decoder_read_head(m, first, count, room, w, err);
}

void decoder_head_is_checked(decoder *m)
{
    m->head_checked = true;
}

size_t decoder_head_bytes(const decoder *m)
{
    return lies(m, m->head) ? 0 : m->config.d_model * decoder_element_bytes(m, m->head);
}

/* ---- what it costs ---- */

double decoder_kv_flop(const decoder_config *c)
{
    return 4.0 * (double)c->d_model * (double)(c->kv_heads * c->head_dim);
}

double decoder_layer_flop(const decoder_config *c)
{
    double D = (double)c->d_model, q = (double)(c->heads * c->head_dim), mlp_matrices = c->gated ? 3 : 2;
    return 4.0 * D * q + decoder_kv_flop(c) + 2.0 * mlp_matrices * D * (double)c->d_ff;
}

double decoder_attention_flop(const decoder_config *c, double keys)
{
    return 4.0 * (double)(c->heads * c->head_dim) * keys;
}

double decoder_readout_flop(const decoder_config *c)
{
    return 2.0 * (double)c->d_model * (double)c->vocab;
}
