/* bpe.c: see bpe.h. */
#include "text/bpe.h"

#include <inttypes.h>
#include <stdio.h>
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

/* NULL when the two do not join. */
static const merge *merge_of(const bpe *b, int32_t left, int32_t right)
{
    const merge *m = merge_slot(b, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
    return m->id >= 0 ? m : NULL;
}

typedef struct text {
    const char *bytes;
    size_t size;
} text;

static text text_of(const json_t *string)
{
    return (text){json_string_value(string), json_string_length(string)};
}

/* "left right", the old form; it has exactly one space. */
static bool split_at_space(text line, text *left, text *right)
{
    const char *space = memchr(line.bytes, ' ', line.size);
    if (!space)
        return false;
    *left = (text){line.bytes, (size_t)(space - line.bytes)};
    *right = (text){space + 1, line.size - left->size - 1};
    return !memchr(right->bytes, ' ', right->size);
}

static pb_status find_token(const bpe *b, text t, size_t line, const char *file, int32_t *id, pb_error *err)
{
    *id = vocab_find(&b->vocab, t.bytes, t.size);
    if (*id < 0)
        return fail(err, PB_EFORMAT, "%s: model.merges[%zu]: \"%.*s\" is not in the vocabulary", file, line,
                    t.size > 100 ? 100 : (int)t.size, t.bytes);
    return PB_OK;
}

static pb_status add_merge(bpe *b, text left, text right, size_t line, uint32_t rank, buffer *joined,
                           const char *file, pb_error *err)
{
    int32_t left_id, right_id, id;
    TRY(find_token(b, left, line, file, &left_id, err));
    TRY(find_token(b, right, line, file, &right_id, err));
    joined->size = 0;
    buffer_add(joined, left.bytes, left.size);
    buffer_add(joined, right.bytes, right.size);
    TRY(find_token(b, (text){joined->data, joined->size}, line, file, &id, err));
    uint64_t pair = (uint64_t)(uint32_t)left_id << 32 | (uint32_t)right_id;
    *merge_slot(b, pair) = (merge){pair, rank, id}; /* of two alike the later one counts */
    return PB_OK;
}

/* One element of "merges", of the form that the first one has. *rank counts those that are merges. */
static pb_status read_merge(bpe *b, const json_t *element, size_t line, bool pairs, uint32_t *rank, buffer *joined,
                            const char *file, pb_error *err)
{
    text left, right;
    if (pairs) {
        json_t *first = json_array_get(element, 0), *second = json_array_get(element, 1);
        if (json_array_size(element) != 2 || !json_is_string(first) || !json_is_string(second))
            return fail(err, PB_EFORMAT, "%s: model.merges[%zu] is not a pair of strings, as the first one is", file,
                        line);
        left = text_of(first);
        right = text_of(second);
    } else {
        if (!json_is_string(element))
            return fail(err, PB_EFORMAT, "%s: model.merges[%zu] is %s, expected a string, as the first one is", file,
                        line, json_kind(element));
        if (strncmp(json_string_value(element), "#version", 8) == 0)
            return PB_OK;
        if (!split_at_space(text_of(element), &left, &right))
            return fail(err, PB_EFORMAT, "%s: model.merges[%zu]: \"%.100s\" is not two tokens with one space between",
                        file, line, json_string_value(element));
    }
    return add_merge(b, left, right, line, (*rank)++, joined, file, err);
}

static pb_status read_merges(bpe *b, const json_t *list, const char *file, pb_error *err)
{
    size_t count = json_array_size(list);
    uint32_t rank = 0;
    buffer joined = {0};
    pb_status status = PB_OK;
    for (b->merge_slots = 16; b->merge_slots < 2 * count;)
        b->merge_slots *= 2;
    b->merges = mem_new(b->merge_slots, sizeof *b->merges);
    for (size_t i = 0; i < b->merge_slots; i++)
        b->merges[i].id = -1;
    bool pairs = json_is_array(json_array_get(list, 0));
    for (size_t i = 0; i < count && !status; i++)
        status = read_merge(b, json_array_get(list, i), i, pairs, &rank, &joined, file, err);
    buffer_free(&joined);
    return status;
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
    b->unknown = unknown ? mem_text(unknown) : NULL;
    TRY(vocab_read(&b->vocab, words, file, "model.vocab", err));
    return read_merges(b, merges, file, err);
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
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        b->bytes[i] = vocab_find(&b->vocab, name, 6);
    }
    *out = b;
    return PB_OK;
}

/* ---- a word's symbols ----
 * Symbols are a doubly linked list in an array; joining two keeps the left one and takes the right one out. */
typedef struct bpe_symbol {
    int32_t id;
    uint32_t size;          /* bytes of the word; 0: joined to the one before */
    int64_t before, behind; /* -1: none */
} bpe_symbol;

typedef struct bpe_merge {
    uint32_t rank;
    int32_t id;
    size_t at; /* the left symbol */
} bpe_merge;

