/* llava.c: LLaVA-1.5 as Hugging Face saves it: vision tower, two-layer projector, decoder.
 * Defaults of absent keys: transformers' LlavaConfig and the parts' own classes. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/model.h"
#include "model/tower.h"

/* The same parts under the names of three generations of transformers; the first whose tensor is there is taken. */
static const char *const decoder_prefixes[] = {"language_model.model.", "model.language_model.", NULL};
static const char *const head_names[] = {"language_model.lm_head.weight", "lm_head.weight", NULL};
static const char *const projector_prefixes[] = {"multi_modal_projector.", "model.multi_modal_projector.", NULL};
static const char *const tower_prefixes[] = {"vision_tower.vision_model.", "model.vision_tower.vision_model.",
                                             "model.vision_tower.", "vision_tower.", NULL};

/* ---- the decoder ---- */

static const struct {
    const char *model_type;
    decoder_opener open;
} decoders[] = {{"llama", llama_decoder_open}, {"qwen2", qwen2_decoder_open}, {"phi", phi_decoder_open}};

static pb_status open_llava(model *m, const json_t *config, const char *file, pb_error *err)
{
    json_t *text;
    const char *type = "llama";
    TRY(json_get_object(config, "text_config", &text, file, err));
    TRY(json_get_text(text, "model_type", &type, file, err));
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++)
        if (strcmp(type, decoders[i].model_type) == 0)
            return decoders[i].open(&m->decoder, m->weights, text,
                                    model_prefix(m->weights, decoder_prefixes, "embed_tokens.weight"),
                                    model_prefix(m->weights, head_names, ""), file, err);
    return fail(err, PB_EUNSUPPORTED,
                "%s: \"text_config\" is of type \"%s\", patchbay knows \"llama\", \"qwen2\" and \"phi\" here", file,
                type);
}

/* ---- the vision side ---- */

static pb_status read_tower(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    json_t *tower;
    TRY(json_get_object(config, "vision_config", &tower, file, err));
    if (!tower && tower_by_name(v, "clip-vit-large-patch14-336")) /* LlavaConfig's own default */
        return PB_OK;
    return tower_read(v, tower, "clip_vision_model", file, err);
}

/* "default" drops the first row, "full" keeps it. */
static pb_status read_strategy(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    const char *strategy = "default";
    TRY(json_get_text(config, "vision_feature_select_strategy", &strategy, file, err));
    v->skipped_rows = strcmp(strategy, "full") != 0;
    if (v->skipped_rows && strcmp(strategy, "default") != 0)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: \"vision_feature_select_strategy\" is \"%s\", expected \"default\" or \"full\"", file,
                    strategy);
    return PB_OK;
}

static pb_status read_projector(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    const char *act = "gelu";
    v->projector_layers = 2;
    v->projector_bias = true;
    TRY(json_get_bool(config, "multimodal_projector_bias", &v->projector_bias, file, err));
    TRY(json_get_text(config, "projector_hidden_act", &act, file, err));
    if (!activation_find(act, &v->projector_act))
        return fail(err, PB_EUNSUPPORTED, "%s: \"projector_hidden_act\" is \"%s\", which patchbay does not know", file,
                    act);
    return PB_OK;
}

static pb_status read_image_token(model *m, const json_t *config, const char *file, pb_error *err)
{
    size_t id = 32000;
    TRY(json_get_size(config, "image_token_index", &id, file, err));
    TRY(json_get_size(config, "image_token_id", &id, file, err));
    if (id > INT32_MAX)
        return fail(err, PB_EFORMAT, "%s: \"image_token_index\" is %zu, no token's id", file, id);
    m->image_token = (int32_t)id;
    return PB_OK;
}

static pb_status open_vision(model *m, const checkpoint *c, const json_t *config, const char *file, pb_error *err)
{
    vision_config v;
    TRY(read_tower(&v, config, file, err));
    TRY(tower_read_feature_layer(&v, config, "vision_feature_layer", file, err));
    TRY(read_strategy(&v, config, file, err));
    TRY(read_projector(&v, config, file, err));
    TRY(read_image_token(m, config, file, err));
    v.d_model = m->decoder.config.d_model;
    m->processor = tower_processor(&v);

    const char *prefix = model_prefix(c, projector_prefixes, "linear_1.weight");
    buffer one = {0}, two = {0};
    buffer_printf(&one, "%slinear_1", prefix);
    buffer_printf(&two, "%slinear_2", prefix);
    vision_source source = {.tower = c, .tower_prefix = model_prefix(c, tower_prefixes, TOWER_PROBE),
                            .names = &vision_names_hf, .projector = c, .projector_names = {one.data, two.data}};
    pb_status status = vision_open(&m->vision, &v, &source, err);
    buffer_free(&one);
    buffer_free(&two);
    return status;
}

const family family_llava = {
    .model_type = "llava", .template_name = "llava", .open = open_llava, .open_vision = open_vision,
};
