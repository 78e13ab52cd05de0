/* tokenizer_json.c: a tokenizer.json, put together from its parts, see tokenizer_parts.h. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

/* The steps, in the order in which they run; added tokens need the normalizer, and stand on both sides of it. */
static pb_status read_steps(tokenizer *t, const json_t *root, const char *file, pb_error *err)
{
    tokenizer_begin_steps(t);
    TRY(stages_read_normalizer(&t->stages, json_object_get(root, "normalizer"), file, err));
    TRY(tokenizer_end_normalizer(t, file, err));
    return stages_read_pre_tokenizer(&t->stages, json_object_get(root, "pre_tokenizer"), file, err);
}

static const char *kind_of(const tokenizer *t)
{
    if (bpe_has_byte_fallback(t->bpe))
        return "BPE with byte fallback";
    return text_decoder_is_byte_level(&t->decoder) ? "byte-level BPE" : "BPE";
}

static pb_status read_parts(tokenizer *t, const json_t *root, const char *file, pb_error *err)
{
    const char *version = "1.0";
    json_t *model, *added;
    TRY(json_get_text(root, "version", &version, file, err));
    if (strcmp(version, "1.0") != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: \"version\" is \"%.20s\", expected \"1.0\"", file, version);
    TRY(json_get_object(root, "model", &model, file, err));
    TRY(json_get_array(root, "added_tokens", &added, file, err));
    if (!model)
        return fail(err, PB_EFORMAT, "%s: has no \"model\"", file);
    TRY(bpe_read(&t->bpe, model, file, err));
    TRY(added_read(&t->added, added, bpe_vocab(t->bpe), file, err));
    TRY(read_steps(t, root, file, err));
    TRY(postprocess_read(&t->post, json_object_get(root, "post_processor"), file, err));
    TRY(text_decoder_read(&t->decoder, json_object_get(root, "decoder"), file, err));
    t->kind = kind_of(t);
    return PB_OK;
}

static pb_status read_bytes(tokenizer *t, const char *json, size_t size, const char *name, pb_error *err)
{
    json_t *root;
    TRY(json_parse_object(&root, json, size, name, err));
    pb_status status = read_parts(t, root, name, err);
    json_decref(root);
    return status;
}

pb_status tokenizer_read_json(tokenizer *t, const char *path, const char *directory, pb_error *err)
{
    file_map map;
    (void)directory;
    TRY(file_map_copy(&map, path, err));
    pb_status status = read_bytes(t, (const char *)map.data, map.size, path, err);
    file_map_close(&map);
    return status;
}

pb_status tokenizer_read(tokenizer **out, const char *json, size_t size, const char *name, pb_error *err)
{
    tokenizer *t = mem_new(1, sizeof *t);
    pb_status status = read_bytes(t, json, size, name, err);
    *out = status ? NULL : t;
    if (status)
        tokenizer_free(t);
    return status;
}