static void add_symbol(bpe_word *w, int32_t id, size_t size)
{
    if (w->count == w->symbol_capacity) {
        w->symbol_capacity = w->symbol_capacity ? 2 * w->symbol_capacity : 64;
        w->symbols = mem_resize(w->symbols, w->symbol_capacity, sizeof *w->symbols);
    }
    w->symbols[w->count] = (bpe_symbol){id, (uint32_t)size, (int64_t)w->count - 1, (int64_t)w->count + 1};
    w->count++;
}

/* The bytes' own tokens, when every byte has one. */
static bool add_bytes(const bpe *b, const char *character, size_t size, bpe_word *w)
{
    for (size_t i = 0; i < size; i++)
        if (b->bytes[(unsigned char)character[i]] < 0)
            return false;
    for (size_t i = 0; i < size; i++)
        add_symbol(w, b->bytes[(unsigned char)character[i]], 1);
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

/* The word's characters. An unknown one is held back until the next known one, so that several can be one token; bytes
 * in between do not let it go (HF's order, kept). */
static pb_status characters(const bpe *b, const char *word, size_t size, bpe_word *w, pb_error *err)
{
    size_t held = 0; /* bytes of the unknown token held back */
    int32_t unknown = -1;
    w->count = 0;
    for (size_t at = 0; at < size;) {
        size_t start = at;
        utf8_next(word, &at);
        int32_t id = vocab_find(&b->vocab, word + start, at - start);
        if (id < 0 && b->byte_fallback && add_bytes(b, word + start, at - start, w))
            continue;
        if (id < 0 && !b->unknown)
            continue;
        if (held && (id >= 0 || !b->fuse_unknown)) {
            add_symbol(w, unknown, held);
            held = 0;
        }
        if (id >= 0) {
            add_symbol(w, id, at - start);
        } else {
            TRY(unknown_id(b, &unknown, err));
            held += at - start;
        }
    }
    if (held)
        add_symbol(w, unknown, held);
    return PB_OK;
}

/* ---- the heap of possible merges: lowest rank first, then leftmost ---- */
static bool comes_first(bpe_merge a, bpe_merge b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(bpe_word *w, bpe_merge m)
{
    if (w->heap_size == w->heap_capacity) {
        w->heap_capacity = w->heap_capacity ? 2 * w->heap_capacity : 64;
        w->heap = mem_resize(w->heap, w->heap_capacity, sizeof *w->heap);
    }
    size_t i = w->heap_size++;
    for (; i && comes_first(m, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = m;
}

static bpe_merge heap_pop(bpe_word *w)
{
    bpe_merge top = w->heap[0], last = w->heap[--w->heap_size];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < w->heap_size) {
        if (child + 1 < w->heap_size && comes_first(w->heap[child + 1], w->heap[child]))
            child++;
        if (!comes_first(w->heap[child], last))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* ---- joining ---- */
/* Notes that the symbol at `left` may join the one behind it, when it may. */
static void consider(const bpe *b, bpe_word *w, int64_t left)
{
    if (left < 0 || w->symbols[left].behind < 0)
        return;
    const bpe_symbol *symbol = &w->symbols[left];
    const merge *m = merge_of(b, symbol->id, w->symbols[symbol->behind].id);
    if (m)
        heap_push(w, (bpe_merge){m->rank, m->id, (size_t)left});
}

static void join(const bpe *b, bpe_word *w, bpe_merge m)
{
    bpe_symbol *left = &w->symbols[m.at];
    if (!left->size || left->behind < 0)
        return;
    bpe_symbol *right = &w->symbols[left->behind];
    const merge *now = merge_of(b, left->id, right->id);
    if (!now || now->id != m.id)
        return; /* one of the two has joined another since */
    left->id = m.id;
    left->size += right->size;
    left->behind = right->behind;
    right->size = 0;
    if (left->behind >= 0)
        w->symbols[left->behind].before = (int64_t)m.at;
    consider(b, w, left->before);
    consider(b, w, (int64_t)m.at);
}

static void add_token(bpe_word *w, size_t *count, int32_t id, uint32_t size)
{
    if (*count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 64;
        w->tokens = mem_resize(w->tokens, w->capacity, sizeof *w->tokens);
    }
    w->tokens[(*count)++] = (bpe_token){id, size};
}

pb_status bpe_encode(const bpe *b, const char *word, size_t size, bpe_word *w, pb_error *err)
{
    size_t count = 0;
    int32_t whole = b->ignore_merges ? vocab_find(&b->vocab, word, size) : -1;
    if (whole >= 0) {
        add_token(w, &count, whole, (uint32_t)size);
        w->count = count;
        return PB_OK;
    }
    TRY(characters(b, word, size, w, err));
    if (w->count)
        w->symbols[w->count - 1].behind = -1;
    w->heap_size = 0;
    for (size_t i = 0; i < w->count; i++)
        consider(b, w, (int64_t)i);
    while (w->heap_size)
        join(b, w, heap_pop(w));
    for (size_t i = 0; i < w->count; i++)
        if (w->symbols[i].size)
            add_token(w, &count, w->symbols[i].id, w->symbols[i].size);
    w->count = count;
    return PB_OK;
}

void bpe_word_free(bpe_word *w)
{
    free(w->tokens);
    free(w->symbols);
    free(w->heap);
    *w = (bpe_word){0};
}
