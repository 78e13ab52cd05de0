/* model.c: see model.h. */
#include "model/model.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/process.h"
#include "model/edit_factors.h"
#include "model/gguf.h"
#include "model/lora.h"
#include "model/mm.h"

static const family *const families[] = {
    &family_llava_original, &family_llava,       &family_llava_llama, &family_bunny_phi, &family_bunny_qwen,
    &family_bunny_qwen2,    &family_bunny_llama, &family_llama,       &family_phi,       &family_qwen2,
};

enum { FAMILIES = sizeof families / sizeof *families };

static pb_status unknown_family(const char *type, const char *file, pb_error *err)
{
    buffer known = {0};
    for (size_t i = 0; i < FAMILIES; i++)
        if (!families[i]->fits) /* else the next row has the same model_type */
            buffer_printf(&known, "%s\"%s\"", known.size ? ", " : "", families[i]->model_type);
    pb_status status =
        fail(err, PB_EUNSUPPORTED, "%s: \"model_type\" is \"%s\"; patchbay knows %s", file, type, known.data);
    buffer_free(&known);
    return status;
}

static pb_status find_family(const family **out, const json_t *config, const char *file, pb_error *err)
{
    const char *type = NULL;
    TRY(json_get_text(config, "model_type", &type, file, err));
    if (!type)
        return fail(err, PB_EFORMAT, "%s: has no \"model_type\"", file);
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(type, families[i]->model_type) == 0 && (!families[i]->fits || families[i]->fits(config))) {
            *out = families[i];
            return PB_OK;
        }
    return unknown_family(type, file, err);
}

const char *model_find_prefix(const checkpoint *c, const char *const *prefixes, const char *name)
{
    for (size_t i = 0; prefixes[i]; i++) {
        buffer full = {0};
        buffer_printf(&full, "%s%s", prefixes[i], name);
        const tensor *found = checkpoint_find(c, full.data);
        buffer_free(&full);
        if (found)
            return prefixes[i];
    }
    return NULL;
}

const char *model_prefix(const checkpoint *c, const char *const *prefixes, const char *name)
{
    const char *found = model_find_prefix(c, prefixes, name);
    return found ? found : prefixes[0];
}

/* The template's name from the folder's own patchbay.json, where there is one. */
static pb_status read_template(model *m, const char *default_name, pb_error *err)
{
    char *path = path_join(m->path, "patchbay.json");
    json_t *settings = NULL;
    const char *name = default_name;
    pb_status status = PB_OK;
    if (file_exists(path))
        status = json_read_file(&settings, path, err);
    if (!status)
        status = json_get_text(settings, "template", &name, path, err);
    m->template_name = mem_text(name);
    json_decref(settings);
    free(path);
    return status;
}

/* eos_token_id is a number or a list of them, in generation_config.json or config.json (for LLaVA: in text_config). */
static void add_eos(model *m, const json_t *object)
{
    const json_t *value = json_object_get(object, "eos_token_id");
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_is_array(value) ? json_array_get(value, i) : value;
        double number = json_number_value(id);
        if (!json_is_number(id) || !(number >= 0 && number < INT32_MAX))
            continue;
        m->eos = mem_resize(m->eos, m->eos_count + 1, sizeof *m->eos);
        m->eos[m->eos_count++] = (int32_t)number;
    }
}

static pb_status read_eos(model *m, const json_t *config, pb_error *err)
{
    char *path = path_join(m->path, "generation_config.json");
    json_t *generation = NULL;
    pb_status status = file_exists(path) ? json_read_file(&generation, path, err) : PB_OK;
    add_eos(m, generation);
    if (m->eos_count == 0)
        add_eos(m, config);
    if (m->eos_count == 0)
        add_eos(m, json_object_get(config, "text_config"));
    json_decref(generation);
    free(path);
    return status;
}

/* The settings beside a tower that lies apart, else those in the folder whose vision side it is, go over the tower's
 * defaults. */
static pb_status read_processor(model *m, const char *folder, pb_error *err)
{
    image_processor defaults = m->processor;
    bool apart = m->tower_path && image_processor_stored(m->tower_path);
    return image_processor_read(&m->processor, apart ? m->tower_path : folder, &defaults, err);
}

