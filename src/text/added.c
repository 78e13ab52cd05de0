/* added.c: see added.h. */
#include "text/added.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "text/unicode.h"

void added_free(added_tokens *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->list[i].content);
        free(a->list[i].form);
    }
    free(a->list);
    free(a->slots);
    *a = (added_tokens){0};
}

/* The slot of a content, or the empty one where it belongs. */
static uint32_t *slot_of(const added_tokens *a, const char *content, size_t size)
{
    size_t mask = a->slot_count - 1;
    for (size_t i = text_hash(content, size) & mask;; i = (i + 1) & mask) {
        if (!a->slots[i])
            return &a->slots[i];
        const added_token *t = &a->list[a->slots[i] - 1];
        if (t->size == size && memcmp(t->content, content, size) == 0)
            return &a->slots[i];
    }
}

const added_token *added_find(const added_tokens *a, const char *content, size_t size)
{
    uint32_t slot = a->slot_count ? *slot_of(a, content, size) : 0;
    return slot ? &a->list[slot - 1] : NULL;
}

const added_token *added_by_id(const added_tokens *a, int32_t id)
{
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (a->list[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->count && a->list[low].id == id ? &a->list[low] : NULL;
}

/* ---- reading ---- */
static pb_status read_flags(added_token *t, const json_t *object, size_t i, const char *file, pb_error *err)
{
    const struct {
        const char *key;
        bool *value;
    } flags[] = {{"single_word", &t->single_word}, {"lstrip", &t->strip_left},    {"rstrip", &t->strip_right},
                 {"normalized", &t->normalized},   {"special", &t->special}};
    for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
        const json_t *value = json_object_get(object, flags[f].key);
        if (!json_is_boolean(value))
            return fail(err, PB_EFORMAT, "%s: added_tokens[%zu].%s is %s, expected true or false", file, i,
                        flags[f].key, value ? json_kind(value) : "missing");
        *flags[f].value = json_is_true(value);
    }
    return PB_OK;
}

static pb_status read_one(added_token *t, const json_t *object, size_t i, const char *file, pb_error *err)
{
    const json_t *content = json_object_get(object, "content");
    if (!json_is_string(content))
        return fail(err, PB_EFORMAT, "%s: added_tokens[%zu].content is %s, expected a string", file, i,
                    content ? json_kind(content) : "missing");
    TRY(read_flags(t, object, i, file, err));
    t->size = t->form_size = json_string_length(content);
    t->content = mem_text_n(json_string_value(content), t->size);
    t->form = mem_text_n(t->content, t->size);
    return PB_OK;
}

added_token added_plain(const char *content, bool special)
{
    size_t size = strlen(content);
    return (added_token){.content = mem_text(content), .size = size, .form = mem_text(content), .form_size = size,
                         .special = special};
}

void added_begin(added_tokens *a, size_t most)
{
    *a = (added_tokens){.list = mem_new(most, sizeof *a->list), .slot_count = 16};
    while (a->slot_count < 2 * most)
        a->slot_count *= 2;
    a->slots = mem_new(a->slot_count, sizeof *a->slots);
}

void added_enter(added_tokens *a, added_token t, const vocab *v)
{
    uint32_t *slot = slot_of(a, t.content, t.size);
    if (!t.size) { /* an empty one is no token */
        free(t.content);
        free(t.form);
        return;
    }
    if (*slot) {
        added_token *old = &a->list[*slot - 1];
        t.special |= old->special;
        t.id = old->id;
        free(old->content);
        free(old->form);
        *old = t;
        return;
    }
    t.id = vocab_find(v, t.content, t.size);
    if (t.id < 0)
        t.id = (int32_t)v->count + (int32_t)a->fresh++;
    a->list[a->count++] = t;
    *slot = (uint32_t)a->count;
}

static int by_id(const void *left, const void *right)
{
    int32_t a = ((const added_token *)left)->id, b = ((const added_token *)right)->id;
    return (a > b) - (a < b);
}

/* Sorts the list by id, so that added_by_id can bisect it, and hashes the contents again. */
static void sort_list(added_tokens *a)
{
    if (a->count)
        qsort(a->list, a->count, sizeof *a->list, by_id);
    memset(a->slots, 0, a->slot_count * sizeof *a->slots);
    for (size_t i = 0; i < a->count; i++)
        *slot_of(a, a->list[i].content, a->list[i].size) = (uint32_t)i + 1;
}

/* A new token's id is another token's where the vocabulary's ids have gaps: HF takes it, and confuses the two. */
static pb_status check_ids(added_tokens *a, const vocab *v, const char *file, pb_error *err)
{
    for (size_t i = 0; i < a->count; i++) {
        const added_token *t = &a->list[i];
        const char *other = vocab_text(v, t->id).text;
        if (i && t->id == t[-1].id)
            other = t[-1].content;
        else if (vocab_find(v, t->content, t->size) == t->id)
            other = NULL;
        if (!other)
            continue;
        pb_status status = fail(err, PB_EFORMAT, "%s: added_tokens: \"%.100s\", which is not in the vocabulary, gets "
                                "the id %d of \"%.100s\"", file, t->content, t->id, other);
        added_free(a);
        return status;
    }
    return PB_OK;
}

pb_status added_end(added_tokens *a, const vocab *v, const char *file, pb_error *err)
{
    sort_list(a);
    return check_ids(a, v, file, err);
}

pb_status added_read(added_tokens *a, json_t *array, const vocab *v, const char *file, pb_error *err)
{
    added_begin(a, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++) {
        added_token t = {0};
        pb_status status = read_one(&t, json_array_get(array, i), i, file, err);
        if (status) {
            added_free(a);
            return status;
        }
        added_enter(a, t, v);
    }
    return added_end(a, v, file, err);
}

/* ---- finding ---- */
pb_status added_finder_make(added_finder *f, const added_tokens *a, bool normalized, const char *file, pb_error *err)
{
    *f = (added_finder){.list = a->list};
    prefixes_begin(&f->forms, a->count);
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].normalized == normalized && a->list[i].form_size)
            prefixes_add(&f->forms, a->list[i].form, a->list[i].form_size, (int32_t)i);
    const prefix_entry *alike = prefixes_sort(&f->forms);
    if (!alike)
        return PB_OK;
    const char *one = a->list[alike[0].value].content, *other = a->list[alike[1].value].content;
    added_finder_free(f);
    return fail(err, PB_EFORMAT, "%s: added_tokens: \"%.100s\" and \"%.100s\" are the same after normalization", file,
                one, other);
}

