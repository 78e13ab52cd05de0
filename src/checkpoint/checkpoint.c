/* checkpoint.c: which files a model's weights lie in, and one table of names over all of them.
 *
 * A folder's weights are looked for in Hugging Face's order: model.safetensors, the shards that its index names,
 * pytorch_model.bin, the shards that its index names; the first that is there is all that counts.
 * Shards must lie in the folder or below it (links out of it are fine: Hugging Face's cache is made of them), hold
 * every tensor that the index promises, and share no name. Tensors of a shard that the index leaves out are listed
 * too, as Hugging Face loads them. */
#include "checkpoint/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "checkpoint/tensor_file.h"

typedef pb_status file_opener(tensor_file *out, const char *path, pb_error *err);

/* What a folder may hold, in the order in which it is looked for. */
static const struct source {
    const char *name;
    bool is_index;
    file_opener *open; /* the file, or each shard */
} sources[] = {
    {"model.safetensors", false, safetensors_open},
    {"model.safetensors.index.json", true, safetensors_open},
    {"pytorch_model.bin", false, torch_file_open},
    {"pytorch_model.bin.index.json", true, torch_file_open},
};

/* A tensor under another name; allocated by itself, so that pointers to it stay good. */
typedef struct added_tensor {
    tensor t;
    tensor_layout layout;
    char name[];
} added_tensor;

struct checkpoint {
    char *source; /* the file, or the index, that speaks for all: named when a tensor is missing */
    tensor_file *parts;
    checkpoint_file *files; /* [part_count], the same, as callers see them */
    size_t part_count;
    tensor *tensors; /* [tensor_count] of all parts */
    size_t tensor_count;
    added_tensor **added; /* [added_count] */
    size_t added_count;
    const tensor **slots; /* open addressing; slot_count is a power of two, over half empty */
    size_t slot_count;
};

/* ---- names ---- */

