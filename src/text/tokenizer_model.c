/* tokenizer_model.c: a folder's tokenizer.model (SentencePiece), put together as transformers 5 does it.
 *
 * That is one of two things. Its class LlamaTokenizer puts "▁" for every space and leaves the rest of the normalizer
 * be; its general class does as SentencePiece does. They differ in what stands before a text: a text that begins with a
 * space begins with one "▁" for the first and with two for the second. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "text/folder_tokens.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_parts.h"

static const char sign[] = "\xE2\x96\x81"; /* U+2581 */

/* ---- what tokenizer_config.json says ---- */
typedef struct settings {
    bool llama;  /* transformers' LlamaTokenizer; else its general class */
    bool legacy; /* a sign before every stretch of text between added tokens; else before the first alone */
    bool prefix; /* LlamaTokenizer's "add_prefix_space" */
    bool bos, eos;
} settings;

/* transformers loads a LLaVA's tokenizer with its general class, whatever the folder asks for. */
static pb_status is_llava(const char *directory, bool *yes, pb_error *err)
{
    char *path = path_join(directory, "config.json");
    json_t *config = NULL;
    const char *type = "";
    pb_status status = file_exists(path) ? json_read_file(&config, path, err) : PB_OK;
    if (!status)
        status = json_get_text(config, "model_type", &type, path, err);
    *yes = strcmp(type, "llava") == 0;
    json_decref(config);
    free(path);
    return status;
}

/* LlamaTokenizer knows nothing but BPE with bytes: what asks for it with another model gets the general class. */
static pb_status read_class(settings *s, const folder_files *f, const char *directory, const pieces *p, pb_error *err)
{
    static const char *const known[] = {"", "LlamaTokenizer", "LlamaTokenizerFast", "TokenizersBackend",
                                        "PreTrainedTokenizerFast"};
    const char *class = "";
    bool llava, named = false;
    TRY(json_get_text(f->config, "tokenizer_class", &class, f->config_path, err));
    TRY(is_llava(directory, &llava, err));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        named |= strcmp(known[i], class) == 0;
    if (!named)
        return fail(err, PB_EUNSUPPORTED, "%s: \"tokenizer_class\" is \"%.60s\": of a tokenizer.model only "
                    "LlamaTokenizer's use is known", f->config_path, class);
    s->llama = strncmp(class, "Llama", 5) == 0 && !llava && !p->unigram && p->byte_fallback;
    s->bos = !*class || strncmp(class, "Llama", 5) == 0; /* as Llama's own code does */
    return PB_OK;
}

static pb_status read_settings(settings *s, const folder_files *f, const char *directory, const pieces *p,
                               pb_error *err)
{
    *s = (settings){.prefix = true};
    TRY(read_class(s, f, directory, p, err));
    s->legacy = !s->llama && !json_object_get(f->config, "legacy");
    TRY(json_get_bool(f->config, "legacy", &s->legacy, f->config_path, err));
    TRY(json_get_bool(f->config, "add_prefix_space", &s->prefix, f->config_path, err));
    TRY(json_get_bool(f->config, "add_bos_token", &s->bos, f->config_path, err));
    return json_get_bool(f->config, "add_eos_token", &s->eos, f->config_path, err);
}

/* ---- putting together ---- */
static pb_status add_steps(tokenizer *t, const settings *s, bool dummy_prefix, const char *file, pb_error *err)
{
    metaspace_scheme scheme = s->legacy ? METASPACE_ALWAYS : METASPACE_FIRST;
    tokenizer_begin_steps(t);
    if (s->llama) {
        TRY(tokenizer_end_normalizer(t, file, err));
        stages_add_metaspace(&t->stages, sign, s->prefix ? scheme : METASPACE_NEVER);
        return PB_OK;
    }
    const char *space = t->normalizer->escapes ? sign : " ";
    stages_add(&t->stages, (stage){.kind = STAGE_NORMALIZE, .normalizer = t->normalizer});
    TRY(tokenizer_end_normalizer(t, file, err));
    if (dummy_prefix && !t->normalizer->suffix)
        stages_add(&t->stages, (stage){.kind = STAGE_PREFIX,
                                       .text = mem_text(space),
                                       .text_size = strlen(space),
                                       .unless = s->legacy ? NULL : mem_text(space),
                                       .only_first = !s->legacy});
    return PB_OK;
}

static int32_t find_named(const tokenizer *t, bool wanted, const char *content)
{
    return wanted && content ? tokenizer_find(t, content) : -1;
}

static pb_status build(tokenizer *t, const sentencepiece *model, const settings *s, const folder_files *f,
                       const char *file, pb_error *err)
{
    const vocab *words = &model->pieces->vocab;
    folder_tokens names = {.words = words,
                           .pieces = model->pieces,
                           .user_defined_too = s->llama,
                           .never_normalized = !s->llama && model->dummy_prefix,
                           .bos = vocab_text(words, model->bos).text,
                           .eos = vocab_text(words, model->eos).text,
                           .unknown = vocab_text(words, model->pieces->unknown).text};
    TRY(folder_tokens_read(&t->added, &names, f, err));
    TRY(add_steps(t, s, model->dummy_prefix, file, err));
    postprocess_make(&t->post, find_named(t, s->bos, names.bos), find_named(t, s->eos, names.eos), false);
    bool prefix = s->llama ? s->prefix : model->dummy_prefix;
    bool suffix = !s->llama && t->normalizer->suffix;
    text_decoder_make_signs(&t->decoder, sign, model->pieces->byte_fallback, prefix && !suffix, suffix);
    t->kind = model->pieces->unigram ? "SentencePiece Unigram" : "SentencePiece BPE";
    return PB_OK;
}

static pb_status read_small_files(tokenizer *t, const sentencepiece *model, const char *path, const char *directory,
                                  pb_error *err)
{
    folder_files files;
    settings s;
    TRY(folder_files_read(&files, directory, err));
    pb_status status = read_settings(&s, &files, directory, t->pieces, err);
    if (!status)
        status = build(t, model, &s, &files, path, err);
    folder_files_free(&files);
    return status;
}

pb_status tokenizer_read_model(tokenizer *t, const char *path, const char *directory, pb_error *err)
{
    file_map map;
    sentencepiece model;
    TRY(file_map_copy(&map, path, err));
    pb_status status = sentencepiece_read(&model, map.data, map.size, path, err);
    file_map_close(&map);
    t->pieces = model.pieces;
    t->normalizer = model.normalizer;
    return status ? status : read_small_files(t, &model, path, directory, err);
}
