/* gguf_decoder.c: see gguf.h. Names and keys: gguf/constants.py and llama.cpp's convert_hf_to_gguf.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "model/gguf.h"

/* ---- the table of architectures ---- */

/* What happens to a tensor's rows on the way back. */
typedef enum rows {
    ROWS_KEPT,
    ROWS_OF_Q, /* un-permuted, by query heads, where the architecture permutes them */
    ROWS_OF_K, /* the same by key heads */
    ROWS_SPLIT /* q, k and v stand below each other */
} rows;

/* A tensor of a layer, without "blk.N." and "model.layers.N."; ".weight" or ".bias" follows both. */
typedef struct layer_part {
    const char *gguf, *hf;
    rows rows;
} layer_part;

static const layer_part llama_parts[] = {
    {"attn_norm", "input_layernorm", ROWS_KEPT},
    {"attn_q", "self_attn.q_proj", ROWS_OF_Q},
    {"attn_k", "self_attn.k_proj", ROWS_OF_K},
    {"attn_v", "self_attn.v_proj", ROWS_KEPT},
    {"attn_output", "self_attn.o_proj", ROWS_KEPT},
    {"ffn_norm", "post_attention_layernorm", ROWS_KEPT},
    {"ffn_gate", "mlp.gate_proj", ROWS_KEPT},
    {"ffn_up", "mlp.up_proj", ROWS_KEPT},
    {"ffn_down", "mlp.down_proj", ROWS_KEPT},
    {NULL, NULL, ROWS_KEPT},
};
static const layer_part phi_parts[] = {
    {"attn_norm", "input_layernorm", ROWS_KEPT},
    {"attn_qkv", NULL, ROWS_SPLIT},
    {"attn_q", "self_attn.q_proj", ROWS_OF_Q},
    {"attn_k", "self_attn.k_proj", ROWS_OF_K},
    {"attn_v", "self_attn.v_proj", ROWS_KEPT},
    {"attn_output", "self_attn.dense", ROWS_KEPT},
    {"ffn_up", "mlp.fc1", ROWS_KEPT},
    {"ffn_down", "mlp.fc2", ROWS_KEPT},
    {NULL, NULL, ROWS_KEPT},
};

typedef struct architecture {
    const char *name, *model_type; /* GGUF's, Hugging Face's */
    gguf_key eps;
    bool permuted;                 /* rows of q and k are in the order of interleaved rotary */
    bool partial_rotary;
    const char *final_norm;
    const layer_part *parts;
} architecture;

static const architecture architectures[] = {
    {.name = "llama",
     .model_type = "llama",
     .permuted = true,
     .final_norm = "model.norm",
     .parts = llama_parts,
     .eps = {"attention.layer_norm_rms_epsilon", "rms_norm_eps", false, false}},
    {.name = "qwen2",
     .model_type = "qwen2",
     .final_norm = "model.norm",
     .parts = llama_parts,
     .eps = {"attention.layer_norm_rms_epsilon", "rms_norm_eps", false, false}},
    {.name = "phi2",
     .model_type = "phi",
     .partial_rotary = true,
     .final_norm = "model.final_layernorm",
     .parts = phi_parts,
     .eps = {"attention.layer_norm_epsilon", "layer_norm_eps", false, false}},
};

enum { ARCHITECTURES = sizeof architectures / sizeof *architectures };

static pb_status find_architecture(const architecture **out, const gguf_metadata *m, pb_error *err)
{
    gguf_text name = {0};
    buffer known = {0};
    TRY(gguf_get_text(m, "general.architecture", &name, err));
    if (!name.data)
        return fail(err, PB_EFORMAT, "%s: metadata \"general.architecture\" is missing", gguf_path(m));
    *out = NULL;
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        if (gguf_text_is(name, architectures[i].name))
            *out = &architectures[i];
        buffer_printf(&known, "%s\"%s\"", i ? ", " : "", architectures[i].name);
    }
    pb_status status = PB_OK;
    if (!*out)
        status = fail(err, PB_EUNSUPPORTED, "%s: \"general.architecture\" is \"%s\"; patchbay knows %s", gguf_path(m),
                      shown_bytes(name.data, name.size).text, known.data);
    if (gguf_text_is(name, "clip"))
        fail_hint(err, "this is the vision side of a model: name it after --mmproj, and the decoder's file as MODEL");
    buffer_free(&known);
    return status;
}

