/* llava_original.c: LLaVA-1.5 as its authors save it (liuhaotian/llava-v1.5-7b): a Llama whose config has mm_* keys
 * too. Defaults of absent keys: transformers' LlamaConfig, and LLaVA's code. */
#include "base/json.h"
#include "model/mm.h"

static const mm_defaults defaults = {
    .tower = "openai/clip-vit-large-patch14-336", .tower_type = "clip_vision_model", .projector = "linear",
};

/* Hugging Face's layout has the same model_type, and its parts' configs inside. */
static bool is_original(const json_t *config)
{
    return json_object_get(config, "mm_vision_tower") || json_object_get(config, "mm_projector_type") ||
           json_object_get(config, "mm_hidden_size");
}

static pb_status open_vision(model *m, const checkpoint *c, const json_t *config, const char *file, pb_error *err)
{
    return mm_vision_open(m, c, config, &defaults, file, err);
}

const family family_llava_original = {
    .model_type = "llava", .layout = "original", .fits = is_original, .template_name = "llava",
    .decoder = llama_decoder_open, .open_vision = open_vision,
};
const family family_llava_llama = {
    .model_type = "llava_llama", .layout = "original", .template_name = "llava",
    .decoder = llama_decoder_open, .open_vision = open_vision,
};
