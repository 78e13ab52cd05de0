/* bpe.c: see bpe.h. */
#include "text/bpe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "text/unicode.h"

/* A pair of ids that may be joined, in a hash table. */
typedef struct merge {
    uint64_t pair; /* left << 32 | right */
    uint32_t rank; /* its place in the list: lower ones come first */
    int32_t id;    /* of the joined token; -1: an empty slot */
} merge;

struct bpe {
    char *file;
    vocab vocab;
    merge *merges; /* merges[merge_slots], hashed by pair */
    size_t merge_slots;
    uint32_t merge_count;
    const char *merge_field; /* what the file calls them, for errors */
    buffer joined;           /* the text of the merge just read */
    char *unknown; /* NULL: unknown characters vanish */
    int32_t bytes[256]; /* ids of "<0x00>" to "<0xFF>", -1 where there is none */
    bool fuse_unknown, byte_fallback, ignore_merges;
};

void bpe_free(bpe *b)
{
    if (!b)
        return;
    vocab_free(&b->vocab);
    free(b->merges);
    buffer_free(&b->joined);
    free(b->unknown);
    free(b->file);
    free(b);
}

const vocab *bpe_vocab(const bpe *b)
{
    return &b->vocab;
}

bool bpe_has_byte_fallback(const bpe *b)
{
    return b->byte_fallback;
}

/* ---- merges ---- */
static merge *merge_slot(const bpe *b, uint64_t pair)
{
    size_t mask = b->merge_slots - 1;
    size_t i = (size_t)((pair * 0x9E3779B97F4A7C15) >> 32) & mask;
    while (b->merges[i].id >= 0 && b->merges[i].pair != pair)
        i = (i + 1) & mask;
    return &b->merges[i];
}

typedef struct slice {
    const char *bytes;
    size_t size;
} slice;

static slice slice_of(const json_t *string)
{
    return (slice){json_string_value(string), json_string_length(string)};
}

/* "left right", the old form; it has exactly one space. */
static bool split_at_space(slice line, slice *left, slice *right)
{
    const char *space = memchr(line.bytes, ' ', line.size);
    if (!space)
        return false;
    *left = (slice){line.bytes, (size_t)(space - line.bytes)};
    *right = (slice){space + 1, line.size - left->size - 1};
    return !memchr(right->bytes, ' ', right->size);
}

static pb_status find_token(const bpe *b, slice t, size_t line, int32_t *id, pb_error *err)
{
    *id = vocab_find(&b->vocab, t.bytes, t.size);
    if (*id < 0)
        return fail(err, PB_EFORMAT, "%s: %s[%zu]: \"%.*s\" is not in the vocabulary", b->file, b->merge_field, line,
                    t.size > 100 ? 100 : (int)t.size, t.bytes);
    return PB_OK;
}

static pb_status add_merge(bpe *b, slice left, slice right, size_t line, pb_error *err)
{
    int32_t left_id, right_id, id;
    TRY(find_token(b, left, line, &left_id, err));
    TRY(find_token(b, right, line, &right_id, err));
    b->joined.size = 0;
    buffer_add(&b->joined, left.bytes, left.size);
    buffer_add(&b->joined, right.bytes, right.size);
    TRY(find_token(b, (slice){b->joined.data, b->joined.size}, line, &id, err));
    uint64_t pair = (uint64_t)(uint32_t)left_id << 32 | (uint32_t)right_id;
    *merge_slot(b, pair) = (merge){pair, b->merge_count++, id}; /* of two alike the later one counts */
    return PB_OK;
}

static void begin_merges(bpe *b, const char *field, size_t count)
{
    b->merge_field = field;
    for (b->merge_slots = 16; b->merge_slots < 2 * count;)
        b->merge_slots *= 2;
    b->merges = mem_new(b->merge_slots, sizeof *b->merges);
    for (size_t i = 0; i < b->merge_slots; i++)
        b->merges[i].id = -1;
}

pb_status bpe_add_merge(bpe *b, const char *text, size_t size, size_t line, pb_error *err)
{
    slice left, right;
    if (!split_at_space((slice){text, size}, &left, &right))
        return fail(err, PB_EFORMAT, "%s: %s[%zu]: \"%.*s\" is not two tokens with one space between", b->file,
                    b->merge_field, line, size > 100 ? 100 : (int)size, text);
    return add_merge(b, left, right, line, err);
}

/* One element of "merges", of the form that the first one has. */
static pb_status read_merge(bpe *b, const json_t *element, size_t line, bool pairs, pb_error *err)
{
    if (pairs) {
        json_t *first = json_array_get(element, 0), *second = json_array_get(element, 1);
        if (json_array_size(element) != 2 || !json_is_string(first) || !json_is_string(second))
            return fail(err, PB_EFORMAT, "%s: %s[%zu] is not a pair of strings, as the first one is", b->file,
                        b->merge_field, line);
        return add_merge(b, slice_of(first), slice_of(second), line, err);
    }
    if (!json_is_string(element))
        return fail(err, PB_EFORMAT, "%s: %s[%zu] is %s, expected a string, as the first one is", b->file,
                    b->merge_field, line, json_kind(element));
    if (strncmp(json_string_value(element), "#version", 8) == 0)
        return PB_OK;
    return bpe_add_merge(b, json_string_value(element), json_string_length(element), line, err);
}

static pb_status read_merges(bpe *b, const json_t *list, pb_error *err)
{
    bool pairs = json_is_array(json_array_get(list, 0));
    begin_merges(b, "model.merges", json_array_size(list));
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(read_merge(b, json_array_get(list, i), i, pairs, err));
    return PB_OK;
}

