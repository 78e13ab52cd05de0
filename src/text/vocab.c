/* vocab.c: see vocab.h. */
#include "text/vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

size_t text_hash(const char *text, size_t size)
{
    uint64_t h = 0xCBF29CE484222325; /* FNV-1a, then mixed, since only the low bits are used */
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001B3;
    return (size_t)(h ^ h >> 29);
}

/* The slot of text[size], or the empty one where it belongs. */
static uint32_t *slot_of(const vocab *v, const char *text, size_t size)
{
    size_t mask = v->slot_count - 1;
    for (size_t i = text_hash(text, size) & mask;; i = (i + 1) & mask) {
        if (!v->slots[i])
            return &v->slots[i];
        const vocab_entry *entry = &v->entries[v->slots[i] - 1];
        if (entry->size == size && memcmp(entry->text, text, size) == 0)
            return &v->slots[i];
    }
}

/* Checks every id and finds what the tables must hold: largest id + 1, all texts' bytes. */
static pb_status measure(json_t *object, const char *file, const char *field, size_t *limit, size_t *bytes,
                         pb_error *err)
{
    const char *text;
    json_t *value;
    *limit = *bytes = 0;
    json_object_foreach(object, text, value) {
        if (!json_is_number(value))
            return fail(err, PB_EFORMAT, "%s: %s: the id of \"%.100s\" is %s, expected a number", file, field, text,
                        json_kind(value));
        double id = json_number_value(value);
        if (!(id >= 0 && id < VOCAB_LIMIT && floor(id) == id))
            return fail(err, PB_EFORMAT, "%s: %s: the id of \"%.100s\" is %.15g, expected a whole number below %d",
                        file, field, text, id, VOCAB_LIMIT);
        if ((size_t)id + 1 > *limit)
            *limit = (size_t)id + 1;
        *bytes += strlen(text);
    }
    return PB_OK;
}

void vocab_begin(vocab *v, size_t limit, size_t count, size_t bytes)
{
    *v = (vocab){.limit = limit};
    for (v->slot_count = 16; v->slot_count < 2 * count;)
        v->slot_count *= 2;
    v->entries = mem_new(limit, sizeof *v->entries);
    v->slots = mem_new(v->slot_count, sizeof *v->slots);
    v->texts = mem_new(bytes + count, 1);
}

pb_status vocab_enter(vocab *v, const char *text, size_t size, size_t id, const char *file, const char *field,
                      pb_error *err)
{
    vocab_entry *entry = &v->entries[id];
    uint32_t *slot = slot_of(v, text, size);
    int cut = size > 100 ? 100 : (int)size;
    if (entry->text)
        return fail(err, PB_EFORMAT, "%s: %s: \"%.100s\" and \"%.*s\" both have the id %zu", file, field, entry->text,
                    cut, text, id);
    if (*slot)
        return fail(err, PB_EFORMAT, "%s: %s: \"%.*s\" stands twice, with the ids %u and %zu", file, field, cut, text,
                    *slot - 1, id);
    char *copy = v->texts + v->text_size;
    memcpy(copy, text, size);
    v->text_size += size + 1;
    *slot = (uint32_t)id + 1;
    *entry = (vocab_entry){copy, (uint32_t)size};
    v->count++;
    return PB_OK;
}

pb_status vocab_read(vocab *v, json_t *object, const char *file, const char *field, pb_error *err)
{
    size_t limit, bytes;
    const char *text;
    json_t *value;
    *v = (vocab){0};
    TRY(measure(object, file, field, &limit, &bytes, err));
    vocab_begin(v, limit, json_object_size(object), bytes);
    json_object_foreach(object, text, value) {
        pb_status status = vocab_enter(v, text, strlen(text), (size_t)json_number_value(value), file, field, err);
        if (status) {
            vocab_free(v);
            return status;
        }
    }
    return PB_OK;
}

void vocab_free(vocab *v)
{
    free(v->entries);
    free(v->slots);
    free(v->texts);
    *v = (vocab){0};
}

int32_t vocab_find(const vocab *v, const char *text, size_t size)
{
    return v->slot_count ? (int32_t)*slot_of(v, text, size) - 1 : -1;
}

vocab_entry vocab_text(const vocab *v, int32_t id)
{
    return id >= 0 && (size_t)id < v->limit ? v->entries[id] : (vocab_entry){NULL, 0};
}

int32_t vocab_byte(const vocab *v, unsigned char byte)
{
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    return vocab_find(v, name, 6);
}
