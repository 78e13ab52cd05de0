/* lora.c: see lora.h. Formats: peft's LoraConfig, and how its tuners/lora/layer.py computes. */
#include "model/lora.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/weights.h"

/* ---- adapter_config.json ---- */

typedef struct lora_config {
    json_t *json;
    char *file;
    size_t r;
    double alpha;
    bool rank_stabilised; /* scale = alpha / sqrt(r), not alpha / r */
    json_t *rank_pattern, *alpha_pattern; /* of modules that have others; NULL: none */
} lora_config;

/* Not null, false, 0 or empty. */
static bool is_on(const json_t *value)
{
    if (json_is_array(value) || json_is_object(value))
        return json_array_size(value) > 0 || json_object_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return json_is_true(value) || (json_is_number(value) && json_number_value(value) != 0);
}

static pb_status not_applied(const lora_config *c, const char *key, pb_error *err)
{
    return fail(err, PB_EUNSUPPORTED, "%s: \"%s\" is set, which patchbay cannot apply", c->file, key);
}

/* Kinds of LoRA that compute something else, and what stands beside the pairs. */
static pb_status check_variant(const lora_config *c, pb_error *err)
{
    static const char *const refused[] = {
        "use_dora",          "use_qalora",              "use_bdlora",        "lora_bias",         "fan_in_fan_out",
        "modules_to_save",   "trainable_token_indices", "target_parameters", "layer_replication", "arrow_config",
        "kasa_config",       "alora_invocation_tokens", "monteclora_config",
    };
    const char *key;
    json_t *value;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (is_on(json_object_get(c->json, refused[i])))
            return not_applied(c, refused[i], err);
    json_object_foreach(c->json, key, value) /* switches of later versions */
        if (strncmp(key, "use_", 4) == 0 && strcmp(key, "use_rslora") != 0 && is_on(value))
            return not_applied(c, key, err);
    return PB_OK;
}

/* Some ways to begin take a part out of the base weights, which the adapter then replaces. */
static pb_status check_init(const lora_config *c, pb_error *err)
{
    static const char *const harmless[] = {"gaussian", "eva", "orthogonal"};
    const json_t *init = json_object_get(c->json, "init_lora_weights");
    for (size_t i = 0; json_is_string(init) && i < sizeof harmless / sizeof *harmless; i++)
        if (strcasecmp(json_string_value(init), harmless[i]) == 0)
            return PB_OK;
    if (!json_is_string(init))
        return PB_OK;
    fail(err, PB_EUNSUPPORTED, "%s: \"init_lora_weights\" is \"%s\", so the adapter may belong to other base weights",
         c->file, json_string_value(init));
    return fail_hint(err, "save it with path_initial_model_for_weight_conversion, which makes a plain adapter of it");
}

static pb_status check_kind(const lora_config *c, pb_error *err)
{
    const char *type = NULL, *bias = "none";
    TRY(json_get_text(c->json, "peft_type", &type, c->file, err));
    TRY(json_get_text(c->json, "bias", &bias, c->file, err));
    if (!type)
        return fail(err, PB_EFORMAT, "%s: \"peft_type\" is missing, expected \"LORA\"", c->file);
    if (strcmp(type, "LORA") != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: \"peft_type\" is \"%s\", expected \"LORA\"", c->file, type);
    if (strcmp(bias, "none") != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: \"bias\" is \"%s\", expected \"none\"", c->file, bias);
    TRY(check_variant(c, err));
    return check_init(c, err);
}

static pb_status read_config(lora_config *c, const char *folder, pb_error *err)
{
    c->file = path_join(folder, "adapter_config.json");
    TRY(json_read_file(&c->json, c->file, err));
    TRY(check_kind(c, err));
    c->r = 8; /* LoraConfig's own defaults */
    c->alpha = 8;
    TRY(json_get_size(c->json, "r", &c->r, c->file, err));
    TRY(json_get_real(c->json, "lora_alpha", &c->alpha, c->file, err));
    TRY(json_get_bool(c->json, "use_rslora", &c->rank_stabilised, c->file, err));
    TRY(json_get_object(c->json, "rank_pattern", &c->rank_pattern, c->file, err));
    return json_get_object(c->json, "alpha_pattern", &c->alpha_pattern, c->file, err);
}

/* A pattern is a regular expression; those that are plain names are read, "." in them being any character. */
static bool is_plain(const char *pattern)
{
    pattern += *pattern == '^';
    for (; *pattern; pattern++)
        if (!isalnum((unsigned char)*pattern) && !strchr("._-", *pattern))
            return false;
    return true;
}

