/* about_job.c: what a store is of: the model by its weights and settings, the options with their defaults filled in, the data set by
 * its rows. No path stands in it but those that options name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "report/json_values.h"
#include "sweep/job.h"

/* ---- digests: 64-bit FNV-1a ---- */

void digest_add(uint64_t *d, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++)
        *d = (*d ^ at[i]) * 0x100000001b3u;
}

void digest_text(uint64_t *d, const char *text)
{
    digest_add(d, text ? text : "", text ? strlen(text) + 1 : 1);
}

json_t *digest_json(uint64_t d)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)d);
    return json_string(text);
}

/* ---- the model ---- */

enum { LOOKED_AT = 1024 }; /* elements at a tensor's beginning, and at its end: whole blocks of any type */

static int by_name(const void *a, const void *b)
{
    const tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void digest_values(uint64_t *d, const tensor *t)
{
    float values[LOOKED_AT];
    size_t n = t->count < LOOKED_AT ? t->count : LOOKED_AT;
    if (t->type == DTYPE_OTHER || n == 0)
        return;
    tensor_read(t, 0, n, values);
    digest_add(d, values, n * sizeof *values);
    tensor_read(t, t->count - n, n, values);
    digest_add(d, values, n * sizeof *values);
}

/* Name, type, shape and some values of each tensor, by name, wherever it lies. */
static void digest_checkpoint(uint64_t *d, const checkpoint *c)
{
    const tensor *tensors;
    size_t n = c ? checkpoint_tensors(c, &tensors) : 0;
    const tensor **sorted = mem_new(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &tensors[i];
    if (n)
        qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) {
        digest_text(d, sorted[i]->name);
        digest_text(d, sorted[i]->type_name);
        digest_add(d, sorted[i]->shape, sizeof sorted[i]->shape);
        digest_values(d, sorted[i]);
    }
    free(sorted);
}

/* The first and the last row of a matrix as edits and adapters left it. */
static pb_status digest_changed(uint64_t *d, const decoder *m, const tensor *t, pb_error *err)
{
    if (!t || !decoder_changed(m, t))
        return PB_OK;
    size_t width = t->rank > 1 ? t->count / t->shape[0] : 1;
    float *values = mem_new(width, sizeof *values);
    pb_status status = decoder_read_rows(m, t, 0, 1, values, err);
    digest_add(d, values, width * sizeof *values);
    if (!status)
        status = decoder_read_rows(m, t, t->count / width - 1, 1, values, err);
    digest_add(d, values, width * sizeof *values);
    free(values);
    return status;
}

static pb_status digest_changes(uint64_t *d, const model *m, pb_error *err)
{
    if (!m->change_count)
        return PB_OK;
    for (size_t l = 0; l < m->decoder.config.layers; l++)
        for (size_t part = 0; part < PART_COUNT; part++)
            TRY(digest_changed(d, &m->decoder, m->decoder.layers[l].part[part], err));
    TRY(digest_changed(d, &m->decoder, m->decoder.embedding, err));
    return digest_changed(d, &m->decoder, m->decoder.head, err);
}

/* ---- what the small files say: the same weights with another norm, another vocabulary are another model ---- */

static void digest_numbers(uint64_t *d, const double *numbers, size_t count)
{
    digest_add(d, numbers, count * sizeof *numbers);
}

static void digest_decoder(uint64_t *d, const decoder_config *c)
{
    const double numbers[] = {(double)c->d_ff, (double)c->heads, (double)c->kv_heads, (double)c->head_dim, c->norm,
                              (double)c->norm_eps, c->parallel, c->gated, c->act, (double)c->rotary_dim};
    digest_numbers(d, numbers, sizeof numbers / sizeof *numbers);
    digest_add(d, c->rope_frequency, c->rotary_dim / 2 * sizeof *c->rope_frequency);
}

static void digest_vision(uint64_t *d, const vision_config *c)
{
    const double numbers[] = {(double)c->heads, (double)c->image_size, (double)c->patch_size, (double)c->norm_eps, c->act,
                              c->pre_norm, (double)c->feature_layer, (double)c->skipped_rows, c->projector_act};
    digest_numbers(d, numbers, sizeof numbers / sizeof *numbers);
}

static void digest_processor(uint64_t *d, const image_processor *p)
{
    const double numbers[] = {p->pad_to_square, p->resize, p->crop, p->rescale, p->normalize, p->filter,
                              (double)p->shortest_edge, (double)p->width, (double)p->height, (double)p->crop_width,
                              (double)p->crop_height, p->rescale_factor};
    digest_numbers(d, numbers, sizeof numbers / sizeof *numbers);
    digest_numbers(d, p->mean, 3);
    digest_numbers(d, p->std, 3);
}

/* How it cuts texts up, and each token as it is written. */
static void digest_tokenizer(uint64_t *d, const tokenizer *t)
{
    buffer text = {0};
    digest_text(d, tokenizer_kind(t));
    for (size_t id = 0; id < tokenizer_vocab(t); id++) {
        text.size = 0;
        tokenizer_token_text(t, (int32_t)id, &text);
        digest_add(d, text.data, text.size);
        digest_add(d, "", 1);
    }
    free(text.data);
}

static json_t *changes_json(const model *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->change_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "kind", m->changes[i].kind, "terms",
                                              make_count(m->changes[i].terms), "rank", make_count(m->changes[i].rank)));
    return list;
}