static size_t hash(const char *name) /* FNV-1a */
{
    uint64_t h = 14695981039346656037u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* The slot that holds name, or the empty one where it belongs. */
static const tensor **slot_of(const checkpoint *c, const char *name)
{
    size_t i = hash(name) & (c->slot_count - 1);
    while (c->slots[i] && strcmp(c->slots[i]->name, name) != 0)
        i = (i + 1) & (c->slot_count - 1);
    return &c->slots[i];
}

/* Makes room for `count` names in all. */
static void reserve_slots(checkpoint *c, size_t count)
{
    const tensor **old = c->slots;
    size_t old_count = c->slot_count;
    if (2 * count <= c->slot_count)
        return;
    for (c->slot_count = 16; c->slot_count < 2 * count; c->slot_count *= 2)
        ;
    c->slots = mem_new(c->slot_count, sizeof *c->slots);
    for (size_t i = 0; i < old_count; i++)
        if (old[i])
            *slot_of(c, old[i]->name) = old[i];
    free(old);
}

/* Takes the tensors of all parts into one array; they are many in a hostile file, so no part keeps its own. */
static void gather_tensors(checkpoint *c)
{
    for (size_t p = 0; p < c->part_count; p++) {
        tensor_file *part = &c->parts[p];
        if (c->part_count == 1) {
            c->tensors = part->tensors;
        } else {
            c->tensors = mem_resize(c->tensors, c->tensor_count + part->count, sizeof *c->tensors);
            if (part->count)
                memcpy(c->tensors + c->tensor_count, part->tensors, part->count * sizeof *c->tensors);
            free(part->tensors);
        }
        c->tensor_count += part->count;
        part->tensors = NULL;
        part->count = 0;
    }
}

/* Makes the table of the tensors of all parts. */
static pb_status build_table(checkpoint *c, pb_error *err)
{
    gather_tensors(c);
    reserve_slots(c, c->tensor_count + 1);
    for (size_t i = 0; i < c->tensor_count; i++) {
        const tensor *t = &c->tensors[i], **slot = slot_of(c, t->name);
        if (*slot && (*slot)->file == t->file)
            return fail(err, PB_EFORMAT, "%s: holds tensor %s twice", t->file, t->name);
        if (*slot)
            return fail(err, PB_EFORMAT, "%s: tensor %s is already in %s, expected each name in one shard", t->file,
                        t->name, path_base((*slot)->file));
        *slot = t;
    }
    return PB_OK;
}

pb_status checkpoint_add(checkpoint *c, const char *name, const tensor *t, const tensor_layout *layout, pb_error *err)
{
    reserve_slots(c, c->tensor_count + c->added_count + 1);
    const tensor **slot = slot_of(c, name);
    if (*slot)
        return fail(err, PB_EFORMAT, "%s: tensor %s would be %s too, which is there already", t->file, t->name, name);
    size_t length = strlen(name);
    added_tensor *added = mem_new(1, sizeof *added + length + 1);
    memcpy(added->name, name, length);
    added->t = *t;
    added->t.name = added->name;
    if (layout) {
        added->layout = *layout;
        added->t.layout = &added->layout;
    }
    c->added = mem_resize(c->added, c->added_count + 1, sizeof *c->added);
    c->added[c->added_count++] = added;
    *slot = &added->t;
    return PB_OK;
}

/* ---- files ---- */

static pb_status add_part(checkpoint *c, file_opener *open, const char *path, pb_error *err)
{
    c->parts = mem_resize(c->parts, c->part_count + 1, sizeof *c->parts);
    TRY(open(&c->parts[c->part_count], path, err));
    c->part_count++;
    return PB_OK;
}

/* A relative path without "..": what an index may name. */
static bool stays_inside(const char *name)
{
    if (*name == '/' || *name == '\0')
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static bool has_part(const checkpoint *c, const char *path)
{
    for (size_t p = c->part_count; p-- > 0;)
        if (strcmp(c->parts[p].path, path) == 0)
            return true;
    return false;
}

/* Opens the shard that the index names for `key`, unless it is open already. */
static pb_status add_shard(checkpoint *c, file_opener *open, const char *directory, const char *key,
                           const json_t *value, pb_error *err)
{
    if (!json_is_string(value))
        return fail(err, PB_EFORMAT, "%s: \"weight_map\": \"%s\" is %s, expected a shard's file name", c->source, key,
                    json_kind(value));
    const char *name = json_string_value(value);
    if (strlen(name) != json_string_length(value) || !stays_inside(name))
        return fail(err, PB_EFORMAT, "%s: \"weight_map\": \"%s\" names the shard \"%s\", expected a file inside the "
                    "folder", c->source, key, name);
    char *path = path_join(directory, name);
    pb_status status = PB_OK;
    if (!has_part(c, path)) {
        if (!file_exists(path)) {
            status = fail(err, PB_EIO, "%s: the shard %s is missing, which %s names for tensor %s", directory, name,
                          path_base(c->source), key);
            fail_hint(err, "download the model again, all of its files");
        } else {
            status = add_part(c, open, path, err);
        }
    }
    free(path);
    return status;
}

/* The tensor `key` lies in the shard `name`, as the index says. */
static pb_status check_promise(const checkpoint *c, const char *directory, const char *key, const char *name,
                               pb_error *err)
{
    const tensor *t = checkpoint_find(c, key);
    char *path = path_join(directory, name);
    bool kept = t && strcmp(t->file, path) == 0;
    free(path);
    if (kept)
        return PB_OK;
    return fail(err, PB_EFORMAT, "%s: tensor %s should be in %s, but is in %s", c->source, key, name,
                t ? path_base(t->file) : "none of the shards");
}

static pb_status open_shards(checkpoint *c, file_opener *open, const char *directory, json_t *map, pb_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value)
        TRY(add_shard(c, open, directory, key, value, err));
    TRY(build_table(c, err));
    json_object_foreach(map, key, value)
        TRY(check_promise(c, directory, key, json_string_value(value), err));
    return PB_OK;
}

static pb_status open_index(checkpoint *c, file_opener *open, const char *directory, pb_error *err)
{
    json_t *index = NULL, *map = NULL;
    TRY(json_read_file(&index, c->source, err));
    pb_status status = json_get_object(index, "weight_map", &map, c->source, err);
    if (!status && !map)
        status = fail(err, PB_EFORMAT, "%s: \"weight_map\" is missing, expected an object", c->source);
    if (!status)
        status = open_shards(c, open, directory, map, err);
    json_decref(index);
    return status;
}

/* ---- GGUF ---- */

static bool begins_with(const char *path, const char *magic)
{
    char found[4] = {0};
    size_t n = strlen(magic);
    FILE *f = file_exists(path) ? fopen(path, "rb") : NULL;
    if (!f)
        return false;
    bool is = fread(found, 1, n, f) == n && memcmp(found, magic, n) == 0;
    fclose(f);
    return is;
}

bool checkpoint_is_gguf(const char *path)
{
    return begins_with(path, "GGUF");
}

/* The other parts of "NAME-00001-of-0000N.gguf", which lie beside it under that name with another first number. */
static pb_status add_other_parts(checkpoint *c, size_t count, pb_error *err)
{
    buffer ending = {0};
    buffer_printf(&ending, "-00001-of-%05zu.gguf", count);
    size_t length = strlen(c->source), stem = length > ending.size ? length - ending.size : 0;
    bool named = stem && strcmp(c->source + stem, ending.data) == 0;
    pb_status status = PB_OK;
    if (!named)
        status = fail(err, PB_EFORMAT, "%s: says that it is the first of %zu files, expected a name that ends in %s",
                      c->source, count, ending.data);
    for (size_t i = 2; !status && i <= count; i++) {
        buffer path = {0};
        buffer_add(&path, c->source, stem);
        buffer_printf(&path, "-%05zu-of-%05zu.gguf", i, count);
        status = add_part(c, gguf_open, path.data, err);
        buffer_free(&path);
    }
    buffer_free(&ending);
    return status;
}

static pb_status open_gguf(checkpoint *c, pb_error *err)
{
    enum { MOST_PARTS = 99999 };
    size_t number = 0, count = 1;
    TRY(add_part(c, gguf_open, c->source, err));
    const gguf_metadata *m = c->parts[0].metadata;
    TRY(gguf_get_size(m, "split.no", &number, err));
    TRY(gguf_get_size(m, "split.count", &count, err));
    if (number != 0 || count > MOST_PARTS)
        return fail(err, PB_EFORMAT, "%s: says that it is number %zu (from 0) of %zu files, expected the first",
                    c->source, number, count);
    if (count > 1)
        TRY(add_other_parts(c, count, err));
    return build_table(c, err);
}

/* ---- what a path names ---- */

static pb_status no_weights(const char *directory, pb_error *err)
{
    if (!dir_exists(directory))
        return fail(err, PB_EIO, "%s: is no folder, expected one with %s", directory, sources[0].name);
    return fail(err, PB_EIO, "%s: has no weights, expected %s, %s, or shards with %s or %s", directory, sources[0].name,
                sources[2].name, sources[1].name, sources[3].name);
}

static pb_status open_source(checkpoint *c, const char *path, pb_error *err)
{
    if (checkpoint_is_gguf(path)) {
        c->source = mem_text(path);
        return open_gguf(c, err);
    }
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct source *s = &sources[i];
        c->source = path_join(path, s->name);
        if (file_exists(c->source) && s->is_index)
            return open_index(c, s->open, path, err);
        if (file_exists(c->source)) {
            TRY(add_part(c, s->open, c->source, err));
            return build_table(c, err);
        }
        free(c->source);
        c->source = NULL;
    }
    return no_weights(path, err);
}

