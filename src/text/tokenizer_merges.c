/* tokenizer_merges.c: vocab.json and merges.txt, byte-level BPE as it was stored before there was a tokenizer.json, put
 * together as transformers 5's classes for GPT-2 and Qwen2 do it. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "text/byte_level.h"
#include "text/folder_tokens.h"

static const char end_of_text[] = "<|endoftext|>";

/* What a class that a folder asks for splits by, and its tokens where the folder names none. */
typedef struct merges_class {
    const char *name;
    const char *form;
    const char *bos;
} merges_class;

static pb_status find_class(const merges_class **out, const folder_files *f, pb_error *err)
{
    static const merges_class classes[] = {{"GPT2Tokenizer", "gpt-2", end_of_text},
                                           {"CodeGenTokenizer", "gpt-2", end_of_text},
                                           {"Qwen2Tokenizer", "qwen2", NULL}};
    const char *name = "";
    TRY(json_get_text(f->config, "tokenizer_class", &name, f->config_path, err));
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        size_t size = strlen(classes[i].name);
        *out = &classes[i];
        if (strncmp(name, classes[i].name, size) == 0 && (!name[size] || strcmp(name + size, "Fast") == 0))
            return PB_OK;
    }
    return fail(err, PB_EUNSUPPORTED, "%s: \"tokenizer_class\" is \"%.60s\": with vocab.json it is GPT2Tokenizer, "
                "CodeGenTokenizer or Qwen2Tokenizer", f->config_path, name);
}

/* ---- the model ---- */
static size_t count_lines(const file_map *map)
{
    size_t count = 1;
    for (size_t i = 0; i < map->size; i++)
        count += map->data[i] == '\n';
    return count;
}

/* A merge a line, after a line with a version. */
static pb_status add_merges(bpe *b, const file_map *map, pb_error *err)
{
    const char *text = (const char *)map->data, *end = text + map->size;
    for (size_t line = 1; text < end; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
        size_t size = (size_t)(stop - text);
        if (size && text[size - 1] == '\r')
            size--;
        if (size < 8 || memcmp(text, "#version", 8) != 0)
            TRY(bpe_add_merge(b, text, size, line, err));
        text = newline ? newline + 1 : end;
    }
    return PB_OK;
}

static pb_status read_words(vocab *words, const char *path, pb_error *err)
{
    json_t *object;
    TRY(json_read_file(&object, path, err));
    pb_status status = vocab_read(words, object, path, "vocabulary", err);
    json_decref(object);
    return status;
}

static pb_status read_bpe(tokenizer *t, const char *path, const char *directory, pb_error *err)
{
    char *merges = path_join(directory, "merges.txt");
    file_map map;
    vocab words;
    pb_status status = file_map_copy(&map, merges, err);
    if (!status) {
        status = read_words(&words, path, err);
        if (!status) {
            t->bpe = bpe_new(words, "line", count_lines(&map), false, merges);
            status = add_merges(t->bpe, &map, err);
        }
        file_map_close(&map);
    }
    free(merges);
    return status;
}

/* ---- the rest ---- */
static pb_status build(tokenizer *t, const merges_class *class, const folder_files *f, const char *file, pb_error *err)
{
    bool bos = false, eos = false, prefix = false;
    folder_tokens names = {.words = bpe_vocab(t->bpe), .bos = class->bos, .eos = end_of_text, .unknown = end_of_text};
    TRY(json_get_bool(f->config, "add_bos_token", &bos, f->config_path, err));
    TRY(json_get_bool(f->config, "add_eos_token", &eos, f->config_path, err));
    TRY(json_get_bool(f->config, "add_prefix_space", &prefix, f->config_path, err));
    if (prefix)
        return fail(err, PB_EUNSUPPORTED, "%s: \"add_prefix_space\" is true: that needs a tokenizer.json",
                    f->config_path);
    TRY(folder_tokens_read(&t->added, &names, f, err));
    t->kind = "byte-level BPE";
    return byte_level_build(t, byte_level_find(class->form, strlen(class->form)),
                            bos && names.bos ? tokenizer_find(t, names.bos) : -1,
                            eos && names.eos ? tokenizer_find(t, names.eos) : -1, file, err);
}

pb_status tokenizer_read_merges(tokenizer *t, const char *path, const char *directory, pb_error *err)
{
    folder_files files;
    const merges_class *class;
    TRY(folder_files_read(&files, directory, err));
    pb_status status = find_class(&class, &files, err);
    if (!status)
        status = read_bpe(t, path, directory, err);
    if (!status)
        status = build(t, class, &files, path, err);
    folder_files_free(&files);
    return status;
}
