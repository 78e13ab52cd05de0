/* qwen2.c: Qwen2 and Qwen2.5: Llama with biases on queries, keys and values.
 * Defaults of absent keys: transformers' Qwen2Config. */
#include "model/decoder_kind.h"
#include "model/model.h"

static const decoder_kind qwen2 = {
    .defaults = {.layers = 32, .d_model = 4096, .d_ff = 22016, .heads = 32, .kv_heads = 32, .vocab = 151936,
                 .max_positions = 32768, .norm = NORM_RMS, .norm_eps = 1e-6f, .gated = true, .act = ACTIVATION_SILU},
    .eps_key = "rms_norm_eps",
    .refused = {"use_sliding_window"},
    .final_norm = "norm.weight",
    .part = {
        [PART_ATTN_NORM] = {"input_layernorm.weight"},
        [PART_Q] = {"self_attn.q_proj.weight"},
        [PART_K] = {"self_attn.k_proj.weight"},
        [PART_V] = {"self_attn.v_proj.weight"},
        [PART_O] = {"self_attn.o_proj.weight"},
        [PART_Q_BIAS] = {"self_attn.q_proj.bias"},
        [PART_K_BIAS] = {"self_attn.k_proj.bias"},
        [PART_V_BIAS] = {"self_attn.v_proj.bias"},
        [PART_MLP_NORM] = {"post_attention_layernorm.weight"},
        [PART_GATE] = {"mlp.gate_proj.weight"},
        [PART_UP] = {"mlp.up_proj.weight"},
        [PART_DOWN] = {"mlp.down_proj.weight"},
    },
};

pb_status qwen2_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                             const char *head, const char *file, pb_error *err)
{
    return decoder_kind_open(&qwen2, d, c, config, prefix, head, file, err);
}

const family family_qwen2 = {.model_type = "qwen2", .template_name = "plain", .decoder = qwen2_decoder_open};