void added_finder_free(added_finder *f)
{
    prefixes_free(&f->forms);
    *f = (added_finder){0};
}

static bool is_word(const char *text, size_t at)
{
    return unicode_classes(utf8_next(text, &at)) & CLASS_WORD;
}

/* Whether no word character touches [start, end) in text[size]. */
static bool stands_alone(const char *text, size_t size, size_t start, size_t end)
{
    return (start == 0 || !is_word(text, utf8_before(text, start))) && (end == size || !is_word(text, end));
}

/* Where the white space before `start` begins, though not before `least`. */
static size_t space_before(const char *text, size_t start, size_t least)
{
    while (start > least) {
        size_t before = utf8_before(text, start), at = before;
        if (!(unicode_classes(utf8_next(text, &at)) & CLASS_SPACE))
            break;
        start = before;
    }
    return start;
}

static size_t space_behind(const char *text, size_t size, size_t end)
{
    for (size_t at = end; at < size; end = at)
        if (!(unicode_classes(utf8_next(text, &at)) & CLASS_SPACE))
            break;
    return end;
}

void added_cut(const added_finder *f, const draft *in, piece p, draft *out)
{
    const char *text = in->bytes + p.start;
    size_t size = p.end - p.start, base = out->size, done = 0; /* up to `done` it is cut */
    draft_copy(out, in, p.start, p.end);
    for (size_t at = 0; at < size;) {
        const prefix_entry *longest = prefixes_longest(&f->forms, text + at, size - at);
        if (!longest) {
            at++;
            continue;
        }
        const added_token *t = &f->list[longest->value];
        size_t start = at, end = at + t->form_size;
        at = end; /* white space taken in may still begin the next token, as in HF */
        if (t->single_word && !stands_alone(text, size, start, end))
            continue;
        if (t->strip_left)
            start = start > done ? space_before(text, start, done) : done;
        if (t->strip_right)
            end = space_behind(text, size, end);
        draft_cut(out, base + done, base + start, PIECE_OPEN);
        draft_cut(out, base + start, base + end, t->id);
        done = end;
    }
    draft_cut(out, base + done, base + size, PIECE_OPEN);
}
