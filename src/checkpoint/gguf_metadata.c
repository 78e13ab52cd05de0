/* gguf_metadata.c: the pairs of key and value in front of a GGUF file's tensors.
 *
 *     pair    text key, u32 kind, value
 *     text    u64 length, bytes
 *     value   a number; a text; or an array: u32 kind, u64 count, that many numbers or texts
 *
 * Opening walks over all of them once and keeps where each begins, sorted by key. Refused are keys that stand twice or
 * are empty, arrays of arrays (which llama.cpp refuses too), and booleans other than 0 and 1. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "checkpoint/gguf_read.h"

/* GGUF's numbers of the kinds of values. */
enum { KIND_U8, KIND_I8, KIND_U16, KIND_I16, KIND_U32, KIND_I32, KIND_F32, KIND_BOOL, KIND_TEXT, KIND_ARRAY, KIND_U64,
       KIND_I64, KIND_F64, KIND_COUNT };

typedef struct kind_row {
    const char *name; /* for errors */
    size_t bytes;     /* of one value; of a text or an array: the least */
} kind_row;

static const kind_row kinds[KIND_COUNT] = {
    [KIND_U8] = {"a u8", 1}, [KIND_I8] = {"an i8", 1}, [KIND_U16] = {"a u16", 2}, [KIND_I16] = {"an i16", 2},
    [KIND_U32] = {"a u32", 4}, [KIND_I32] = {"an i32", 4}, [KIND_F32] = {"an f32", 4},
    [KIND_U64] = {"a u64", 8}, [KIND_I64] = {"an i64", 8}, [KIND_F64] = {"an f64", 8},
    [KIND_BOOL] = {"a boolean", 1}, [KIND_TEXT] = {"a text", 8}, [KIND_ARRAY] = {"an array", 12},
};

enum { LEAST_PAIR = 8 + 1 + 4 + 1 }; /* bytes of a pair with a key of one letter */

struct gguf_metadata {
    const char *path;
    const unsigned char **pairs; /* [count] where each begins, sorted by key */
    size_t count;
};

/* ---- opening ---- */

/* "PATH: "KEY" ": what all errors about a pair begin with; a key of any length, cut where a message would be. */
#define KEY_FORMAT "%s: metadata \"%.*s\""
#define KEY_ARGUMENTS(path, key) path, (int)((key).size < 200 ? (key).size : 200), (key).data

static pb_status cut_off(const char *path, gguf_text key, const char *what, uint64_t wanted, size_t left, pb_error *err)
{
    return fail(err, PB_EFORMAT, KEY_FORMAT " holds %s of %llu, but only %zu bytes follow", KEY_ARGUMENTS(path, key),
                what, (unsigned long long)wanted, left);
}

static pb_status check_text(gguf_cursor *c, gguf_text key, const char *path, pb_error *err)
{
    gguf_text text;
    if (!gguf_take_text(c, &text))
        return cut_off(path, key, "a text with a length", text.size, c->left, err);
    return PB_OK;
}

static pb_status check_numbers(gguf_cursor *c, gguf_text key, uint32_t kind, uint64_t count, const char *path,
                               pb_error *err)
{
    size_t bytes;
    const unsigned char *data = NULL;
    if (size_mul((size_t)count, kinds[kind].bytes, &bytes))
        data = gguf_take(c, bytes);
    if (!data)
        return cut_off(path, key, "numbers with a count", count, c->left, err);
    for (size_t i = 0; kind == KIND_BOOL && i < bytes; i++)
        if (data[i] > 1)
            return fail(err, PB_EFORMAT, KEY_FORMAT " holds %d as a boolean, expected 0 or 1", KEY_ARGUMENTS(path, key),
                        data[i]);
    return PB_OK;
}

static pb_status check_array(gguf_cursor *c, gguf_text key, const char *path, pb_error *err)
{
    uint32_t kind;
    uint64_t count;
    if (!gguf_take_u32(c, &kind) || !gguf_take_u64(c, &count))
        return fail(err, PB_EFORMAT, KEY_FORMAT ": the file ends inside its array", KEY_ARGUMENTS(path, key));
    if (kind >= KIND_COUNT || kind == KIND_ARRAY)
        return fail(err, PB_EFORMAT, KEY_FORMAT " is an array of kind %u, expected numbers, booleans or texts",
                    KEY_ARGUMENTS(path, key), kind);
    if (count > c->left / kinds[kind].bytes)
        return cut_off(path, key, "an array with a count", count, c->left, err);
    if (kind != KIND_TEXT)
        return check_numbers(c, key, kind, count, path, err);
    for (uint64_t i = 0; i < count; i++)
        TRY(check_text(c, key, path, err));
    return PB_OK;
}