/* ---- the config ---- */

static const gguf_key numbers[] = {
    {"block_count", "num_hidden_layers", true, true},
    {"embedding_length", "hidden_size", true, true},
    {"feed_forward_length", "intermediate_size", true, true},
    {"attention.head_count", "num_attention_heads", true, true},
    {"attention.head_count_kv", "num_key_value_heads", true, false},
    {"attention.key_length", "head_dim", true, false},
    {"context_length", "max_position_embeddings", true, false},
    {"rope.freq_base", "rope_theta", false, false},
};

static pb_status put_number(json_t *config, const gguf_metadata *m, const char *prefix, const gguf_key *n,
                            pb_error *err)
{
    buffer key = {0};
    size_t whole = 0;
    double real = 0;
    buffer_printf(&key, "%s.%s", prefix, n->gguf);
    bool there = gguf_has(m, key.data);
    pb_status status = n->whole ? gguf_get_size(m, key.data, &whole, err) : gguf_get_real(m, key.data, &real, err);
    if (!status && !there && n->required)
        status = fail(err, PB_EFORMAT, "%s: metadata \"%s\" is missing", gguf_path(m), key.data);
    if (!status && there)
        json_object_set_new(config, n->hf, json_real(n->whole ? (double)whole : real));
    buffer_free(&key);
    return status;
}

pb_status gguf_put_numbers(json_t *config, const gguf_metadata *m, const char *prefix, const gguf_key *list,
                           size_t count, pb_error *err)
{
    for (size_t i = 0; i < count; i++)
        TRY(put_number(config, m, prefix, &list[i], err));
    return PB_OK;
}

/* A whole number under "ARCH.KEY", `otherwise` where it is missing. */
static pb_status get_size(size_t *value, size_t otherwise, const gguf_metadata *m, const char *arch, const char *key,
                          pb_error *err)
{
    buffer full = {0};
    *value = otherwise;
    buffer_printf(&full, "%s.%s", arch, key);
    pb_status status = gguf_get_size(m, full.data, value, err);
    buffer_free(&full);
    return status;
}

/* The sizes that undoing needs; 0 where they make no sense, which the family's own checks then report. */
typedef struct sizes {
    size_t heads, kv_heads, head_dim;
} sizes;

static size_t size_in(const json_t *config, const char *key, size_t otherwise)
{
    const json_t *value = json_object_get(config, key);
    double number = json_number_value(value);
    return !value ? otherwise : number <= INT32_MAX ? (size_t)number : 0;
}

static sizes read_sizes(const json_t *config)
{
    size_t width = size_in(config, "hidden_size", 0), heads = size_in(config, "num_attention_heads", 0);
    return (sizes){heads, size_in(config, "num_key_value_heads", heads),
                   size_in(config, "head_dim", heads ? width / heads : 0)};
}

/* How much of a head is rotated: for Phi a share of it, in the others all. */
static pb_status put_rotary(json_t *config, const gguf_metadata *m, const architecture *a, pb_error *err)
{
    size_t width, head_dim = read_sizes(config).head_dim;
    TRY(get_size(&width, head_dim, m, a->name, "rope.dimension_count", err));
    if (width == head_dim && !a->partial_rotary)
        return PB_OK;
    if (!a->partial_rotary || width == 0 || width > head_dim)
        return fail(err, PB_EUNSUPPORTED, "%s: metadata \"%s.rope.dimension_count\" is %zu, expected %s%zu",
                    gguf_path(m), a->name, width, a->partial_rotary ? "1 to " : "the size of a head, ", head_dim);
    double share = (double)width / (double)head_dim;
    if ((size_t)(share * (double)head_dim) < width) /* the product must round back */
        share = nextafter(share, 2);
    json_object_set_new(config, "partial_rotary_factor", json_real(share));
    return PB_OK;
}

/* The tokens that end an answer: of a sequence, of a turn, of a message. */
static pb_status put_eos(json_t *config, const gguf_metadata *m, pb_error *err)
{
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    json_t *ids = json_array();
    json_object_set_new(config, "eos_token_id", ids);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t id = SIZE_MAX;
        TRY(gguf_get_size(m, keys[i], &id, err));
        if (id != SIZE_MAX)
            json_array_append_new(ids, json_real((double)id));
    }
    return PB_OK;
}

