/* llama.c: Llama, Vicuna, SmolLM2, TinyLlama: RMSNorm, rotary, grouped queries, gated MLP.
 * Defaults of absent keys: transformers' LlamaConfig. */
#include "model/decoder_kind.h"
#include "model/model.h"

static const decoder_kind llama = {
    .defaults = {.layers = 32, .d_model = 4096, .d_ff = 11008, .heads = 32, .vocab = 32000, .max_positions = 2048,
                 .norm = NORM_RMS, .norm_eps = 1e-6f, .gated = true, .act = ACTIVATION_SILU},
    .eps_key = "rms_norm_eps",
    .final_norm = "norm.weight",
    .part = {
        [PART_ATTN_NORM] = {"input_layernorm.weight"},
        [PART_Q] = {"self_attn.q_proj.weight"},
        [PART_K] = {"self_attn.k_proj.weight"},
        [PART_V] = {"self_attn.v_proj.weight"},
        [PART_O] = {"self_attn.o_proj.weight"},
        [PART_Q_BIAS] = {"self_attn.q_proj.bias", "attention_bias"},
        [PART_K_BIAS] = {"self_attn.k_proj.bias", "attention_bias"},
        [PART_V_BIAS] = {"self_attn.v_proj.bias", "attention_bias"},
        [PART_O_BIAS] = {"self_attn.o_proj.bias", "attention_bias"},
        [PART_MLP_NORM] = {"post_attention_layernorm.weight"},
        [PART_GATE] = {"mlp.gate_proj.weight"},
        [PART_UP] = {"mlp.up_proj.weight"},
        [PART_DOWN] = {"mlp.down_proj.weight"},
        [PART_GATE_BIAS] = {"mlp.gate_proj.bias", "mlp_bias"},
        [PART_UP_BIAS] = {"mlp.up_proj.bias", "mlp_bias"},
        [PART_DOWN_BIAS] = {"mlp.down_proj.bias", "mlp_bias"},
    },
};

pb_status llama_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                             const char *head, const char *file, pb_error *err)
{
    return decoder_kind_open(&llama, d, c, config, prefix, head, file, err);
}

const family family_llama = {.model_type = "llama", .template_name = "plain", .decoder = llama_decoder_open};