/* ---- reading ---- */
/* Settings that change the model and that nothing here follows must be off. */
static pb_status check_settings(const json_t *model, const char *file, pb_error *err)
{
    double dropout = 0;
    TRY(json_get_real(model, "dropout", &dropout, file, err));
    if (dropout != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: model.dropout is %g: random merges are not supported", file, dropout);
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 2; i++) {
        const char *affix = "";
        TRY(json_get_text(model, affixes[i], &affix, file, err));
        if (*affix)
            return fail(err, PB_EUNSUPPORTED, "%s: model.%s is \"%.50s\": only empty ones are supported", file,
                        affixes[i], affix);
    }
    return PB_OK;
}

static pb_status read_fields(bpe *b, json_t *model, const char *file, pb_error *err)
{
    const char *type = "BPE", *unknown = NULL;
    json_t *words, *merges;
    TRY(json_get_text(model, "type", &type, file, err));
    if (strcmp(type, "BPE") != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: model.type is \"%.50s\": only BPE is supported", file, type);
    TRY(check_settings(model, file, err));
    TRY(json_get_text(model, "unk_token", &unknown, file, err));
    TRY(json_get_bool(model, "fuse_unk", &b->fuse_unknown, file, err));
    TRY(json_get_bool(model, "byte_fallback", &b->byte_fallback, file, err));
    TRY(json_get_bool(model, "ignore_merges", &b->ignore_merges, file, err));
    TRY(json_get_object(model, "vocab", &words, file, err));
    TRY(json_get_array(model, "merges", &merges, file, err));
    if (!words || !merges)
        return fail(err, PB_EFORMAT, "%s: model has no \"%s\"", file, words ? "merges" : "vocab");
    b->unknown = mem_text(unknown);
    TRY(vocab_read(&b->vocab, words, file, "model.vocab", err));
    return read_merges(b, merges, err);
}

static void find_bytes(bpe *b)
{
    for (unsigned i = 0; i < 256; i++)
        b->bytes[i] = vocab_byte(&b->vocab, (unsigned char)i);
}

pb_status bpe_read(bpe **out, json_t *model, const char *file, pb_error *err)
{
    bpe *b = mem_new(1, sizeof *b);
    b->file = mem_text(file);
    pb_status status = read_fields(b, model, file, err);
    if (status) {
        bpe_free(b);
        return status;
    }
    find_bytes(b);
    *out = b;
    return PB_OK;
}

bpe *bpe_new(vocab words, const char *merge_field, size_t merge_count, bool ignore_merges, const char *file)
{
    bpe *b = mem_new(1, sizeof *b);
    b->file = mem_text(file);
    b->vocab = words;
    b->ignore_merges = ignore_merges;
    begin_merges(b, merge_field, merge_count);
    find_bytes(b);
    return b;
}

/* ---- a word's symbols ---- */
/* The bytes' own tokens, when every byte has one. */
static bool add_bytes(const bpe *b, const char *character, size_t size, word *w)
{
    for (size_t i = 0; i < size; i++)
        if (b->bytes[(unsigned char)character[i]] < 0)
            return false;
    for (size_t i = 0; i < size; i++)
        word_add_symbol(w, b->bytes[(unsigned char)character[i]], 1);
    return true;
}

static pb_status unknown_id(const bpe *b, int32_t *id, pb_error *err)
{
    *id = vocab_find(&b->vocab, b->unknown, strlen(b->unknown));
    if (*id < 0)
        return fail(err, PB_EFORMAT, "%s: model.unk_token \"%.100s\", which this text needs, is not in the vocabulary",
                    b->file, b->unknown);
    return PB_OK;
}

/* The word's characters. One that is dropped counts as never there: ranges behind it move, as in HF. An unknown one is
 * held back until the next known one, so that several can be one token; bytes in between do not let it go (HF's order,
 * kept). */
static pb_status characters(const bpe *b, const char *text, size_t size, word *w, pb_error *err)
{
    size_t held = 0; /* bytes of the unknown token held back */
    int32_t unknown = -1;
    for (size_t at = 0; at < size;) {
        size_t start = at;
        utf8_next(text, &at);
        int32_t id = vocab_find(&b->vocab, text + start, at - start);
        if (id < 0 && b->byte_fallback && add_bytes(b, text + start, at - start, w))
            continue;
        if (id < 0 && !b->unknown)
            continue;
        if (held && (id >= 0 || !b->fuse_unknown)) {
            word_add_symbol(w, unknown, held);
            held = 0;
        }
        if (id >= 0) {
            word_add_symbol(w, id, at - start);
        } else {
            TRY(unknown_id(b, &unknown, err));
            held += at - start;
        }
    }
    if (held)
        word_add_symbol(w, unknown, held);
    return PB_OK;
}

/* ---- encoding ---- */
/* A word_may_join: whether the merge list has the two. */
static bool may_join(const void *model, const word_symbol *left, const word_symbol *right, int32_t *id, double *rank)
{
    const merge *m = merge_slot(model, (uint64_t)(uint32_t)left->id << 32 | (uint32_t)right->id);
    *id = m->id;
    *rank = m->rank;
    return m->id >= 0;
}

pb_status bpe_encode(const bpe *b, const char *text, size_t size, word *w, pb_error *err)
{
    int32_t whole = b->ignore_merges ? vocab_find(&b->vocab, text, size) : -1;
    word_begin(w);
    if (whole >= 0) {
        word_add_token(w, whole, 0, size);
        return PB_OK;
    }
    TRY(characters(b, text, size, w, err));
    word_join(w, may_join, b);
    for (size_t i = 0; i < w->symbol_count; i++) {
        const word_symbol *s = &w->symbols[i];
        if (s->size)
            word_add_token(w, s->id, s->start, s->start + s->size);
    }
    return PB_OK;
}