/* What other files of the same architecture may hold, and patchbay cannot compute. */
static pb_status check_supported(const gguf_metadata *m, const architecture *a, const sizes *s, pb_error *err)
{
    size_t experts, value_length;
    TRY(get_size(&experts, 0, m, a->name, "expert_count", err));
    TRY(get_size(&value_length, s->head_dim, m, a->name, "attention.value_length", err));
    if (experts > 0)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: metadata \"%s.expert_count\" is %zu; patchbay cannot compute mixtures of "
                    "experts",
                    gguf_path(m), a->name, experts);
    if (value_length != s->head_dim)
        return fail(err, PB_EUNSUPPORTED, "%s: metadata \"%s.attention.value_length\" is %zu, expected the keys' %zu",
                    gguf_path(m), a->name, value_length, s->head_dim);
    return PB_OK;
}

static pb_status put_config(json_t *config, const checkpoint *c, const architecture *a, pb_error *err)
{
    const gguf_metadata *m = checkpoint_metadata(c);
    json_object_set_new(config, "model_type", json_string(a->model_type));
    TRY(gguf_put_numbers(config, m, a->name, numbers, sizeof numbers / sizeof *numbers, err));
    TRY(gguf_put_numbers(config, m, a->name, &a->eps, 1, err));
    const tensor *embedding = checkpoint_find(c, "token_embd.weight");
    if (!embedding)
        return fail(err, PB_EFORMAT, "%s: tensor token_embd.weight is missing", gguf_path(m));
    json_object_set_new(config, "vocab_size", json_real((double)embedding->shape[0]));
    json_object_set_new(config, "attention_bias", json_boolean(checkpoint_find(c, "blk.0.attn_q.bias")));
    json_object_set_new(config, "mlp_bias", json_boolean(checkpoint_find(c, "blk.0.ffn_gate.bias")));
    sizes s = read_sizes(config);
    TRY(check_supported(m, a, &s, err));
    TRY(put_rotary(config, m, a, err));
    TRY(gguf_rope_scaling(config, c, a->name, err));
    return put_eos(config, m, err);
}

/* ---- the tensors ---- */

/* llama.cpp has rows (pair, half) of a head where Hugging Face has (half, pair). */
static pb_status add_unpermuted(checkpoint *c, const char *name, const tensor *t, size_t heads, size_t head_dim,
                                pb_error *err)
{
    size_t pairs = head_dim / 2, width = t->shape[1]; /* of a bias 1 */
    if (heads == 0 || pairs == 0 || t->rank > 2 || t->shape[0] != heads * 2 * pairs)
        return checkpoint_add(c, name, t, NULL, err); /* whoever reads it finds that its shape is wrong */
    tensor_layout layout = {4, {heads, 2, pairs, width}, {2 * pairs * width, width, 2 * width, 1}};
    return checkpoint_add(c, name, t, &layout, err);
}

/* Rows first .. first+count-1 of t, under their own name. */
static pb_status add_rows(checkpoint *c, const char *name, const tensor *t, size_t first, size_t count, pb_error *err)
{
    const dtype_block *block = dtype_find(t->type);
    tensor part = *t;
    part.shape[0] = count;
    part.count = count * t->shape[1];
    if (block) {
        if (first * t->shape[1] % block->elements || part.count % block->elements)
            return fail(err, PB_EUNSUPPORTED, "%s: tensor %s: %s begins inside a block of %zu %s", t->file, t->name,
                        name, block->elements, block->name);
        part.data = (const unsigned char *)t->data + first * t->shape[1] / block->elements * block->bytes;
    }
    return checkpoint_add(c, name, &part, NULL, err);
}

/* Where a tensor of a layer goes. */
typedef struct place {
    const char *layer; /* "12.attn_q.weight" */
    int digits, length; /* of the layer's number; of the part's name behind it */
    const char *ending; /* ".weight" or ".bias" */
} place;

/* Whether name is "blk.", a number, ".", a part's name, and ".weight" or ".bias". */
static bool is_layer(const char *name, place *p)
{
    if (strncmp(name, "blk.", 4) != 0)
        return false;
    p->layer = name + 4;
    p->digits = (int)strspn(p->layer, "0123456789");
    p->ending = strrchr(name, '.');
    const char *part = p->layer + p->digits + 1;
    if (p->digits == 0 || p->digits > 9 || part[-1] != '.' || p->ending <= part)
        return false;
    p->length = (int)(p->ending - part);
    return strcmp(p->ending, ".weight") == 0 || strcmp(p->ending, ".bias") == 0;
}

