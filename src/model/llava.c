/* llava.c: LLaVA-1.5 as Hugging Face saves it: CLIP tower, two-layer projector, Llama decoder.
 * Defaults of absent keys: transformers' LlavaConfig and CLIPVisionConfig. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/model.h"

/* The same parts under the names of three generations of transformers; the first whose tensor is there is taken. */
static const char *const decoder_prefixes[] = {"language_model.model.", "model.language_model.", NULL};
static const char *const head_names[] = {"language_model.lm_head.weight", "lm_head.weight", NULL};
static const char *const projector_prefixes[] = {"multi_modal_projector.", "model.multi_modal_projector.", NULL};
static const char *const tower_prefixes[] = {"vision_tower.vision_model.", "model.vision_tower.vision_model.",
                                             "model.vision_tower.", "vision_tower.", NULL};

/* The first prefix under which `name` exists; the first of all when none does, so that the error names a tensor. */
static const char *prefix_of(const checkpoint *c, const char *const *prefixes, const char *name)
{
    for (size_t i = 0; prefixes[i]; i++) {
        buffer full = {0};
        buffer_printf(&full, "%s%s", prefixes[i], name);
        const tensor *found = checkpoint_find(c, full.data);
        buffer_free(&full);
        if (found)
            return prefixes[i];
    }
    return prefixes[0];
}

static pb_status part_config(const json_t *config, const char *key, const char *wanted_type, json_t **part,
                             const char *file, pb_error *err)
{
    const char *type = wanted_type;
    TRY(json_get_object(config, key, part, file, err));
    TRY(json_get_text(*part, "model_type", &type, file, err));
    if (strcmp(type, wanted_type) != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: \"%s\" is of type \"%s\", patchbay knows \"%s\" here", file, key, type,
                    wanted_type);
    return PB_OK;
}

static pb_status read_tower(vision_config *v, const json_t *tower, const char *file, pb_error *err)
{
    const char *act = "quick_gelu";
    double eps = 1e-5;
    if (tower) /* CLIPVisionConfig's defaults */
        *v = (vision_config){.layers = 12, .width = 768, .d_ff = 3072, .heads = 12, .image_size = 224,
                             .patch_size = 32};
    else /* LlavaConfig's own: CLIP-L/14-336 */
        *v = (vision_config){.layers = 24, .width = 1024, .d_ff = 4096, .heads = 16, .image_size = 336,
                             .patch_size = 14};
    TRY(json_get_size(tower, "num_hidden_layers", &v->layers, file, err));
    TRY(json_get_size(tower, "hidden_size", &v->width, file, err));
    TRY(json_get_size(tower, "intermediate_size", &v->d_ff, file, err));
    TRY(json_get_size(tower, "num_attention_heads", &v->heads, file, err));
    TRY(json_get_size(tower, "image_size", &v->image_size, file, err));
    TRY(json_get_size(tower, "patch_size", &v->patch_size, file, err));
    TRY(json_get_real(tower, "layer_norm_eps", &eps, file, err));
    TRY(json_get_text(tower, "hidden_act", &act, file, err));
    v->norm_eps = (float)eps;
    if (!activation_find(act, &v->act))
        return fail(err, PB_EUNSUPPORTED, "%s: the tower's \"hidden_act\" is \"%s\", which patchbay does not know",
                    file, act);
    return PB_OK;
}

enum { MOST_LAYERS = 4096, MOST_PIXELS = 16384 };

static pb_status check_tower(const vision_config *v, const char *file, pb_error *err)
{
    if (v->layers == 0 || v->layers > MOST_LAYERS || v->width == 0 || v->d_ff == 0 || v->heads == 0 ||
        v->width > INT32_MAX || v->d_ff > INT32_MAX)
        return fail(err, PB_EFORMAT, "%s: vision_config: %zu layers, width %zu, %zu heads, MLP %zu: not a tower", file,
                    v->layers, v->width, v->heads, v->d_ff);
    if (v->width % v->heads)
        return fail(err, PB_EFORMAT, "%s: vision_config: width %zu is no multiple of %zu heads", file, v->width,
                    v->heads);
    if (v->patch_size == 0 || v->patch_size > v->image_size || v->image_size > MOST_PIXELS)
        return fail(err, PB_EFORMAT, "%s: vision_config: image_size %zu and patch_size %zu do not fit", file,
                    v->image_size, v->patch_size);
    return PB_OK;
}