static pb_status open_alone(checkpoint *c, const char *path, pb_error *err)
{
    c->source = mem_text(path);
    TRY(add_part(c, begins_with(path, "PK") ? torch_file_open : safetensors_open, path, err));
    return build_table(c, err);
}

static pb_status open_with(checkpoint **out, pb_status (*open)(checkpoint *, const char *, pb_error *),
                           const char *path, pb_error *err)
{
    checkpoint *c = mem_new(1, sizeof *c);
    *out = NULL;
    pb_status status = open(c, path, err);
    if (status) {
        checkpoint_free(c);
        return status;
    }
    c->files = mem_new(c->part_count, sizeof *c->files);
    for (size_t p = 0; p < c->part_count; p++)
        c->files[p] =
            (checkpoint_file){c->parts[p].path, c->parts[p].format, c->parts[p].map.size, c->parts[p].map.data};
    *out = c;
    return PB_OK;
}

pb_status checkpoint_open(checkpoint **out, const char *path, pb_error *err)
{
    return open_with(out, open_source, path, err);
}

pb_status checkpoint_open_file(checkpoint **out, const char *path, pb_error *err)
{
    return open_with(out, open_alone, path, err);
}

void checkpoint_free(checkpoint *c)
{
    if (!c)
        return;
    for (size_t p = 0; p < c->part_count; p++)
        tensor_file_close(&c->parts[p]);
    for (size_t i = 0; i < c->added_count; i++)
        free(c->added[i]);
    free(c->added);
    free(c->parts);
    free(c->files);
    free(c->tensors);
    free(c->slots);
    free(c->source);
    free(c);
}