/* Whether the pattern is the module's name, or, but after "^", its end from a dot on. */
static bool names_module(const char *pattern, const char *module, size_t length)
{
    bool from_start = *pattern == '^';
    pattern += from_start;
    size_t n = strlen(pattern);
    if (n > length || (from_start && n != length) || (n < length && module[length - n - 1] != '.'))
        return false;
    module += length - n;
    for (size_t i = 0; i < n; i++)
        if (pattern[i] != '.' && pattern[i] != module[i])
            return false;
    return true;
}

/* *value = what the first pattern that names the module has; it stays where none does. */
static pb_status look_up(const lora_config *c, json_t *patterns, const char *which, const char *module, size_t length,
                         double *value, pb_error *err)
{
    const char *pattern;
    json_t *found;
    json_object_foreach(patterns, pattern, found)
    {
        if (!is_plain(pattern))
            return fail(err, PB_EUNSUPPORTED,
                        "%s: \"%s\" has the regular expression \"%s\"; patchbay reads names of modules", c->file, which,
                        pattern);
        if (!names_module(pattern, module, length))
            continue;
        if (!json_is_number(found))
            return fail(err, PB_EFORMAT, "%s: \"%s\": \"%s\" is %s, expected a number", c->file, which, pattern,
                        json_kind(found));
        *value = json_number_value(found);
        return PB_OK;
    }
    return PB_OK;
}

/* The rank that the config gives the module, and the factor before B A. */
static pb_status scale_of(const lora_config *c, const char *module, size_t length, double *rank, double *scale,
                          pb_error *err)
{
    double alpha = c->alpha;
    *rank = (double)c->r;
    TRY(look_up(c, c->rank_pattern, "rank_pattern", module, length, rank, err));
    TRY(look_up(c, c->alpha_pattern, "alpha_pattern", module, length, &alpha, err));
    if (!(*rank >= 1 && *rank <= INT32_MAX && floor(*rank) == *rank))
        return fail(err, PB_EFORMAT, "%s: the rank of %.*s is %g, expected a whole number of at least 1", c->file,
                    (int)length, module, *rank);
    *scale = alpha / (c->rank_stabilised ? sqrt(*rank) : *rank);
    if (!isfinite((float)*scale))
        return fail(err, PB_EFORMAT, "%s: \"lora_alpha\" is %g, expected a finite number", c->file, alpha);
    return PB_OK;
}

/* ---- which matrix a module is ---- */

/* What stands from the last "layers." on; NULL where there is none. */
static const char *layer_name(const char *name)
{
    const char *found = NULL;
    for (const char *at = name; (at = strstr(at, "layers.")); at++)
        if (at == name || at[-1] == '.')
            found = at;
    return found;
}

/* Whether the module is of the vision side, whose layers may be called as the decoder's are. */
static bool is_of_vision(const char *module)
{
    static const char *const words[] = {"vision", "visual", "encoder.layers.", "multi_modal_projector", "mm_projector"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(module, words[i]))
            return true;
    return false;
}

static bool is_head(const char *module, size_t length)
{
    static const char head[] = "lm_head";
    size_t n = sizeof head - 1;
    return length >= n && strncmp(module + length - n, head, n) == 0 && (length == n || module[length - n - 1] == '.');
}

/* Whether the tensor's name, without ".weight", ends as the module's does. */
static bool is_of(const tensor *t, const char *module, size_t length)
{
    const char *name = layer_name(t->name);
    return name && strlen(name) == length + 7 && strncmp(name, module, length) == 0 &&
           strcmp(name + length, ".weight") == 0;
}

static const tensor *find_matrix(const decoder *d, const char *module, size_t length)
{
    for (size_t l = 0; l < d->config.layers; l++)
        for (decoder_part part = 0; part < PART_COUNT; part++) {
            const tensor *t = d->layers[l].part[part];
            if (t && t->rank == 2 && is_of(t, module, length))
                return t;
        }
    return NULL;
}

/* "self_attn.q_proj, ...": the matrices of a layer. */
static void list_matrices(buffer *out, const decoder *d)
{
    const size_t start = sizeof "layers.0." - 1, around = start + sizeof ".weight" - 1;
    for (decoder_part part = 0; part < PART_COUNT; part++) {
        const tensor *t = d->layers[0].part[part];
        const char *name = t && t->rank == 2 ? layer_name(t->name) : NULL;
        if (name)
            buffer_printf(out, "%s%.*s", out->size ? ", " : "", (int)(strlen(name) - around), name + start);
    }
}

