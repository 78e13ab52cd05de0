/* safetensors_write.c: see safetensors_write.h. safetensors.c has the format. */
#include "checkpoint/safetensors_write.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/memory.h"

enum { LONGEST_HEADER = 100000000 }; /* the library's own limit, and safetensors.c's */

/* *bytes = what the tensor takes. */
static pb_status measure(const safetensors_entry *e, const char *path, size_t *bytes, pb_error *err)
{
    size_t bits = safetensors_bits(e->type_name);
    bool sound = bits > 0;
    for (size_t i = 0; i < e->rank; i++)
        sound = sound && size_mul(bits, e->shape[i], &bits);
    if (!sound || bits % 8)
        return fail(err, PB_EUNSUPPORTED, "%s: tensor %s of dtype %s cannot be written as safetensors", path, e->name,
                    e->type_name);
    *bytes = bits / 8;
    return PB_OK;
}

/* "name":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]} */
static void add_entry(buffer *header, const safetensors_entry *e, size_t begin, size_t end)
{
    json_t *name = json_string(e->name);
    char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;
    buffer_printf(header, ",%s:{\"dtype\":\"%s\",\"shape\":[", quoted ? quoted : "\"\"", e->type_name);
    for (size_t i = 0; i < e->rank; i++)
        buffer_printf(header, i ? ",%zu" : "%zu", e->shape[i]);
    buffer_printf(header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
    free(quoted);
    json_decref(name);
}

static pb_status make_header(buffer *header, const char *path, const safetensors_entry *entries, size_t count,
                             size_t *total, pb_error *err)
{
    *total = 0;
    buffer_text(header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; i++) {
        size_t bytes, begin = *total;
        TRY(measure(&entries[i], path, &bytes, err));
        if (__builtin_add_overflow(begin, bytes, total))
            return fail(err, PB_EUNSUPPORTED, "%s: the tensors take more than 64 bits can count", path);
        add_entry(header, &entries[i], begin, *total);
    }
    buffer_text(header, "}");
    while (header->size % 8)
        buffer_text(header, " ");
    if (header->size > LONGEST_HEADER)
        return fail(err, PB_EUNSUPPORTED, "%s: %zu tensors are more than a safetensors file can name", path, count);
    return PB_OK;
}

pb_status safetensors_open_writer(safetensors_writer *w, const char *path, const safetensors_entry *entries,
                                  size_t count, pb_error *err)
{
    buffer header = {0};
    *w = (safetensors_writer){0};
    pb_status status = make_header(&header, path, entries, count, &w->left, err);
    if (!status)
        status = file_writer_open(&w->file, path, err);
    if (!status) {
        uint64_t length = header.size;
        file_write(&w->file, &length, sizeof length);
        file_write(&w->file, header.data, header.size);
    }
    buffer_free(&header);
    return status;
}

void safetensors_write(safetensors_writer *w, const void *bytes, size_t n)
{
    file_write(&w->file, bytes, n);
    w->left -= n; /* a wrong sum shows at the commit, also one below 0 */
}

pb_status safetensors_commit(safetensors_writer *w, pb_error *err)
{
    if (w->left == 0)
        return file_writer_commit(&w->file, err);
    pb_status status = fail(err, PB_EINVAL, "%s: the tensors' bytes are %zd fewer than their shapes ask for",
                            w->file.path, (ssize_t)w->left);
    safetensors_abandon(w);
    return status;
}

void safetensors_abandon(safetensors_writer *w)
{
    file_writer_abandon(&w->file);
}