static pb_status check_pair(gguf_cursor *c, uint64_t number, const char *path, pb_error *err)
{
    gguf_text key;
    uint32_t kind;
    if (!gguf_take_text(c, &key))
        return fail(err, PB_EFORMAT, "%s: metadata pair %llu: its key has the length %zu, but only %zu bytes follow",
                    path, (unsigned long long)number, key.size, c->left);
    if (key.size == 0 || memchr(key.data, '\0', key.size))
        return fail(err, PB_EFORMAT, "%s: metadata pair %llu: its key is empty or holds a NUL", path,
                    (unsigned long long)number);
    if (!gguf_take_u32(c, &kind))
        return fail(err, PB_EFORMAT, KEY_FORMAT ": the file ends before its value", KEY_ARGUMENTS(path, key));
    if (kind >= KIND_COUNT)
        return fail(err, PB_EFORMAT, KEY_FORMAT " is of kind %u, expected 0 to %d", KEY_ARGUMENTS(path, key), kind,
                    KIND_COUNT - 1);
    if (kind == KIND_TEXT)
        return check_text(c, key, path, err);
    if (kind == KIND_ARRAY)
        return check_array(c, key, path, err);
    return check_numbers(c, key, kind, 1, path, err);
}

static gguf_text key_of(const unsigned char *pair)
{
    uint64_t length;
    memcpy(&length, pair, sizeof length);
    return (gguf_text){(const char *)pair + sizeof length, (size_t)length};
}

static int compare(gguf_text a, gguf_text b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_key(const void *a, const void *b)
{
    return compare(key_of(*(const unsigned char *const *)a), key_of(*(const unsigned char *const *)b));
}

static pb_status read_pairs(gguf_metadata *m, gguf_cursor *c, uint64_t count, pb_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        m->pairs[m->count++] = c->at;
        TRY(check_pair(c, i, m->path, err));
    }
    qsort(m->pairs, m->count, sizeof *m->pairs, by_key);
    for (size_t i = 1; i < m->count; i++)
        if (by_key(&m->pairs[i - 1], &m->pairs[i]) == 0)
            return fail(err, PB_EFORMAT, KEY_FORMAT " stands there twice", KEY_ARGUMENTS(m->path, key_of(m->pairs[i])));
    return PB_OK;
}

pb_status gguf_metadata_read(gguf_metadata **out, gguf_cursor *c, uint64_t count, const char *path, pb_error *err)
{
    *out = NULL;
    if (count > c->left / LEAST_PAIR)
        return fail(err, PB_EFORMAT, "%s: claims %llu metadata pairs, but only %zu bytes follow", path,
                    (unsigned long long)count, c->left);
    gguf_metadata *m = mem_new(1, sizeof *m);
    m->path = path;
    m->pairs = mem_new((size_t)count, sizeof *m->pairs);
    pb_status status = read_pairs(m, c, count, err);
    if (status)
        gguf_metadata_free(m);
    else
        *out = m;
    return status;
}

void gguf_metadata_free(gguf_metadata *m)
{
    if (!m)
        return;
    free(m->pairs);
    free(m);
}

/* ---- look-up ---- */

typedef struct value {
    uint32_t kind;
    const unsigned char *data;
} value;

