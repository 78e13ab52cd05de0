/* merged.c: see merged.h.
 *
 * A safetensors file is its own bytes, but where the changed tensors lie: shapes and dtypes stay, so its header does.
 * Of a file of PyTorch's a safetensors file is made. */
#include "model/merged.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_set.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/safetensors_write.h"

enum {
    PIECE = 1 << 20, /* bytes that are copied at a time */
    BLOCK_ROWS = 256 /* rows of a changed matrix that are made at a time, at least */
};

/* ---- a tensor ---- */

/* The decoder's tensor whose changes t has: itself, or the embedding where t is a tied head that shares its numbers. */
static const tensor *source_of(const decoder *d, const tensor *t)
{
    bool shared = t->data == d->embedding->data && t->type == d->embedding->type && t->count == d->embedding->count;
    return shared ? d->embedding : t;
}

static bool is_changed(const decoder *d, const tensor *t)
{
    return decoder_changed(d, source_of(d, t));
}

/* Takes a tensor's bytes, in pieces. */
typedef struct sink {
    void (*write)(void *to, const void *bytes, size_t n);
    void *to;
    const char *path; /* for errors */
} sink;

static void write_to_file(void *to, const void *bytes, size_t n)
{
    file_write(to, bytes, n);
}

static void write_to_safetensors(void *to, const void *bytes, size_t n)
{
    safetensors_write(to, bytes, n);
}

/* `values` [rows][width] and `narrow`, as many, are working memory. */
static pb_status write_rows(const decoder *d, const tensor *t, size_t first, size_t rows, float *values, void *narrow,
                            const sink *out, pb_error *err)
{
    size_t width = t->count / t->shape[0], bytes = dtype_find(t->type)->bytes;
    TRY(interrupt_check(out->path, err));
    TRY(decoder_read_rows(d, t, first, rows, values, err));
    if (!tensor_narrow(t->type, values, rows * width, narrow))
        return fail(err, PB_EINVAL, "%s: tensor %s as changed is not finite, or beyond what %s can hold", out->path,
                    t->name, t->type_name);
    out->write(out->to, narrow, rows * width * bytes);
    return PB_OK;
}

static pb_status write_changed(const decoder *d, const tensor *t, const sink *out, pb_error *err)
{
    size_t width = t->count / t->shape[0], most = width < PIECE / BLOCK_ROWS ? PIECE / width : BLOCK_ROWS;
    float *values = NULL, *narrow = NULL;
    pb_status status = mem_try(&values, most * width, sizeof *values, "rows of a changed tensor", err);
    if (!status)
        status = mem_try(&narrow, most * width, sizeof *narrow, "rows of a changed tensor", err);
    for (size_t row = 0; row < t->shape[0] && !status; row += most)
        status = write_rows(d, t, row, t->shape[0] - row < most ? t->shape[0] - row : most, values, narrow, out, err);
    free(values);
    free(narrow);
    return status;
}

static pb_status write_as_it_is(const tensor *t, size_t width, const sink *out, pb_error *err)
{
    unsigned char *piece;
    size_t most = PIECE / width;
    pb_status status = PB_OK;
    TRY(mem_try(&piece, PIECE, 1, "a piece of a tensor", err));
    for (size_t i = 0; i < t->count && !status; i += most) {
        size_t n = t->count - i < most ? t->count - i : most;
        tensor_copy(t, width, i, n, piece);
        out->write(out->to, piece, n * width);
        status = interrupt_check(out->path, err);
    }
    free(piece);
    return status;
}

/* ---- a file ---- */

/* Bytes from .. end-1 of a mapped file. */
static pb_status write_bytes(const unsigned char *data, size_t from, size_t end, const sink *out, pb_error *err)
{
    for (; from < end; from += PIECE) {
        TRY(interrupt_check(out->path, err));
        out->write(out->to, data + from, end - from < PIECE ? end - from : PIECE);
    }
    return PB_OK;
}

