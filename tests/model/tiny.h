/* tiny.h: copies of the tiny checkpoints in tests/data/model whose config or weights differ from HF's. */
#ifndef TESTS_MODEL_TINY_H
#define TESTS_MODEL_TINY_H

#include "tests/support.h"

#include <dirent.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/model.h"

#define LLAVA GOLDEN("data/model/llava")
#define BUNNY GOLDEN("data/model/bunny")
#define LLAMA GOLDEN("data/model/llama")
#define QWEN2 GOLDEN("data/model/qwen2")
#define PHI GOLDEN("data/model/phi")

/* A folder of links to a checkpoint's files. folder_remove */
static inline char *tiny_copy(const char *source)
{
    char *folder = folder_new();
    DIR *d = opendir(source);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));) {
        char *from = path_join(source, entry->d_name), *to = path_join(folder, entry->d_name);
        if (entry->d_name[0] != '.')
            assert_int_equal(symlink(from, to), 0);
        free(from);
        free(to);
    }
    closedir(d);
    return folder;
}

/* Puts a file of these bytes in a link's place. */
static inline void tiny_write(const char *folder, const char *name, const void *bytes, size_t n)
{
    char *path = path_join(folder, name);
    unlink(path);
    assert_ok(file_write_all(path, bytes, n, err));
    free(path);
}

/* Changes a config: "key" or "part.key" becomes the JSON value; NULL takes the key out. */
static inline void tiny_set(const char *folder, const char *file, const char *key, const char *value)
{
    char *path = path_join(folder, file);
    json_t *config, *part;
    assert_ok(json_read_file(&config, path, err));
    part = config;
    const char *dot = strchr(key, '.');
    if (dot) {
        char *name = mem_text_n(key, (size_t)(dot - key));
        part = json_object_get(config, name);
        assert_true(json_is_object(part));
        free(name);
    }
    if (value)
        json_object_set_new(part, dot ? dot + 1 : key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(part, dot ? dot + 1 : key);
    char *text = json_dumps(config, 0);
    tiny_write(folder, file, text, strlen(text));
    free(text);
    free(path);
    json_decref(config);
}

/* A safetensors file with each tensor's name changed by `rename`, which writes the new one (empty: leave it out). */
static inline void tiny_rename(const char *folder, void (*rename)(const char *name, buffer *out))
{
    char *path = path_join(folder, "model.safetensors");
    file_map map;
    assert_ok(file_map_open(&map, path, err));
    uint64_t size;
    memcpy(&size, map.data, 8);
    json_t *header, *renamed = json_object(), *entry;
    assert_ok(json_parse_object(&header, (const char *)map.data + 8, size, path, err));
    const char *name;
    json_object_foreach(header, name, entry)
    {
        buffer b = {0};
        rename(name, &b);
        json_object_set(renamed, b.data, entry);
        buffer_free(&b);
    }
    char *text = json_dumps(renamed, JSON_REAL_PRECISION(17));
    buffer out = {0};
    uint64_t length = strlen(text);
    buffer_add(&out, &length, 8);
    buffer_text(&out, text);
    buffer_add(&out, map.data + 8 + size, map.size - 8 - size);
    tiny_write(folder, "model.safetensors", out.data, out.size);
    file_map_close(&map);
    buffer_free(&out);
    json_decref(header);
    json_decref(renamed);
    free(text);
    free(path);
}

/* What tiny_open's models compute in; a file of tests that is true of both types goes through both. */
static compute_type tiny_compute;

static inline model *tiny_open(const char *folder)
{
    model *m;
    assert_ok(model_open(&m, &(model_source){.path = folder, .compute = tiny_compute}, err));
    return m;
}

#endif