json_t *sweep_model_json(const model *m, pb_error *err)
{
    const checkpoint *const all[] = {m->weights, m->tower_weights, m->lent_weights};
    uint64_t d = DIGEST_BEGIN;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        digest_checkpoint(&d, all[i]);
    if (digest_changes(&d, m, err))
        return NULL;
    digest_decoder(&d, &m->decoder.config);
    if (m->vision) {
        digest_vision(&d, vision_settings(m->vision));
        digest_processor(&d, &m->processor);
    }
    digest_tokenizer(&d, m->tokenizer);
    digest_add(&d, m->eos, m->eos_count * sizeof *m->eos);
    json_t *o = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "family", m->family, "layers",
                          make_count(m->decoder.config.layers), "d_model", make_count(m->decoder.config.d_model),
                          "dtype", weight_form_name(m->decoder.form),
                          "vocab", make_count(m->decoder.config.vocab), "fingerprint", digest_json(d));
    if (m->change_count)
        json_object_set_new(o, "changes", changes_json(m));
    return o;
}

/* ---- the data set ---- */

json_t *sweep_dataset_json(const sweep_job *j)
{
    uint64_t d = DIGEST_BEGIN;
    for (size_t i = 0; i < j->rows.count; i++) {
        const row *r = &j->rows.items[i];
        char *text = r->json ? json_dumps(r->json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
        digest_text(&d, text ? text : r->problem);
        free(text);
    }
    return json_pack("{s:o, s:o, s:o}", "rows", make_count(j->rows.count), "digest", digest_json(d), "folder",
                     make_text(j->folder));
}

/* ---- options ---- */

json_t *sweep_options_json(const sweep_job *j)
{
    const pb_sweep_options *o = &j->options;
    json_t *all = json_object();
    const char *template_name = o->template_name ? o->template_name : j->model->template_name;
    json_object_set_new(all, "template", make_text(template_name));
    json_object_set_new(all, "prefill", make_text(o->prefill ? o->prefill : "@prefill"));
    json_object_set_new(all, "occurrences", json_string(o->all_occurrences ? "all" : "first"));
    json_object_set_new(all, "image_order", make_text(o->image_order));
    json_object_set_new(all, "seed", json_integer((json_int_t)o->run.seed));
    if (sweep_method_of(o)->skips_wrong)
        json_object_set_new(all, "include_wrong", json_boolean(o->include_wrong));
    sweep_method_of(o)->options(j, all);
    return all;
}
