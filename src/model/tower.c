/* tower.c: see tower.h. Defaults of absent keys: transformers' CLIPVisionConfig and SiglipVisionConfig. */
#include "model/tower.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

typedef struct tower_kind {
    const char *model_type; /* of a vision config */
    const char *whole_type; /* of a model with a text side, whose config has a vision_config inside */
    const char *act;
    double norm_eps;
    vision_config defaults;
    image_processor (*processor)(void);
} tower_kind;

static const tower_kind kinds[] = {
    {"clip_vision_model", "clip", "quick_gelu", 1e-5,
     {.tower = "clip", .layers = 12, .width = 768, .d_ff = 3072, .heads = 12, .image_size = 224, .patch_size = 32,
      .class_row = true, .pre_norm = true},
     image_processor_clip},
    {"siglip_vision_model", "siglip", "gelu_pytorch_tanh", 1e-6,
     {.tower = "siglip", .layers = 12, .width = 768, .d_ff = 3072, .heads = 12, .image_size = 224, .patch_size = 16,
      .patch_bias = true},
     image_processor_siglip},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* The towers that models name without saying their sizes. */
static const struct published {
    const char *name, *model_type;
    size_t layers, width, d_ff, heads, image_size, patch_size;
} published[] = {
    {"clip-vit-large-patch14-336", "clip_vision_model", 24, 1024, 4096, 16, 336, 14},
    {"clip-vit-large-patch14", "clip_vision_model", 24, 1024, 4096, 16, 224, 14},
    {"siglip-so400m-patch14-384", "siglip_vision_model", 27, 1152, 4304, 16, 384, 14},
};

const char *const tower_prefixes_alone[] = {"vision_model.", "", NULL};

static const tower_kind *kind_of(const char *model_type)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(model_type, kinds[i].model_type) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- sizes ---- */

enum { MOST_LAYERS = 4096, MOST_PIXELS = 16384 };

static pb_status check_sizes(const vision_config *v, const char *file, pb_error *err)
{
    if (v->layers == 0 || v->layers > MOST_LAYERS || v->width == 0 || v->d_ff == 0 || v->heads == 0 ||
        v->width > INT32_MAX || v->d_ff > INT32_MAX)
        return fail(err, PB_EFORMAT, "%s: vision config: %zu layers, width %zu, %zu heads, MLP %zu: not a tower", file,
                    v->layers, v->width, v->heads, v->d_ff);
    if (v->width % v->heads)
        return fail(err, PB_EFORMAT, "%s: vision config: width %zu is no multiple of %zu heads", file, v->width,
                    v->heads);
    if (v->patch_size == 0 || v->patch_size > v->image_size || v->image_size > MOST_PIXELS)
        return fail(err, PB_EFORMAT, "%s: vision config: image_size %zu and patch_size %zu do not fit", file,
                    v->image_size, v->patch_size);
    return PB_OK;
}

static pb_status read_sizes(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    const struct {
        const char *key;
        size_t *value;
    } sizes[] = {
        {"num_hidden_layers", &v->layers}, {"hidden_size", &v->width},     {"intermediate_size", &v->d_ff},
        {"num_attention_heads", &v->heads}, {"image_size", &v->image_size}, {"patch_size", &v->patch_size},
    };
    size_t channels = 3;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        TRY(json_get_size(config, sizes[i].key, sizes[i].value, file, err));
    TRY(json_get_size(config, "num_channels", &channels, file, err));
    if (channels != 3)
        return fail(err, PB_EUNSUPPORTED, "%s: the tower's \"num_channels\" is %zu, expected 3", file, channels);
    return check_sizes(v, file, err);
}

pb_status tower_read(vision_config *v, const json_t *config, const char *otherwise, const char *file, pb_error *err)
{
    const char *type = otherwise;
    TRY(json_get_text(config, "model_type", &type, file, err));
    const tower_kind *kind = kind_of(type);
    if (!kind)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: the vision tower is of type \"%s\", expected \"clip_vision_model\" or "
                    "\"siglip_vision_model\"", file, type);
    const char *act = kind->act;
    double eps = kind->norm_eps;
    *v = kind->defaults;
    TRY(read_sizes(v, config, file, err));
    TRY(json_get_real(config, "layer_norm_eps", &eps, file, err));
    TRY(json_get_text(config, "hidden_act", &act, file, err));
    v->norm_eps = (float)eps;
    if (!activation_find(act, &v->act))
        return fail(err, PB_EUNSUPPORTED, "%s: the tower's \"hidden_act\" is \"%s\", which patchbay does not know",
                    file, act);
    return PB_OK;
}

bool tower_by_name(vision_config *v, const char *name)
{
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        const struct published *p = &published[i];
        if (strcmp(path_base(name), p->name) != 0)
            continue;
        if (tower_read(v, NULL, p->model_type, p->name, NULL))
            return false;
        v->layers = p->layers;
        v->width = p->width;
        v->d_ff = p->d_ff;
        v->heads = p->heads;
        v->image_size = p->image_size;
        v->patch_size = p->patch_size;
        return true;
    }
    return false;
}

/* ---- features ---- */

/* The tower has one hidden state more than layers. */
static pb_status check_feature_layer(const vision_config *v, const char *key, const char *file, pb_error *err)
{
    long states = (long)v->layers + 1;
    if (v->feature_layer < -states || v->feature_layer >= states)
        return fail(err, PB_EFORMAT, "%s: \"%s\" is %ld, the tower has hidden states %ld to %ld", file, key,
                    v->feature_layer, -states, states - 1);
    return PB_OK;
}

pb_status tower_read_feature_layer(vision_config *v, const json_t *config, const char *key, const char *file,
                                   pb_error *err)
{
    const json_t *layer = json_object_get(config, key);
    v->feature_layer = -2;
    if (!layer || json_is_null(layer))
        return check_feature_layer(v, key, file, err);
    if (json_is_array(layer))
        return fail(err, PB_EUNSUPPORTED, "%s: \"%s\" is a list, patchbay takes one layer", file, key);
    double index = json_number_value(layer);
    if (!json_is_number(layer) || index != (double)(long)index || index < -MOST_LAYERS || index > MOST_LAYERS)
        return fail(err, PB_EFORMAT, "%s: \"%s\" is %s, expected a layer's number", file, key,
                    json_is_number(layer) ? "out of range" : json_kind(layer));
    v->feature_layer = (long)index;
    return check_feature_layer(v, key, file, err);
}

/* ---- folders ---- */

static pb_status read_folder_config(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    const char *type = "";
    TRY(json_get_text(config, "model_type", &type, file, err));
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(type, kinds[i].whole_type) == 0) {
            json_t *inside;
            TRY(json_get_object(config, "vision_config", &inside, file, err));
            return tower_read(v, inside, kinds[i].model_type, file, err);
        }
    return tower_read(v, config, type, file, err);
}

pb_status tower_folder_read(vision_config *v, const char *folder, pb_error *err)
{
    json_t *config;
    char *file = path_join(folder, "config.json");
    pb_status status = json_read_file(&config, file, err);
    if (!status) {
        status = read_folder_config(v, config, file, err);
        json_decref(config);
    }
    free(file);
    return status;
}

image_processor tower_processor(const vision_config *v)
{
    const tower_kind *kind = &kinds[0];
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(v->tower, kinds[i].defaults.tower) == 0)
            kind = &kinds[i];
    image_processor p = kind->processor();
    if (p.crop)
        p.shortest_edge = p.crop_width = p.crop_height = v->image_size;
    else
        p.width = p.height = v->image_size;
    return p;
}
