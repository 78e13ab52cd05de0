/* vocab.c: see vocab.h. */
#include "text/vocab.h"

#include <math.h>
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
        *bytes += strlen(text) + 1;
    }
    return PB_OK;
}

static pb_status enter(vocab *v, const char *text, size_t id, char *copy, const char *file, const char *field,
                       pb_error *err)
{
    size_t size = strlen(text);
    vocab_entry *entry = &v->entries[id];
    if (entry->text)
        return fail(err, PB_EFORMAT, "%s: %s: \"%.100s\" and \"%.100s\" both have the id %zu", file, field,
                    entry->text, text, id);
    memcpy(copy, text, size + 1);
    *slot_of(v, text, size) = (uint32_t)id + 1;
    *entry = (vocab_entry){copy, (uint32_t)size};
    v->count++;
    return PB_OK;
}

pb_status vocab_read(vocab *v, json_t *object, const char *file, const char *field, pb_error *err)
{
    size_t bytes, at = 0;
    const char *text;
    json_t *value;
    *v = (vocab){0};
    TRY(measure(object, file, field, &v->limit, &bytes, err));
    for (v->slot_count = 16; v->slot_count < 2 * json_object_size(object);)
        v->slot_count *= 2;
    v->entries = mem_new(v->limit, sizeof *v->entries);
    v->slots = mem_new(v->slot_count, sizeof *v->slots);
    v->texts = mem_new(bytes, 1);
    json_object_foreach(object, text, value) {
        pb_status status = enter(v, text, (size_t)json_number_value(value), v->texts + at, file, field, err);
        if (status) {
            vocab_free(v);
            return status;
        }
        at += strlen(text) + 1;
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