static bool find(const gguf_metadata *m, const char *key, value *found)
{
    gguf_text wanted = {key, strlen(key)};
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        gguf_text at = key_of(m->pairs[middle]);
        int order = compare(wanted, at);
        if (order == 0) {
            const unsigned char *kind = (const unsigned char *)at.data + at.size;
            memcpy(&found->kind, kind, sizeof found->kind);
            found->data = kind + sizeof found->kind;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

const char *gguf_path(const gguf_metadata *m)
{
    return m->path;
}

bool gguf_has(const gguf_metadata *m, const char *key)
{
    value found;
    return find(m, key, &found);
}

static pb_status wrong_kind(const gguf_metadata *m, const char *key, uint32_t kind, const char *wanted, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: metadata \"%s\" is %s, expected %s", m->path, key, kinds[kind].name, wanted);
}

/* A number of any kind, whole ones exactly up to 2^53. */
static double as_real(uint32_t kind, const unsigned char *data)
{
    union {
        uint64_t u64;
        int64_t i64;
        uint32_t u32;
        int32_t i32;
        uint16_t u16;
        int16_t i16;
        int8_t i8;
        float f32;
        double f64;
    } n = {0};
    memcpy(&n, data, kinds[kind].bytes);
    switch (kind) {
    case KIND_I8: return n.i8;
    case KIND_U16: return n.u16;
    case KIND_I16: return n.i16;
    case KIND_U32: return n.u32;
    case KIND_I32: return n.i32;
    case KIND_U64: return (double)n.u64;
    case KIND_I64: return (double)n.i64;
    case KIND_F32: return (double)n.f32;
    case KIND_F64: return n.f64;
    default: return *data; /* a u8 or a boolean */
    }
}

static bool is_number(uint32_t kind)
{
    return kind != KIND_TEXT && kind != KIND_ARRAY && kind != KIND_BOOL;
}

static bool is_whole(uint32_t kind)
{
    return is_number(kind) && kind != KIND_F32 && kind != KIND_F64;
}

pb_status gguf_get_size(const gguf_metadata *m, const char *key, size_t *value_out, pb_error *err)
{
    value found;
    if (!find(m, key, &found))
        return PB_OK;
    if (!is_whole(found.kind))
        return wrong_kind(m, key, found.kind, "a whole number", err);
    double number = as_real(found.kind, found.data);
    if (!(number >= 0 && number <= 9007199254740992.0))
        return fail(err, PB_EFORMAT, "%s: metadata \"%s\" is %g, expected a whole number from 0 to 2^53", m->path, key,
                    number);
    *value_out = (size_t)number;
    return PB_OK;
}

pb_status gguf_get_real(const gguf_metadata *m, const char *key, double *value_out, pb_error *err)
{
    value found;
    if (!find(m, key, &found))
        return PB_OK;
    if (!is_number(found.kind))
        return wrong_kind(m, key, found.kind, "a number", err);
    double number = as_real(found.kind, found.data);
    if (!isfinite(number))
        return fail(err, PB_EFORMAT, "%s: metadata \"%s\" is %g, expected a finite number", m->path, key, number);
    *value_out = number;
    return PB_OK;
}

pb_status gguf_get_bool(const gguf_metadata *m, const char *key, bool *value_out, pb_error *err)
{
    value found;
    if (!find(m, key, &found))
        return PB_OK;
    if (found.kind != KIND_BOOL)
        return wrong_kind(m, key, found.kind, "a boolean", err);
    *value_out = *found.data;
    return PB_OK;
}

/* The text at `at`, which was checked; returns where it ends. */
static const unsigned char *text_at(const unsigned char *at, gguf_text *text)
{
    *text = key_of(at);
    return (const unsigned char *)text->data + text->size;
}

pb_status gguf_get_text(const gguf_metadata *m, const char *key, gguf_text *value_out, pb_error *err)
{
    value found;
    if (!find(m, key, &found))
        return PB_OK;
    if (found.kind != KIND_TEXT)
        return wrong_kind(m, key, found.kind, "a text", err);
    text_at(found.data, value_out);
    return PB_OK;
}

/* The array at key, empty when there is none. */
static pb_status get_array(const gguf_metadata *m, const char *key, bool texts, gguf_array *array, pb_error *err)
{
    value found;
    uint64_t count;
    const char *wanted = texts ? "an array of texts" : "an array of numbers";
    *array = (gguf_array){0};
    if (!find(m, key, &found))
        return PB_OK;
    if (found.kind != KIND_ARRAY)
        return wrong_kind(m, key, found.kind, wanted, err);
    memcpy(&array->kind, found.data, sizeof array->kind);
    memcpy(&count, found.data + sizeof array->kind, sizeof count);
    array->count = array->left = (size_t)count;
    array->data = found.data + sizeof array->kind + sizeof count;
    if ((array->kind == KIND_TEXT) != texts) {
        pb_status status = fail(err, PB_EFORMAT,
                                "%s: metadata \"%s\" is an array whose elements are each %s, expected %s", m->path, key,
                                kinds[array->kind].name, wanted);
        *array = (gguf_array){0};
        return status;
    }
    return PB_OK;
}

pb_status gguf_get_texts(const gguf_metadata *m, const char *key, gguf_array *array, pb_error *err)
{
    return get_array(m, key, true, array, err);
}

pb_status gguf_get_numbers(const gguf_metadata *m, const char *key, gguf_array *array, pb_error *err)
{
    return get_array(m, key, false, array, err);
}

bool gguf_next_text(gguf_array *array, gguf_text *text)
{
    if (array->left == 0)
        return false;
    array->data = text_at(array->data, text);
    array->left--;
    return true;
}

double gguf_number(const gguf_array *array, size_t i)
{
    return as_real(array->kind, array->data + i * kinds[array->kind].bytes);
}

bool gguf_text_is(gguf_text text, const char *wanted)
{
    return text.size == strlen(wanted) && (text.size == 0 || memcmp(text.data, wanted, text.size) == 0);
}
