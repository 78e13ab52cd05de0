/* llama.c: Llama, Vicuna, SmolLM2, TinyLlama: RMSNorm, rotary, grouped queries, gated MLP.
 * Defaults of absent keys: transformers' LlamaConfig. */
#include "base/json.h"
#include "base/memory.h"
#include "model/model.h"
#include "model/rope.h"

static const char *const part_names[PART_COUNT] = {
    [PART_ATTN_NORM] = "input_layernorm.weight",
    [PART_Q] = "self_attn.q_proj.weight",
    [PART_K] = "self_attn.k_proj.weight",
    [PART_V] = "self_attn.v_proj.weight",
    [PART_O] = "self_attn.o_proj.weight",
    [PART_Q_BIAS] = "self_attn.q_proj.bias",
    [PART_K_BIAS] = "self_attn.k_proj.bias",
    [PART_V_BIAS] = "self_attn.v_proj.bias",
    [PART_O_BIAS] = "self_attn.o_proj.bias",
    [PART_MLP_NORM] = "post_attention_layernorm.weight",
    [PART_GATE] = "mlp.gate_proj.weight",
    [PART_UP] = "mlp.up_proj.weight",
    [PART_DOWN] = "mlp.down_proj.weight",
    [PART_GATE_BIAS] = "mlp.gate_proj.bias",
    [PART_UP_BIAS] = "mlp.up_proj.bias",
    [PART_DOWN_BIAS] = "mlp.down_proj.bias",
};

enum { MOST_LAYERS = 4096, MOST_HEAD_DIM = 8192 }; /* far above any model: a config that says more is broken */

static pb_status check_sizes(const decoder_config *c, const char *file, pb_error *err)
{
    const struct {
        const char *key;
        size_t value;
    } positive[] = {
        {"num_hidden_layers", c->layers}, {"hidden_size", c->d_model},        {"intermediate_size", c->d_ff},
        {"num_attention_heads", c->heads}, {"num_key_value_heads", c->kv_heads}, {"vocab_size", c->vocab},
        {"head_dim", c->head_dim},
    };
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (positive[i].value == 0 || positive[i].value > INT32_MAX)
            return fail(err, PB_EFORMAT, "%s: \"%s\" is %zu, expected 1 to %d", file, positive[i].key,
                        positive[i].value, INT32_MAX);
    if (c->layers > MOST_LAYERS)
        return fail(err, PB_EFORMAT, "%s: \"num_hidden_layers\" is %zu, expected at most %d", file, c->layers,
                    MOST_LAYERS);
    if (c->heads % c->kv_heads)
        return fail(err, PB_EFORMAT, "%s: %zu attention heads are no multiple of %zu key/value heads", file, c->heads,
                    c->kv_heads);
    if (c->head_dim % 2 || c->head_dim > MOST_HEAD_DIM)
        return fail(err, PB_EFORMAT, "%s: head_dim is %zu, expected an even number of at most %d", file, c->head_dim,
                    MOST_HEAD_DIM);
    return PB_OK;
}

static pb_status read_sizes(decoder_config *c, const json_t *config, const char *file, pb_error *err)
{
    *c = (decoder_config){.layers = 32, .d_model = 4096, .d_ff = 11008, .heads = 32, .vocab = 32000,
                          .max_positions = 2048};
    TRY(json_get_size(config, "num_hidden_layers", &c->layers, file, err));
    TRY(json_get_size(config, "hidden_size", &c->d_model, file, err));
    TRY(json_get_size(config, "intermediate_size", &c->d_ff, file, err));
    TRY(json_get_size(config, "num_attention_heads", &c->heads, file, err));
    c->kv_heads = c->heads;
    TRY(json_get_size(config, "num_key_value_heads", &c->kv_heads, file, err));
    TRY(json_get_size(config, "vocab_size", &c->vocab, file, err));
    TRY(json_get_size(config, "max_position_embeddings", &c->max_positions, file, err));
    c->head_dim = c->heads ? c->d_model / c->heads : 0;
    TRY(json_get_size(config, "head_dim", &c->head_dim, file, err));
    return check_sizes(c, file, err);
}

static pb_status read_rest(decoder_config *c, const json_t *config, const char *file, pb_error *err)
{
    double eps = 1e-6;
    const char *act = "silu";
    TRY(json_get_real(config, "rms_norm_eps", &eps, file, err));
    TRY(json_get_bool(config, "attention_bias", &c->attention_bias, file, err));
    TRY(json_get_bool(config, "mlp_bias", &c->mlp_bias, file, err));
    TRY(json_get_text(config, "hidden_act", &act, file, err));
    c->norm_eps = (float)eps;
    if (!activation_find(act, &c->act))
        return fail(err, PB_EUNSUPPORTED, "%s: \"hidden_act\" is \"%s\", which patchbay does not know", file, act);
    return rope_frequencies(&c->rope_frequency, c->head_dim, config, file, err);
}

pb_status llama_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                             const char *head, const char *file, pb_error *err)
{
    decoder_config sizes;
    TRY(read_sizes(&sizes, config, file, err));
    TRY(read_rest(&sizes, config, file, err));
    buffer embedding = {0}, norm = {0}, layers = {0};
    buffer_printf(&embedding, "%sembed_tokens.weight", prefix);
    buffer_printf(&norm, "%snorm.weight", prefix);
    buffer_printf(&layers, "%slayers.", prefix);
    decoder_names names = {embedding.data, norm.data, head, layers.data, part_names};
    pb_status status = decoder_open(d, c, &sizes, &names, err);
    buffer_free(&embedding);
    buffer_free(&norm);
    buffer_free(&layers);
    return status;
}

static pb_status open_llama(model *m, const json_t *config, const char *file, pb_error *err)
{
    return llama_decoder_open(&m->decoder, m->weights, config, "model.", "lm_head.weight", file, err);
}

const family family_llama = {"llama", "plain", open_llama};