/* The vision side of the model in the folder `lender`, under the settings in its config. */
static pb_status borrow_vision(model *m, const char *lender, const family **f, pb_error *err)
{
    char *file = path_join(lender, "config.json");
    json_t *config = NULL;
    pb_status status = json_read_file(&config, file, err);
    if (!status)
        status = find_family(f, config, file, err);
    if (!status && !(*f)->open_vision)
        status = fail(err, PB_EINVAL, "%s: is a decoder alone (\"%s\"), and has no vision side to lend", lender,
                      (*f)->model_type);
    if (!status)
        status = (*f)->open_vision(m, m->lent_weights, config, file, err);
    json_decref(config);
    free(file);
    if (!status)
        m->image_token = MM_IMAGE_TOKEN; /* the lender's token is none in this vocabulary */
    return status;
}

/* Gives a decoder alone the vision side that --mmproj names; *f = the family whose prompts it asks for. */
static pb_status open_mmproj(model *m, const family **f, const char *mmproj, pb_error *err)
{
    if (m->vision) {
        fail(err, PB_EINVAL, "%s: this model (%s) has a vision side of its own", m->path, m->family);
        return fail_hint(err, "leave --mmproj out");
    }
    TRY(checkpoint_open(&m->lent_weights, mmproj, err));
    if (checkpoint_metadata(m->lent_weights)) {
        *f = &family_llava;
        return gguf_vision(m, m->lent_weights, err);
    }
    TRY(borrow_vision(m, mmproj, f, err));
    return read_processor(m, mmproj, err);
}

static pb_status open_vision(model *m, const family **f, const json_t *config, const model_source *source,
                             const char *file, pb_error *err)
{
    if ((*f)->open_vision) {
        TRY((*f)->open_vision(m, m->weights, config, file, err));
        TRY(read_processor(m, m->path, err));
    }
    if (source->mmproj)
        TRY(open_mmproj(m, f, source->mmproj, err));
    if (m->tower_path && !m->tower_weights) {
        fail(err, PB_EINVAL, "%s: this model (%s) takes no vision tower from elsewhere", m->path, m->family);
        return fail_hint(err, "leave --vision-tower out");
    }
    return PB_OK;
}

/* A GGUF file brings its own. */
static pb_status open_tokenizer(model *m, pb_error *err)
{
    const gguf_metadata *metadata = checkpoint_metadata(m->weights);
    return metadata ? tokenizer_from_gguf(&m->tokenizer, metadata, err) : tokenizer_open(&m->tokenizer, m->path, err);
}

static pb_status open_decoder(model *m, const family *f, const json_t *config, const char *file, pb_error *err)
{
    if (f->decoder)
        return f->decoder(&m->decoder, m->weights, config, "model.", "lm_head.weight", file, err);
    return f->open(m, config, file, err);
}

/* Adapters and edits add up, in whatever order they come. */
static pb_status apply_changes(model *m, const model_source *source, pb_error *err)
{
    for (size_t i = 0; i < source->lora_count; i++)
        TRY(lora_apply(m, source->loras[i], err));
    for (size_t i = 0; i < source->edit_count; i++)
        TRY(edit_factors_apply(m, source->edits[i], err));
    return PB_OK;
}

pb_status model_check_output(const model *m, const char *folder, pb_error *err)
{
    if (dir_is_inside(folder, m->path))
        return fail(err, PB_EINVAL, "%s: is the folder of the model, %s, or lies inside of it, expected another",
                    folder, m->path);
    return PB_OK;
}

void model_note_change(model *m, const char *file, const char *kind, size_t terms, size_t rank)
{
    m->changes = mem_resize(m->changes, m->change_count + 1, sizeof *m->changes);
    m->changes[m->change_count++] = (model_change){mem_text(file), kind, terms, rank};
}

static pb_status open_parts(model *m, const json_t *config, const model_source *source, const char *file, pb_error *err)
{
    const family *f;
    TRY(find_family(&f, config, file, err));
    m->family = f->model_type;
    m->layout = f->layout;
    if (json_is_object(json_object_get(config, "quantization_config")))
        return fail(err, PB_EUNSUPPORTED, "%s: has a \"quantization_config\"; patchbay reads F32, F16 and BF16 weights",
                    file);
    if (!m->weights)
        TRY(checkpoint_open(&m->weights, m->path, err));
    TRY(open_decoder(m, f, config, file, err));
    TRY(open_vision(m, &f, config, source, file, err));
    TRY(open_tokenizer(m, err));
    TRY(read_eos(m, config, err));
    TRY(read_template(m, f->template_name, err));
    return apply_changes(m, source, err);
}

