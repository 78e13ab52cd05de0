/* decoder_kind.c: see decoder_kind.h. */
#include "model/decoder_kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/rope.h"

/* ---- the config ---- */

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

/* A null in num_key_value_heads means as many as heads in every kind, whatever an absent key means. */
static pb_status read_kv_heads(decoder_config *c, const json_t *config, const char *file, pb_error *err)
{
    if (c->kv_heads == 0 || json_is_null(json_object_get(config, "num_key_value_heads")))
        c->kv_heads = c->heads;
    return json_get_size(config, "num_key_value_heads", &c->kv_heads, file, err);
}

static pb_status read_sizes(decoder_config *c, const json_t *config, const char *file, pb_error *err)
{
    TRY(json_get_size(config, "num_hidden_layers", &c->layers, file, err));
    TRY(json_get_size(config, "hidden_size", &c->d_model, file, err));
    TRY(json_get_size(config, "intermediate_size", &c->d_ff, file, err));
    TRY(json_get_size(config, "num_attention_heads", &c->heads, file, err));
    TRY(read_kv_heads(c, config, file, err));
    TRY(json_get_size(config, "vocab_size", &c->vocab, file, err));
    TRY(json_get_size(config, "max_position_embeddings", &c->max_positions, file, err));
    if (c->head_dim == 0)
        c->head_dim = c->heads ? c->d_model / c->heads : 0;
    TRY(json_get_size(config, "head_dim", &c->head_dim, file, err));
    return check_sizes(c, file, err);
}

static pb_status read_rest(decoder_config *c, const decoder_kind *kind, const json_t *config, const char *file,
                           pb_error *err)
{
    double eps = (double)c->norm_eps;
    const char *act = NULL;
    TRY(json_get_real(config, kind->eps_key, &eps, file, err));
    TRY(json_get_text(config, "hidden_act", &act, file, err));
    c->norm_eps = (float)eps;
    if (act && !activation_find(act, &c->act))
        return fail(err, PB_EUNSUPPORTED, "%s: \"hidden_act\" is \"%s\", which patchbay does not know", file, act);
    c->rotary_dim = c->head_dim;
    if (kind->rotary_share > 0)
        TRY(rope_width(&c->rotary_dim, c->head_dim, kind->rotary_share, config, file, err));
    return rope_frequencies(&c->rope_frequency, c->rotary_dim, config, file, err);
}

/* What other transformers of the same name may do, and patchbay does not. */
static pb_status check_refused(const decoder_kind *kind, const json_t *config, const char *file, pb_error *err)
{
    for (size_t i = 0; i < sizeof kind->refused / sizeof *kind->refused && kind->refused[i]; i++) {
        bool on = false;
        TRY(json_get_bool(config, kind->refused[i], &on, file, err));
        if (on)
            return fail(err, PB_EUNSUPPORTED, "%s: \"%s\" is true, which patchbay cannot compute", file,
                        kind->refused[i]);
    }
    json_t *types;
    const json_t *type;
    size_t layer;
    TRY(json_get_array(config, "layer_types", &types, file, err));
    json_array_foreach(types, layer, type)
        if (!json_is_string(type) || strcmp(json_string_value(type), "full_attention") != 0)
            return fail(err, PB_EUNSUPPORTED, "%s: \"layer_types\" has %s, patchbay knows \"full_attention\"", file,
                        json_is_string(type) ? json_string_value(type) : json_kind(type));
    return PB_OK;
}

/* ---- the names ---- */

static pb_status choose_parts(decoder_names *names, const decoder_kind *kind, const json_t *config, const char *file,
                              pb_error *err)
{
    for (decoder_part p = 0; p < PART_COUNT; p++) {
        bool there = !kind->part[p].only_if;
        if (!there)
            TRY(json_get_bool(config, kind->part[p].only_if, &there, file, err));
        names->part[p] = there ? kind->part[p].name : NULL;
    }
    return PB_OK;
}

/* start + end; NULL when end is. free() */
static char *join(const char *start, size_t n, const char *end)
{
    buffer b = {0};
    if (end)
        buffer_printf(&b, "%.*s%s", (int)n, start, end);
    return b.data;
}

static pb_status open_named(decoder *d, const checkpoint *c, const decoder_config *sizes, const decoder_kind *kind,
                            decoder_names *names, const char *prefix, pb_error *err)
{
    size_t n = strlen(prefix), stem = strlen(names->head) - (sizeof "weight" - 1);
    char *embedding = join(prefix, n, "embed_tokens.weight"), *layers = join(prefix, n, "layers.");
    char *norm = join(prefix, n, kind->final_norm), *norm_bias = join(prefix, n, kind->final_norm_bias);
    char *head_bias = join(names->head, stem, kind->head_bias);
    names->embedding = embedding;
    names->layer_prefix = layers;
    names->end[END_NORM] = norm;
    names->end[END_NORM_BIAS] = norm_bias;
    names->end[END_HEAD_BIAS] = head_bias;
    pb_status status = decoder_open(d, c, sizes, names, err);
    free(embedding), free(layers), free(norm), free(norm_bias), free(head_bias);
    return status;
}

pb_status decoder_kind_open(const decoder_kind *kind, decoder *d, const checkpoint *c, const json_t *config,
                            const char *prefix, const char *head, const char *file, pb_error *err)
{
    decoder_config sizes = kind->defaults;
    decoder_names names = {.head = head};
    TRY(check_refused(kind, config, file, err));
    TRY(choose_parts(&names, kind, config, file, err));
    TRY(read_sizes(&sizes, config, file, err));
    TRY(read_rest(&sizes, kind, config, file, err));
    return open_named(d, c, &sizes, kind, &names, prefix, err);
}
