/* bunny.c: Bunny (BAAI/Bunny-v1_0-3B, the multi-modal Phi-2, and its siblings): a SigLIP tower whose last layer is left
 * out, a two-layer projector, and a decoder whose config has mm_* keys too. Defaults of absent keys: the decoder's
 * config class, and Bunny's code. */
#include "model/mm.h"

static const mm_defaults defaults = {
    .tower = "google/siglip-so400m-patch14-384", .tower_type = "siglip_vision_model", .projector = "mlp2x_gelu",
};

static pb_status open_vision(model *m, const checkpoint *c, const json_t *config, const char *file, pb_error *err)
{
    return mm_vision_open(m, c, config, &defaults, file, err);
}

const family family_bunny_phi = {
    .model_type = "bunny-phi", .template_name = "bunny", .decoder = phi_decoder_open,
    .open_vision = open_vision,
};
const family family_bunny_qwen = {
    .model_type = "bunny-qwen", .template_name = "bunny", .decoder = qwen2_decoder_open,
    .open_vision = open_vision,
};
const family family_bunny_qwen2 = {
    .model_type = "bunny-qwen2", .template_name = "bunny", .decoder = qwen2_decoder_open,
    .open_vision = open_vision,
};
const family family_bunny_llama = {
    .model_type = "bunny-llama", .template_name = "bunny", .decoder = llama_decoder_open,
    .open_vision = open_vision,
};
