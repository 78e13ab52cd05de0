/* stage.c: running the steps, see stage.h. */
#include "text/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

void stages_add(stages *s, stage one)
{
    s->list = mem_resize(s->list, s->count + 1, sizeof *s->list);
    s->list[s->count++] = one;
}

void stages_free(stages *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->list[i].text);
        free(s->list[i].unless);
        pattern_free(s->list[i].what);
    }
    free(s->list);
    *s = (stages){0};
}

/* ---- bytes as letters ----
 * GPT-2 writes a byte as the character of the same number where that one can be seen, and the other 68 bytes, in
 * order, as U+0100 and so on. */
static bool is_seen(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

uint32_t byte_to_letter(unsigned char byte)
{
    if (is_seen(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xAD ? 0x143 : 0x121u + (byte - 0x7Fu); /* 0x7F to 0xA0 */
}

int letter_to_byte(uint32_t code_point)
{
    if (code_point < 0x100)
        return is_seen(code_point) ? (int)code_point : -1;
    if (code_point <= 0x120)
        return (int)code_point - 0x100;
    if (code_point <= 0x142)
        return (int)code_point - 0x121 + 0x7F;
    return code_point == 0x143 ? 0xAD : -1;
}

static void run_bytes(const draft *in, piece p, draft *out)
{
    size_t base = out->size;
    for (size_t i = p.start; i < p.end; i++) {
        char letter[4];
        size_t n = utf8_write(byte_to_letter((unsigned char)in->bytes[i]), letter);
        draft_add(out, letter, n, in->origins[i]);
    }
    draft_cut(out, base, out->size, PIECE_OPEN);
}

/* ---- texts put in ---- */
static bool begins_with(const draft *d, piece p, const char *text)
{
    size_t n = strlen(text);
    return p.end - p.start >= n && memcmp(d->bytes + p.start, text, n) == 0;
}

/* The prefix stands for the same characters as the piece's first. */
static void run_prefix(const stage *s, const draft *in, piece p, draft *out)
{
    size_t base = out->size;
    bool wanted = !(s->unless && begins_with(in, p, s->unless)) && !(s->only_first && in->origins[p.start].start != 0);
    if (wanted)
        draft_add(out, s->text, s->text_size, in->origins[p.start]);
    draft_copy(out, in, p.start, p.end);
    draft_cut(out, base, out->size, PIECE_OPEN);
}

/* What is put in stands for what the last byte that it replaces stood for. */
static void run_replace(const stage *s, const draft *in, piece p, draft *out)
{
    size_t base = out->size, done = 0, size = p.end - p.start, start, end;
    while (pattern_find(s->what, in->bytes + p.start, size, done, &start, &end)) {
        draft_copy(out, in, p.start + done, p.start + start);
        draft_add(out, s->text, s->text_size, in->origins[p.start + end - 1]);
        done = end;
    }
    draft_copy(out, in, p.start + done, p.end);
    draft_cut(out, base, out->size, PIECE_OPEN);
}

/* ---- splitting ---- */
/* Part of a piece: a match, or what lies between two. */
typedef struct part {
    size_t start, end;
    bool match;
} part;

typedef struct parts {
    part *list;
    size_t count, capacity;
} parts;

static void add_part(parts *all, size_t start, size_t end, bool is_match)
{
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 64;
        all->list = mem_resize(all->list, all->capacity, sizeof *all->list);
    }
    all->list[all->count++] = (part){start, end, is_match};
}

static void find_parts(const stage *s, const char *text, size_t size, parts *all)
{
    size_t done = 0, start, end;
    all->count = 0;
    while (pattern_find(s->what, text, size, done, &start, &end)) {
        if (start > done)
            add_part(all, done, start, s->invert);
        add_part(all, start, end, !s->invert);
        done = end;
    }
    if (done < size)
        add_part(all, done, size, s->invert);
}

/* Whether part i goes into one piece with part i - 1. */
static bool joins(split_behavior behavior, const part *list, size_t i)
{
    const part *before = &list[i - 1], *now = &list[i];
    switch (behavior) {
    case SPLIT_REMOVED:
    case SPLIT_ISOLATED: return false;
    case SPLIT_MERGED_WITH_PREVIOUS: return now->match && !before->match;
    case SPLIT_MERGED_WITH_NEXT: return before->match && !now->match;
    case SPLIT_CONTIGUOUS: return now->match == before->match;
    }
    return false;
}

static void run_split(const stage *s, const draft *in, piece p, parts *all, draft *out)
{
    size_t base = out->size;
    find_parts(s, in->bytes + p.start, p.end - p.start, all);
    draft_copy(out, in, p.start, p.end);
    for (size_t i = 0, first = 0; i < all->count; i++) {
        if (i == 0 || !joins(s->behavior, all->list, i))
            first = i;
        if (i + 1 < all->count && joins(s->behavior, all->list, i + 1))
            continue;
        if (s->behavior != SPLIT_REMOVED || !all->list[i].match)
            draft_cut(out, base + all->list[first].start, base + all->list[i].end, PIECE_OPEN);
    }
}

/* ---- running ---- */
static void run_stage(const stage *s, const draft *in, draft *out)
{
    parts all = {0};
    draft_clear(out);
    for (size_t i = 0; i < in->count; i++) {
        piece p = in->pieces[i];
        if (p.id != PIECE_OPEN) {
            size_t base = out->size;
            draft_copy(out, in, p.start, p.end);
            draft_cut(out, base, out->size, p.id);
            continue;
        }
        switch (s->kind) {
        case STAGE_ADDED: added_cut(s->finder, in, p, out); break;
        case STAGE_PREFIX: run_prefix(s, in, p, out); break;
        case STAGE_REPLACE: run_replace(s, in, p, out); break;
        case STAGE_NFC: nfc_piece(in, p, out); break;
        case STAGE_NORMALIZE: normalizer_run(s->normalizer, in, p, out); break;
        case STAGE_SPLIT: run_split(s, in, p, &all, out); break;
        case STAGE_BYTES: run_bytes(in, p, out); break;
        }
    }
    free(all.list);
}

void stages_run(const stages *s, draft *d, draft *spare)
{
    for (size_t i = 0; i < s->count; i++) {
        run_stage(&s->list[i], d, spare);
        draft swap = *d;
        *d = *spare;
        *spare = swap;
    }
}