static pb_status add_split(checkpoint *c, const place *p, const tensor *t, const sizes *s, pb_error *err)
{
    size_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    const struct {
        char letter;
        size_t first, count;
    } parts[] = {{'q', 0, q}, {'k', q, kv}, {'v', q + kv, kv}};
    if (t->rank > 2 || t->shape[0] != q + 2 * kv)
        return fail(err, PB_EFORMAT, "%s: tensor %s has %zu rows, expected %zu of queries, keys and values", t->file,
                    t->name, t->shape[0], q + 2 * kv);
    for (size_t i = 0; i < 3; i++) {
        buffer name = {0};
        buffer_printf(&name, "model.layers.%.*s.self_attn.%c_proj%s", p->digits, p->layer, parts[i].letter, p->ending);
        pb_status status = add_rows(c, name.data, t, parts[i].first, parts[i].count, err);
        buffer_free(&name);
        TRY(status);
    }
    return PB_OK;
}

static pb_status add_part(checkpoint *c, const architecture *a, const layer_part *part, const place *p, const tensor *t,
                          const sizes *s, pb_error *err)
{
    pb_status status;
    buffer name = {0};
    if (part->rows == ROWS_SPLIT)
        return add_split(c, p, t, s, err);
    buffer_printf(&name, "model.layers.%.*s.%s%s", p->digits, p->layer, part->hf, p->ending);
    if (part->rows == ROWS_KEPT || !a->permuted)
        status = checkpoint_add(c, name.data, t, NULL, err);
    else
        status = add_unpermuted(c, name.data, t, part->rows == ROWS_OF_Q ? s->heads : s->kv_heads, s->head_dim, err);
    buffer_free(&name);
    return status;
}

static pb_status unknown(const tensor *t, const architecture *a, pb_error *err)
{
    return fail(err, PB_EUNSUPPORTED, "%s: tensor %s is none that patchbay knows in the architecture \"%s\"", t->file,
                t->name, a->name);
}

static pb_status add_layer_tensor(checkpoint *c, const architecture *a, const tensor *t, const sizes *s, pb_error *err)
{
    place p;
    if (!is_layer(t->name, &p))
        return unknown(t, a, err);
    const char *name = p.layer + p.digits + 1;
    for (const layer_part *part = a->parts; part->gguf; part++)
        if ((size_t)p.length == strlen(part->gguf) && strncmp(name, part->gguf, (size_t)p.length) == 0)
            return add_part(c, a, part, &p, t, s, err);
    if (strncmp(name, "attn_rot_embd.", 14) == 0) /* old files keep rotary frequencies here; nobody reads them */
        return PB_OK;
    return unknown(t, a, err);
}

static pb_status add_tensor(checkpoint *c, const architecture *a, const tensor *t, const sizes *s, pb_error *err)
{
    const struct {
        const char *gguf, *hf;
    } ends[] = {{"token_embd", "model.embed_tokens"}, {"output_norm", a->final_norm}, {"output", "lm_head"}};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++) {
            buffer from = {0}, to = {0};
            buffer_printf(&from, "%s.%s", ends[i].gguf, k ? "bias" : "weight");
            buffer_printf(&to, "%s.%s", ends[i].hf, k ? "bias" : "weight");
            bool is = strcmp(t->name, from.data) == 0;
            pb_status status = is ? checkpoint_add(c, to.data, t, NULL, err) : PB_OK;
            buffer_free(&from);
            buffer_free(&to);
            if (is || status)
                return status;
        }
    if (strcmp(t->name, "rope_freqs.weight") == 0) /* gguf_rope.c reads it */
        return PB_OK;
    return add_layer_tensor(c, a, t, s, err);
}

pb_status gguf_decoder(json_t **config, checkpoint *c, pb_error *err)
{
    const architecture *a;
    const tensor *tensors;
    *config = NULL;
    TRY(find_architecture(&a, checkpoint_metadata(c), err));
    json_t *made = json_object();
    pb_status status = put_config(made, c, a, err);
    sizes s = read_sizes(made);
    size_t count = checkpoint_tensors(c, &tensors);
    for (size_t i = 0; !status && i < count; i++)
        status = add_tensor(c, a, &tensors[i], &s, err);
    if (status)
        json_decref(made);
    else
        *config = made;
    return status;
}
