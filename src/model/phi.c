/* phi.c: Phi-2 (and Phi-1, Phi-1.5): parallel blocks behind one LayerNorm, plain MLP, biases everywhere (but none
 * at the head of Bunny's Phi), rotary on the first part of each head.
 * Defaults of absent keys: transformers' PhiConfig. */
#include "model/decoder_kind.h"
#include "model/model.h"

static const decoder_kind phi = {
    .defaults = {.layers = 24, .d_model = 2048, .d_ff = 8192, .heads = 32, .vocab = 51200, .max_positions = 2048,
                 .norm = NORM_LAYER, .norm_eps = 1e-5f, .parallel = true, .act = ACTIVATION_GELU_TANH},
    .eps_key = "layer_norm_eps",
    .rotary_share = 0.5,
    .refused = {"qk_layernorm"},
    .final_norm = "final_layernorm.weight",
    .final_norm_bias = "final_layernorm.bias",
    .head_bias = "bias",
    .part = {
        [PART_ATTN_NORM] = {"input_layernorm.weight"},
        [PART_ATTN_NORM_BIAS] = {"input_layernorm.bias"},
        [PART_Q] = {"self_attn.q_proj.weight"},
        [PART_K] = {"self_attn.k_proj.weight"},
        [PART_V] = {"self_attn.v_proj.weight"},
        [PART_O] = {"self_attn.dense.weight"},
        [PART_Q_BIAS] = {"self_attn.q_proj.bias"},
        [PART_K_BIAS] = {"self_attn.k_proj.bias"},
        [PART_V_BIAS] = {"self_attn.v_proj.bias"},
        [PART_O_BIAS] = {"self_attn.dense.bias"},
        [PART_MLP_NORM] = {"input_layernorm.weight"},
        [PART_MLP_NORM_BIAS] = {"input_layernorm.bias"},
        [PART_UP] = {"mlp.fc1.weight"},
        [PART_DOWN] = {"mlp.fc2.weight"},
        [PART_UP_BIAS] = {"mlp.fc1.bias"},
        [PART_DOWN_BIAS] = {"mlp.fc2.bias"},
    },
};

pb_status phi_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                           const char *head, const char *file, pb_error *err)
{
    return decoder_kind_open(&phi, d, c, config, prefix, head, file, err);
}

const family family_phi = {.model_type = "phi", .template_name = "plain", .decoder = phi_decoder_open};