/* ---- files that change, and files that are slow ---- */

pb_status checkpoint_check(const checkpoint *c, pb_error *err)
{
    for (size_t p = 0; p < c->part_count; p++)
        TRY(file_map_check(&c->parts[p].map, err));
    return PB_OK;
}

pb_status tensor_check(const tensor *t, pb_error *err)
{
    return file_map_check_at(t->data, err);
}

size_t tensor_bytes(const tensor *t)
{
    const dtype_block *b = dtype_find(t->type);
    size_t last = t->count ? t->count - 1 : 0;
    if (t->layout)
        for (size_t d = last = 0; d < t->layout->rank; d++)
            last += (t->layout->shape[d] ? t->layout->shape[d] - 1 : 0) * t->layout->stride[d];
    return b ? (last / b->elements + 1) * b->bytes : 0;
}

void tensor_ahead(const tensor *t)
{
    file_map_ahead(t->data, tensor_bytes(t));
}

void tensor_leave(const tensor *t)
{
    file_map_leave(t->data, tensor_bytes(t));
}

/* ---- look-up ---- */

size_t checkpoint_files(const checkpoint *c, const checkpoint_file **files)
{
    *files = c->files;
    return c->part_count;
}

size_t checkpoint_tensors(const checkpoint *c, const tensor **tensors)
{
    *tensors = c->tensors;
    return c->tensor_count;
}

const gguf_metadata *checkpoint_metadata(const checkpoint *c)
{
    return c->part_count ? c->parts[0].metadata : NULL;
}

const tensor *checkpoint_find(const checkpoint *c, const char *name)
{
    return *slot_of(c, name);
}

/* "[32000, 4096]" */
static void shape_text(buffer *b, size_t rank, const size_t *shape)
{
    buffer_text(b, "[");
    for (size_t i = 0; i < rank && i < TENSOR_MAX_RANK; i++)
        buffer_printf(b, i ? ", %zu" : "%zu", shape[i]);
    buffer_text(b, rank > TENSOR_MAX_RANK ? ", ...]" : "]");
}

static pb_status wrong_shape(const tensor *t, size_t rank, const size_t *shape, pb_error *err)
{
    buffer found = {0}, wanted = {0};
    shape_text(&found, t->rank, t->shape);
    shape_text(&wanted, rank, shape);
    pb_status status = fail(err, PB_EFORMAT, "%s: tensor %s has the shape %s, expected %s", t->file, t->name,
                            found.data, wanted.data);
    buffer_free(&found);
    buffer_free(&wanted);
    return status;
}

static pb_status wrong_dtype(const tensor *t, pb_error *err)
{
    buffer known = {0};
    for (dtype type = 0; type < DTYPE_OTHER; type++)
        buffer_printf(&known, type == 0 ? "%s" : type + 1 < DTYPE_OTHER ? ", %s" : " or %s", dtype_find(type)->name);
    pb_status status = fail(err, PB_EUNSUPPORTED, "%s: tensor %s has the dtype %s, expected %s", t->file, t->name,
                            t->type_name, known.data);
    buffer_free(&known);
    return status;
}

pb_status checkpoint_get(const checkpoint *c, const char *name, size_t rank, const size_t *shape, const tensor **out,
                         pb_error *err)
{
    const tensor *t = checkpoint_find(c, name);
    *out = NULL;
    if (!t)
        return fail(err, PB_EFORMAT, "%s: tensor %s is missing", c->source, name);
    if (t->rank != rank || (rank && memcmp(t->shape, shape, rank * sizeof *shape) != 0))
        return wrong_shape(t, rank, shape, err);
    if (t->type == DTYPE_OTHER)
        return wrong_dtype(t, err);
    *out = t;
    return PB_OK;
}

pb_status tensor_not_finite(const tensor *t, pb_error *err)
{
    enum { PIECE = 4096 };
    float values[PIECE];
    for (size_t i = 0; i < t->count; i += PIECE) {
        size_t n = t->count - i < PIECE ? t->count - i : PIECE, k = 0;
        if (tensor_read(t, i, n, values))
            continue;
        while (k + 1 < n && isfinite(values[k]))
            k++;
        return fail(err, PB_EFORMAT, "%s: tensor %s holds %g at element %zu, expected finite numbers", t->file, t->name,
                    (double)values[k], i + k);
    }
    return fail(err, PB_EFORMAT, "%s: tensor %s holds a number that is not finite", t->file, t->name);
}