static pb_status unknown_module(const model *m, const tensor *a, const char *module, size_t length, pb_error *err)
{
    const char *tail = layer_name(module);
    size_t layer = tail ? (size_t)strtoull(tail + sizeof "layers." - 1, NULL, 10) : 0;
    if (is_of_vision(module))
        return fail(err, PB_EUNSUPPORTED,
                    "%s: tensor %s changes the vision side; patchbay applies adapters of the decoder", a->file,
                    a->name);
    if (layer >= m->decoder.config.layers)
        return fail(err, PB_EINVAL,
                    "%s: tensor %s is of layer %zu, the decoder has %zu layers: the adapter is of another model",
                    a->file, a->name, layer, m->decoder.config.layers);
    buffer known = {0};
    list_matrices(&known, &m->decoder);
    pb_status status =
        fail(err, PB_EINVAL, "%s: tensor %s changes %.*s, which is no matrix of this decoder (%s); a layer has %s",
             a->file, a->name, (int)length, module, m->family, known.data);
    buffer_free(&known);
    return status;
}

/* *of = the matrix that the module [length] is. */
static pb_status find_module(const model *m, const tensor *a, const char *module, size_t length, const tensor **of,
                             pb_error *err)
{
    const decoder *d = &m->decoder;
    const char *tail = layer_name(module);
    *of = tail && !is_of_vision(module) ? find_matrix(d, tail, length - (size_t)(tail - module)) : NULL;
    if (is_head(module, length) && d->head == d->embedding)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: tensor %s changes the head alone, which in this model is tied to the embedding", a->file,
                    a->name);
    if (is_head(module, length))
        *of = d->head;
    return *of ? PB_OK : unknown_module(m, a, module, length, err);
}

/* ---- the pairs ---- */

typedef struct lora_reader {
    model *m;
    lora_config config;
    checkpoint *tensors;
    const tensor **changed; /* [count] matrices that have their pair */
    size_t count, rank;     /* rank: the highest */
} lora_reader;

/* The same pair's other tensor: "...lora_B.weight". */
static char *partner(const char *name, char letter)
{
    char *other = mem_text(name);
    other[strlen(name) - (sizeof "A.weight" - 1)] = letter;
    return other;
}

/* The two tensors of the shapes that the matrix asks for; *b has to be turned: b[out][rank]. */
static pb_status get_pair(const lora_reader *r, const tensor *a, const tensor *of, size_t rank, const tensor **b,
                          pb_error *err)
{
    char *name = partner(a->name, 'B');
    const tensor *same;
    pb_status status = checkpoint_get(r->tensors, a->name, 2, (size_t[]){rank, of->shape[1]}, &same, err);
    if (!status)
        status = checkpoint_get(r->tensors, name, 2, (size_t[]){of->shape[0], rank}, b, err);
    free(name);
    return status;
}

static pb_status add_pair(lora_reader *r, const tensor *a, const tensor *b, const tensor *of, size_t rank, double scale,
                          pb_error *err)
{
    float *from = NULL, *stored = NULL, *to = NULL;
    size_t out = of->shape[0];
    pb_status status = weights_load(a, &from, err);
    if (!status)
        status = weights_load(b, &stored, err);
    if (!status)
        status = mem_try(&to, out * rank, sizeof *to, "an adapter", err);
    for (size_t i = 0; !status && i < out; i++)
        for (size_t k = 0; k < rank; k++)
            to[k * out + i] = stored[i * rank + k];
    if (!status)
        status = decoder_add_term(&r->m->decoder, &(decoder_term){of, rank, from, to, (float)scale}, err);
    free(from);
    free(stored);
    free(to);
    r->rank = rank > r->rank ? rank : r->rank;
    return status;
}

static pb_status add_module(lora_reader *r, const tensor *a, pb_error *err)
{
    static const char wrapped[] = "base_model.model.";
    const char *module = a->name + (strncmp(a->name, wrapped, sizeof wrapped - 1) == 0 ? sizeof wrapped - 1 : 0);
    size_t length = strlen(module) - (sizeof ".lora_A.weight" - 1);
    const tensor *of, *b;
    double rank, scale;
    TRY(find_module(r->m, a, module, length, &of, err));
    TRY(scale_of(&r->config, module, length, &rank, &scale, err));
    TRY(get_pair(r, a, of, (size_t)rank, &b, err));
    for (size_t i = 0; i < r->count; i++)
        if (r->changed[i] == of)
            return fail(err, PB_EFORMAT, "%s: tensor %s changes %s, which another tensor changes too", a->file, a->name,
                        of->name);
    r->changed[r->count++] = of;
    return add_pair(r, a, b, of, (size_t)rank, scale, err);
}