/* The tensors of a file, in the order of their data: list[*count]. free() */
static const tensor **tensors_of(const checkpoint *c, const checkpoint_file *file, size_t *count)
{
    const tensor *all, **list;
    size_t n = checkpoint_tensors(c, &all);
    list = mem_new(n, sizeof(tensor *));
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (all[i].file == file->path)
            list[(*count)++] = &all[i];
    return list;
}

static pb_status write_with_changes(const model *m, const checkpoint_file *file, const sink *out, pb_error *err)
{
    size_t count, at = 0;
    pb_status status = PB_OK;
    const tensor **tensors = tensors_of(m->weights, file, &count);
    for (size_t i = 0; i < count && !status; i++) {
        const tensor *t = tensors[i];
        if (!is_changed(&m->decoder, t))
            continue;
        size_t begin = (size_t)((const unsigned char *)t->data - file->data);
        status = write_bytes(file->data, at, begin, out, err);
        if (!status)
            status = write_changed(&m->decoder, t, out, err);
        at = begin + t->count * dtype_find(t->type)->bytes;
    }
    free(tensors);
    return status ? status : write_bytes(file->data, at, file->bytes, out, err);
}

static pb_status save_safetensors(const model *m, const checkpoint_file *file, const char *path, pb_error *err)
{
    file_writer w;
    const sink out = {write_to_file, &w, path};
    TRY(file_writer_open(&w, path, err));
    pb_status status = write_with_changes(m, file, &out, err);
    if (status) {
        file_writer_abandon(&w);
        return status;
    }
    return file_writer_commit(&w, err);
}

static pb_status describe(safetensors_entry *e, const tensor *t, pb_error *err)
{
    *e = (safetensors_entry){.name = t->name, .type_name = t->type_name, .rank = t->rank};
    if (t->rank > TENSOR_MAX_RANK || safetensors_bits(t->type_name) % 8 || safetensors_bits(t->type_name) == 0)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: tensor %s of dtype %s and %zu dimensions cannot be written as safetensors", t->file, t->name,
                    t->type_name, t->rank);
    memcpy(e->shape, t->shape, sizeof e->shape);
    return PB_OK;
}

static pb_status write_tensors(const model *m, const tensor *const *tensors, size_t count, const sink *out,
                               pb_error *err)
{
    for (size_t i = 0; i < count; i++)
        TRY(is_changed(&m->decoder, tensors[i])
                ? write_changed(&m->decoder, source_of(&m->decoder, tensors[i]), out, err)
                : write_as_it_is(tensors[i], safetensors_bits(tensors[i]->type_name) / 8, out, err));
    return PB_OK;
}

static pb_status save_converted(const model *m, const checkpoint_file *file, const char *path, pb_error *err)
{
    size_t count;
    safetensors_writer w;
    const sink out = {write_to_safetensors, &w, path};
    const tensor **tensors = tensors_of(m->weights, file, &count);
    safetensors_entry *entries = mem_new(count, sizeof *entries);
    pb_status status = PB_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = describe(&entries[i], tensors[i], err);
    if (!status)
        status = safetensors_open_writer(&w, path, entries, count, err);
    if (!status) {
        status = write_tensors(m, tensors, count, &out, err);
        if (status)
            safetensors_abandon(&w);
        else
            status = safetensors_commit(&w, err);
    }
    free(tensors);
    free(entries);
    return status;
}

/* ---- all files ---- */

/* "pytorch_model-00001-of-00002.bin" becomes "model-00001-of-00002.safetensors"; free(). */
static char *shard_name(const checkpoint_file *file)
{
    static const char torch[] = "pytorch_";
    const char *name = path_base(file->path);
    buffer b = {0};
    if (strcmp(file->format, "pytorch") != 0)
        return mem_text(name);
    name += strncmp(name, torch, sizeof torch - 1) == 0 ? sizeof torch - 1 : 0;
    size_t stem = strlen(name) - (text_ends(name, ".bin") ? 4 : 0);
    buffer_printf(&b, "%.*s.safetensors", (int)stem, name);
    return b.data;
}