/* An index into hidden_states, of which the tower has one more than layers. */
static pb_status check_feature_layer(const vision_config *v, const char *file, pb_error *err)
{
    long states = (long)v->layers + 1;
    if (v->feature_layer < -states || v->feature_layer >= states)
        return fail(err, PB_EFORMAT, "%s: \"vision_feature_layer\" is %ld, the tower has hidden states %ld to %ld", file,
                    v->feature_layer, -states, states - 1);
    return PB_OK;
}

static pb_status read_feature_layer(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    const json_t *layer = json_object_get(config, "vision_feature_layer");
    v->feature_layer = -2;
    if (!layer || json_is_null(layer))
        return check_feature_layer(v, file, err);
    if (json_is_array(layer))
        return fail(err, PB_EUNSUPPORTED, "%s: \"vision_feature_layer\" is a list, patchbay takes one layer", file);
    double index = json_number_value(layer);
    if (!json_is_number(layer) || index != (double)(long)index || index < -MOST_LAYERS || index > MOST_LAYERS)
        return fail(err, PB_EFORMAT, "%s: \"vision_feature_layer\" is %s, expected a layer's number", file,
                    json_is_number(layer) ? "out of range" : json_kind(layer));
    v->feature_layer = (long)index;
    return check_feature_layer(v, file, err);
}

static pb_status read_vision(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    json_t *tower;
    const char *strategy = "default", *act = "gelu";
    TRY(part_config(config, "vision_config", "clip_vision_model", &tower, file, err));
    TRY(read_tower(v, tower, file, err));
    TRY(check_tower(v, file, err));
    TRY(read_feature_layer(v, config, file, err));
    TRY(json_get_text(config, "vision_feature_select_strategy", &strategy, file, err));
    TRY(json_get_text(config, "projector_hidden_act", &act, file, err));
    v->projector_bias = true;
    TRY(json_get_bool(config, "multimodal_projector_bias", &v->projector_bias, file, err));
    v->keep_class = strcmp(strategy, "full") == 0;
    if (!v->keep_class && strcmp(strategy, "default") != 0)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: \"vision_feature_select_strategy\" is \"%s\", expected \"default\" or \"full\"", file,
                    strategy);
    if (!activation_find(act, &v->projector_act))
        return fail(err, PB_EUNSUPPORTED, "%s: \"projector_hidden_act\" is \"%s\", which patchbay does not know", file,
                    act);
    return PB_OK;
}

static pb_status open_llava(model *m, const json_t *config, const char *file, pb_error *err)
{
    json_t *text;
    vision_config v;
    size_t image_token = 32000;
    TRY(part_config(config, "text_config", "llama", &text, file, err));
    TRY(read_vision(&v, config, file, err));
    TRY(json_get_size(config, "image_token_index", &image_token, file, err));
    TRY(json_get_size(config, "image_token_id", &image_token, file, err));
    if (image_token > INT32_MAX)
        return fail(err, PB_EFORMAT, "%s: \"image_token_index\" is %zu, no token's id", file, image_token);
    m->image_token = (int32_t)image_token;

    const checkpoint *c = m->weights;
    const char *prefix = prefix_of(c, decoder_prefixes, "embed_tokens.weight");
    const char *head = prefix_of(c, head_names, "");
    TRY(llama_decoder_open(&m->decoder, c, text, prefix, head, file, err));
    v.d_model = m->decoder.config.d_model;
    return vision_open(&m->vision, c, &v, prefix_of(c, tower_prefixes, "embeddings.class_embedding"),
                       prefix_of(c, projector_prefixes, "linear_1.weight"), err);
}

const family family_llava = {"llava", "llava", open_llava};
