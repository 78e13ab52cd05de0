/* lora_save.c: edits as an adapter in PEFT's format (lora.h): lora_A = the keys, lora_B = the values' changes, scaled
 * by lora_alpha / r = 1. Names are those that Hugging Face's classes give their modules. */
#include <stdlib.h>
#include <string.h>

#include "base/file_set.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "checkpoint/safetensors_write.h"
#include "model/lora.h"

/* One layer's part of the adapter. */
typedef struct adapted {
    size_t layer, rank;
    size_t *rows;       /* [rank] of the factors */
    char *module;       /* "model.layers.2.mlp.down_proj" */
    char *a, *b;        /* the tensors' names */
} adapted;

typedef struct lora_writer {
    const model *m;
    const edit_factors *f;
    adapted *layers; /* [count], ascending */
    size_t count, rank; /* rank: the highest */
} lora_writer;

/* A tensor's module as Hugging Face's class has it, whatever version saved it; free(). */
static char *module_name(const tensor *t)
{
    static const char before[] = "language_model.model.", now[] = "model.language_model.";
    const char *name = t->name;
    buffer b = {0};
    if (strncmp(name, before, sizeof before - 1) == 0) {
        buffer_text(&b, now);
        name += sizeof before - 1;
    }
    buffer_add(&b, name, strlen(name) - (sizeof ".weight" - 1));
    return b.data;
}

static char *tensor_name(const char *module, char letter)
{
    buffer b = {0};
    buffer_printf(&b, "base_model.model.%s.lora_%c.weight", module, letter);
    return b.data;
}

static void find_layers(lora_writer *w)
{
    size_t L = w->m->decoder.config.layers;
    w->layers = mem_new(L, sizeof *w->layers);
    for (size_t l = 0; l < L; l++) {
        adapted a = {.layer = l, .rows = mem_new(w->f->count, sizeof *a.rows)};
        a.rank = edit_factors_rows(w->f, l, a.rows);
        if (a.rank == 0) {
            free(a.rows);
            continue;
        }
        a.module = module_name(w->m->decoder.layers[l].part[PART_DOWN]);
        a.a = tensor_name(a.module, 'A');
        a.b = tensor_name(a.module, 'B');
        w->layers[w->count++] = a;
        w->rank = a.rank > w->rank ? a.rank : w->rank;
    }
}

static void lora_writer_free(lora_writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->layers[i].rows);
        free(w->layers[i].module);
        free(w->layers[i].a);
        free(w->layers[i].b);
    }
    free(w->layers);
}

/* ---- adapter_model.safetensors ---- */

static void write_layer(safetensors_writer *out, const edit_factors *f, const adapted *a)
{
    for (size_t r = 0; r < a->rank; r++)
        safetensors_write(out, f->key + a->rows[r] * f->d_ff, f->d_ff * sizeof *f->key);
    for (size_t i = 0; i < f->d_model; i++)
        for (size_t r = 0; r < a->rank; r++)
            safetensors_write(out, &f->u[a->rows[r] * f->d_model + i], sizeof *f->u);
}

static pb_status write_tensors(const lora_writer *w, const file_set *set, pb_error *err)
{
    safetensors_writer out;
    safetensors_entry *entries = mem_new(2 * w->count, sizeof *entries);
    for (size_t i = 0; i < w->count; i++) {
        const adapted *a = &w->layers[i];
        entries[2 * i] = (safetensors_entry){a->a, "F32", 2, {a->rank, w->f->d_ff}};
        entries[2 * i + 1] = (safetensors_entry){a->b, "F32", 2, {w->f->d_model, a->rank}};
    }
    char *path = path_join(set->stage, "adapter_model.safetensors");
    pb_status status = safetensors_open_writer(&out, path, entries, 2 * w->count, err);
    for (size_t i = 0; i < w->count && !status; i++)
        write_layer(&out, w->f, &w->layers[i]);
    if (!status)
        status = safetensors_commit(&out, err);
    free(entries);
    free(path);
    return status;
}

/* ---- adapter_config.json ---- */

/* {module: rank} of the layers whose rank is not the highest. */
static json_t *rank_pattern(const lora_writer *w)
{
    json_t *pattern = json_object();
    for (size_t i = 0; i < w->count; i++)
        if (w->layers[i].rank != w->rank)
            json_object_set_new(pattern, w->layers[i].module, json_integer((json_int_t)w->layers[i].rank));
    return pattern;
}

static json_t *make_config(const lora_writer *w)
{
    json_t *modules = json_array(), *path = json_string(w->m->path);
    for (size_t i = 0; i < w->count; i++)
        json_array_append_new(modules, json_string(w->layers[i].module));
    return json_pack("{s:s, s:o?, s:o?, s:s, s:b, s:b, s:i, s:I, s:o, s:o, s:f, s:b, s:o}", "peft_type", "LORA",
                     "task_type", w->m->vision ? NULL : json_string("CAUSAL_LM"), "base_model_name_or_path", path,
                     "bias", "none", "fan_in_fan_out", 0, "inference_mode", 1, "r", (int)w->rank, "lora_alpha",
                     (json_int_t)w->rank, "rank_pattern", rank_pattern(w), "alpha_pattern", rank_pattern(w),
                     "lora_dropout", 0.0, "use_rslora", 0, "target_modules", modules);
}

static pb_status write_config(const lora_writer *w, const file_set *set, pb_error *err)
{
    json_t *config = make_config(w);
    char *text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    buffer b = {text, strlen(text), 0};
    pb_status status = file_set_text(set, "adapter_config.json", &b, err);
    free(text);
    json_decref(config);
    return status;
}

static pb_status write_files(const lora_writer *w, const file_set *set, const char *folder, pb_error *err)
{
    TRY(model_check_output(w->m, folder, err)); /* once more: ".." may have come to mean something */
    TRY(write_tensors(w, set, err));
    TRY(write_config(w, set, err));
    return interrupt_check(folder, err);
}

pb_status lora_save(const model *m, const edit_factors *f, const char *folder, pb_error *err)
{
    lora_writer w = {.m = m, .f = f};
    file_set set;
    TRY(edit_factors_fit(f, &m->decoder.config, folder, err));
    TRY(model_check_output(m, folder, err));
    find_layers(&w);
    pb_status status = file_set_open(&set, folder, err);
    if (!status)
        status = file_set_close(&set, write_files(&w, &set, folder, err), err);
    lora_writer_free(&w);
    return status;
}