static pb_status save_shard(const model *m, const file_set *set, const checkpoint_file *file, pb_error *err)
{
    char *own = path_join(m->path, path_base(file->path)), *name = shard_name(file),
         *path = path_join(set->stage, name);
    bool converted = strcmp(file->format, "pytorch") == 0;
    pb_status status = PB_OK;
    if (strcmp(own, file->path) != 0)
        status = fail(err, PB_EUNSUPPORTED,
                      "%s: lies in a folder inside of the model's; patchbay saves files beside each other", file->path);
    if (!status)
        status = (converted ? save_converted : save_safetensors)(m, file, path, err);
    free(own), free(name), free(path);
    return status;
}

/* The index of shards that were made of PyTorch's; those of safetensors keep their own. */
static pb_status save_index(const model *m, const file_set *set, const checkpoint_file *files, size_t count,
                            pb_error *err)
{
    json_t *map = json_object();
    size_t total = 0;
    for (size_t p = 0; p < count; p++) {
        size_t n;
        const tensor **tensors = tensors_of(m->weights, &files[p], &n);
        char *name = shard_name(&files[p]);
        for (size_t i = 0; i < n; i++) {
            json_object_set_new(map, tensors[i]->name, json_string(name));
            total += tensors[i]->count * safetensors_bits(tensors[i]->type_name) / 8;
        }
        free(name), free(tensors);
    }
    json_t *index = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
    char *text = json_dumps(index, JSON_INDENT(2));
    buffer b = {text, strlen(text), 0};
    pb_status status = file_set_text(set, "model.safetensors.index.json", &b, err);
    free(text);
    json_decref(index);
    return status;
}

static pb_status save_weights(const model *m, const file_set *set, pb_error *err)
{
    const checkpoint_file *files;
    size_t count = checkpoint_files(m->weights, &files);
    for (size_t i = 0; i < count; i++)
        TRY(save_shard(m, set, &files[i], err));
    if (strcmp(files[0].format, "pytorch") == 0 && strcmp(path_base(files[0].path), "pytorch_model.bin") != 0)
        return save_index(m, set, files, count, err);
    return PB_OK;
}

/* Weights in any format, adapters (which would be loaded on top), and what is hidden. An index goes with its shards. */
static bool is_left_out(const model *m, const char *name)
{
    static const char *const endings[] = {".safetensors", ".bin",     ".pt",   ".pth", ".ckpt",   ".gguf",
                                          ".h5",          ".msgpack", ".onnx", ".npz", ".tflite", ".index.json"};
    const checkpoint_file *files;
    checkpoint_files(m->weights, &files);
    if (strcmp(name, "model.safetensors.index.json") == 0)
        return strcmp(path_base(files[0].path), "model.safetensors") == 0 ||
               strcmp(files[0].format, "safetensors") != 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (text_ends(name, endings[i]))
            return true;
    return name[0] == '.' || strcmp(name, "adapter_config.json") == 0;
}

static pb_status copy_file(const char *from, const char *to, pb_error *err)
{
    file_map map;
    file_writer w;
    const sink out = {write_to_file, &w, to};
    TRY(file_map_open(&map, from, err));
    pb_status status = file_writer_open(&w, to, err);
    if (!status) {
        status = write_bytes(map.data, 0, map.size, &out, err);
        if (!status)
            status = file_map_check(&map, err);
        if (status)
            file_writer_abandon(&w);
        else
            status = file_writer_commit(&w, err);
    }
    file_map_close(&map);
    return status;
}