/* peft saves a copy of the head, or the embedding, beside an adapter of it: NULL where the tensor is no such copy. */
static const tensor *copied(const decoder *d, const char *name)
{
    const struct {
        const char *end;
        const tensor *of;
    } copies[] = {
        {"lm_head.base_layer.weight", d->head},
        {"lm_head.weight", d->head},
        {"lm_head.base_layer.bias", d->end[END_HEAD_BIAS]},
        {"lm_head.bias", d->end[END_HEAD_BIAS]},
        {"embed_tokens.base_layer.weight", d->embedding},
        {"embed_tokens.weight", d->embedding},
    };
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++)
        if (text_ends(name, copies[i].end))
            return copies[i].of;
    return NULL;
}

static bool same_values(const tensor *a, const tensor *b)
{
    enum { PIECE = 4096 };
    float x[PIECE], y[PIECE];
    if (a->rank != b->rank || memcmp(a->shape, b->shape, sizeof a->shape) != 0 || a->type == DTYPE_OTHER)
        return false;
    for (size_t i = 0; i < a->count; i += PIECE) {
        size_t n = a->count - i < PIECE ? a->count - i : PIECE;
        tensor_read(a, i, n, x);
        tensor_read(b, i, n, y);
        if (memcmp(x, y, n * sizeof *x) != 0)
            return false;
    }
    return true;
}

/* A tensor that is no first of a pair is the second of one that is there, or a copy of what the model has. */
static pb_status check_rest(const lora_reader *r, const tensor *t, pb_error *err)
{
    const tensor *original = copied(&r->m->decoder, t->name);
    if (original && !same_values(t, original))
        return fail(err, PB_EUNSUPPORTED,
                    "%s: tensor %s is not what the model has as %s: patchbay cannot apply adapters that replace it",
                    t->file, t->name, original->name);
    if (original)
        return PB_OK;
    if (!text_ends(t->name, ".lora_B.weight"))
        return fail(
            err, PB_EUNSUPPORTED,
            "%s: tensor %s is none of a plain LoRA, expected names that end in .lora_A.weight or .lora_B.weight",
            t->file, t->name);
    char *name = partner(t->name, 'A');
    pb_status status = PB_OK;
    if (!checkpoint_find(r->tensors, name))
        status = fail(err, PB_EFORMAT, "%s: tensor %s is missing, which belongs to %s", t->file, name, t->name);
    free(name);
    return status;
}

static pb_status add_modules(lora_reader *r, const char *folder, pb_error *err)
{
    const tensor *tensors;
    size_t count = checkpoint_tensors(r->tensors, &tensors);
    r->changed = mem_new(count, sizeof *r->changed);
    for (size_t i = 0; i < count; i++)
        TRY(text_ends(tensors[i].name, ".lora_A.weight") ? add_module(r, &tensors[i], err)
                                                         : check_rest(r, &tensors[i], err));
    if (r->count == 0)
        return fail(err, PB_EFORMAT, "%s: the adapter holds no tensors", folder);
    return PB_OK;
}

/* LLaVA's own training saves the projector beside its adapters. */
static pb_status check_beside(const char *folder, pb_error *err)
{
    char *beside = path_join(folder, "non_lora_trainables.bin");
    pb_status status = PB_OK;
    if (file_exists(beside))
        status = fail(err, PB_EUNSUPPORTED, "%s: holds weights that belong to the adapter, which patchbay cannot apply",
                      beside);
    free(beside);
    return status;
}

static pb_status open_tensors(lora_reader *r, const char *folder, pb_error *err)
{
    char *safe = path_join(folder, "adapter_model.safetensors"), *torch = path_join(folder, "adapter_model.bin");
    pb_status status = check_beside(folder, err);
    if (!status)
        status = checkpoint_open_file(&r->tensors, file_exists(safe) || !file_exists(torch) ? safe : torch, err);
    free(safe);
    free(torch);
    return status;
}

pb_status lora_apply(model *m, const char *folder, pb_error *err)
{
    lora_reader r = {.m = m};
    size_t before = decoder_term_count(&m->decoder);
    pb_status status = read_config(&r.config, folder, err);
    if (!status)
        status = open_tensors(&r, folder, err);
    if (!status)
        status = add_modules(&r, folder, err);
    if (status)
        decoder_drop_terms(&m->decoder, before);
    else
        model_note_change(m, folder, "lora", r.count, r.rank);
    checkpoint_free(r.tensors);
    json_decref(r.config.json);
    free(r.config.file);
    free(r.changed);
    return status;
}
