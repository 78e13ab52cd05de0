/* charsmap.c: see charsmap.h. */
#include "text/charsmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

enum { HEADER = 4 };

static uint32_t le32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t unit_at(const charsmap *m, size_t i)
{
    return le32(m->blob + HEADER + 4 * i);
}

/* ---- a unit's parts ---- */
static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

static bool ends_rule(uint32_t unit)
{
    return unit >> 8 & 1;
}

/* The top bit marks a value: it is no byte's child. */
static uint32_t label_of(uint32_t unit)
{
    return unit & (1u << 31 | 0xFF);
}

static uint32_t value_of(uint32_t unit)
{
    return unit & ~(1u << 31);
}

/* ---- reading ---- */
static pb_status broken(const char *file, const char *what, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: normalizer_spec.precompiled_charsmap: %s", file, what);
}

pb_status charsmap_read(charsmap *m, const void *blob, size_t size, const char *file, pb_error *err)
{
    *m = (charsmap){0};
    if (!size)
        return PB_OK;
    if (size <= HEADER || le32(blob) >= size - HEADER)
        return broken(file, "its trie is longer than the whole", err);
    size_t trie_size = le32(blob);
    const char *texts = (const char *)blob + HEADER + trie_size;
    size_t text_size = size - HEADER - trie_size;
    if (!trie_size || trie_size % 4)
        return broken(file, "its trie is no row of 32-bit units", err);
    if (texts[text_size - 1] || utf8_valid(texts, text_size) != text_size)
        return broken(file, "its texts are no valid UTF-8, or the last has no end", err);
    m->blob = mem_new(size, 1);
    memcpy(m->blob, blob, size);
    m->unit_count = trie_size / 4;
    m->texts = (const char *)m->blob + HEADER + trie_size;
    m->text_size = text_size;
    return PB_OK;
}

void charsmap_free(charsmap *m)
{
    free(m->blob);
    *m = (charsmap){0};
}

/* ---- finding ---- */
static bool is_inside(const char *text, size_t size, size_t at)
{
    return at < size && ((unsigned char)text[at] & 0xC0) == 0x80;
}

/* A damaged trie may lead out of itself, into texts, or into the middle of a character: there is no rule then. */
size_t charsmap_find(const charsmap *m, const char *text, size_t size, const char **to)
{
    size_t longest = 0;
    if (!m->blob)
        return 0;
    size_t node = offset_of(unit_at(m, 0));
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        node ^= byte;
        if (node >= m->unit_count || label_of(unit_at(m, node)) != byte)
            break;
        uint32_t unit = unit_at(m, node);
        node ^= offset_of(unit);
        if (!ends_rule(unit) || node >= m->unit_count || is_inside(text, size, i + 1))
            continue;
        size_t value = value_of(unit_at(m, node));
        if (value >= m->text_size || is_inside(m->texts, m->text_size, value))
            continue;
        *to = m->texts + value;
        longest = i + 1;
    }
    return longest;
}