/* Copies the files of a folder; of the model's own (`owner` is the model, else NULL), those that are not left out. */
static pb_status copy_files(const model *owner, const char *from_folder, const char *to_folder, pb_error *err)
{
    DIR *d = opendir(from_folder);
    pb_status status = d ? PB_OK : fail(err, PB_EIO, "%s: cannot be read: %s", from_folder, strerror(errno));
    for (struct dirent *entry; d && !status && (entry = readdir(d));) {
        char *from = path_join(from_folder, entry->d_name), *to = path_join(to_folder, entry->d_name);
        bool left_out = owner ? is_left_out(owner, entry->d_name) : entry->d_name[0] == '.';
        if (!left_out && file_exists(from))
            status = copy_file(from, to, err);
        free(from), free(to);
    }
    if (d)
        closedir(d);
    return status;
}

/* The folder of a vision tower that the config names, where it lies inside of the model's. */
static pb_status copy_tower(const model *m, const json_t *config, const char *file, const file_set *set, pb_error *err)
{
    const char *name = NULL;
    TRY(json_get_text(config, "mm_vision_tower", &name, file, err));
    if (!name || !*name || *name == '/' || *name == '.' || strstr(name, ".."))
        return PB_OK;
    char *from = path_join(m->path, name), *to = path_join(set->stage, name);
    pb_status status = PB_OK;
    if (dir_exists(from))
        status = dir_create(to, err);
    if (dir_exists(from) && !status)
        status = copy_files(NULL, from, to, err);
    free(from), free(to);
    return status;
}

static pb_status copy_others(const model *m, const file_set *set, pb_error *err)
{
    json_t *config;
    char *file = path_join(m->path, "config.json");
    pb_status status = json_read_file(&config, file, err);
    if (!status)
        status = copy_tower(m, config, file, set, err);
    if (!status)
        status = copy_files(m, m->path, set->stage, err);
    json_decref(config);
    free(file);
    return status;
}

/* ---- what cannot be saved ---- */

/* A config that ties the two makes its loader pass over the head that the file has. */
static pb_status check_ties(const model *m, pb_error *err)
{
    const decoder *d = &m->decoder;
    bool tied = false;
    json_t *config = NULL, *text = NULL;
    if (d->head == d->embedding || !(decoder_changed(d, d->head) || decoder_changed(d, d->embedding)))
        return PB_OK;
    char *file = path_join(m->path, "config.json");
    pb_status status = json_read_file(&config, file, err);
    if (!status)
        status = json_get_object(config, "text_config", &text, file, err);
    if (!status)
        status = json_get_bool(text, "tie_word_embeddings", &tied, file, err);
    if (!status)
        status = json_get_bool(config, "tie_word_embeddings", &tied, file, err);
    if (!status && tied)
        status = fail(err, PB_EUNSUPPORTED,
                      "%s: \"tie_word_embeddings\" is true, but the weights hold a head of their own: a change "
                      "of it would be lost",
                      file);
    json_decref(config);
    free(file);
    return status;
}

static pb_status check_saving(const model *m, const char *folder, pb_error *err)
{
    if (checkpoint_metadata(m->weights)) {
        fail(err, PB_EUNSUPPORTED, "%s: a GGUF file's weights cannot be saved as a checkpoint", m->path);
        return fail_hint(err, "save the change as an adapter, or open the model that the file was made of");
    }
    TRY(model_check_output(m, folder, err));
    if (dir_exists(folder) && !dir_is_empty(folder))
        return fail(err, PB_EINVAL, "%s: is not empty, expected a new folder for the checkpoint", folder);
    return check_ties(m, err);
}

static pb_status save_files(const model *m, const file_set *set, const char *folder, pb_error *err)
{
    TRY(model_check_output(m, folder, err)); /* once more: ".." may have come to mean something */
    TRY(copy_others(m, set, err));
    TRY(save_weights(m, set, err));
    return interrupt_check(folder, err);
}

pb_status merged_save(const model *m, const char *folder, pb_error *err)
{
    file_set set;
    TRY(check_saving(m, folder, err));
    pb_status status = file_set_open(&set, folder, err);
    if (!status)
        status = file_set_close(&set, save_files(m, &set, folder, err), err);
    return status;
}