/* The model's config, and in errors its file: config.json, or the GGUF file, which is opened for it. */
static pb_status read_config(model *m, json_t **config, char **file, pb_error *err)
{
    *config = NULL;
    *file = NULL;
    if (checkpoint_is_gguf(m->path)) {
        *file = mem_text(m->path);
        TRY(checkpoint_open(&m->weights, m->path, err));
        return gguf_decoder(config, m->weights, err);
    }
    if (!dir_exists(m->path))
        return fail(err, PB_EIO, "%s: is not a folder with config.json and weights, nor a GGUF file", m->path);
    *file = path_join(m->path, "config.json");
    return json_read_file(config, *file, err);
}

static void compute_in(model *m, compute_type type)
{
    decoder_compute_in(&m->decoder, type);
    if (m->vision)
        vision_compute_in(m->vision, type);
}

/* ---- what open models take ---- */

enum { LIBRARY_BYTES = 4 << 20 }; /* measured: oneDNN 2.6, two threads */

static atomic_size_t standing;

static void note_bytes(model *m, size_t before)
{
    size_t now = process_anonymous_bytes();
    m->bytes = now > before ? now - before : 0;
    atomic_fetch_add(&standing, m->bytes);
}

size_t model_standing_bytes(void)
{
    return LIBRARY_BYTES + atomic_load(&standing);
}

pb_status model_open(model **out, const model_source *source, pb_error *err)
{
    json_t *config;
    char *file;
    size_t before = process_anonymous_bytes();
    model *m = mem_new(1, sizeof *m);
    *out = NULL;
    m->path = mem_text(source->path);
    m->tower_path = mem_text(source->vision_tower);
    m->image_token = -1;
    pb_status status = read_config(m, &config, &file, err);
    if (!status)
        status = open_parts(m, config, source, file, err);
    if (!status)
        status = model_check(m, err);
    json_decref(config);
    free(file);
    if (status) {
        model_free(m);
        return status;
    }
    compute_in(m, source->compute);
    note_bytes(m, before);
    *out = m;
    return PB_OK;
}

void model_free(model *m)
{
    if (!m)
        return;
    atomic_fetch_sub(&standing, m->bytes);
    vision_free(m->vision);
    decoder_free(&m->decoder);
    checkpoint_free(m->weights);
    checkpoint_free(m->tower_weights);
    checkpoint_free(m->lent_weights);
    tokenizer_free(m->tokenizer);
    for (size_t i = 0; i < m->change_count; i++)
        free(m->changes[i].file);
    free(m->changes);
    free(m->template_name);
    free(m->eos);
    free(m->path);
    free(m->tower_path);
    free(m);
}

pb_status model_check(const model *m, pb_error *err)
{
    const checkpoint *files[] = {m->weights, m->tower_weights, m->lent_weights};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i])
            TRY(checkpoint_check(files[i], err));
    return PB_OK;
}

/* ---- pictures ---- */

pb_status picture_open(picture *out, const model *m, const char *path, pb_error *err)
{
    image im;
    size_t width, height, side = vision_settings(m->vision)->image_size;
    *out = (picture){0};
    TRY(image_load(&im, path, err));
    out->width = im.width;
    out->height = im.height;
    pb_status status = image_process(&m->processor, &im, &out->pixels, &width, &height, err);
    image_free(&im);
    if (!status && (width != side || height != side))
        status = fail(err, PB_EINVAL, "%s: processed to %zux%zu pixels, the vision tower takes %zux%zu", path, width,
                      height, side, side);
    if (status)
        picture_free(out);
    return status;
}

void picture_free(picture *p)
{
    free(p->pixels);
    *p = (picture){0};
}

void tower_areas(const model *m, size_t width, size_t height, image_area *areas)
{
    const vision_config *c = vision_settings(m->vision);
    const image_layout l = image_layout_of(&m->processor, width, height);
    size_t side = vision_side(m->vision), size = c->patch_size;
    for (size_t row = 0; row < vision_tower_rows(m->vision); row++) {
        size_t patch = row - c->class_row;
        areas[row] = row < c->class_row ? (image_area){.kind = AREA_CLASS}
                                        : image_layout_area(&l, patch % side * size, patch / side * size, size, size);
    }
}

void picture_areas(const model *m, size_t width, size_t height, image_area *areas)
{
    size_t skipped = vision_settings(m->vision)->skipped_rows, rows = vision_tower_rows(m->vision);
    image_area *all = mem_new(rows, sizeof *all);
    tower_areas(m, width, height, all);
    memcpy(areas, all + skipped, (rows - skipped) * sizeof *all);
    free(all);
}
