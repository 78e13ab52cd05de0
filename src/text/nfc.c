/* nfc.c: Unicode normal form C, with origins (UAX #15).
 *
 * The data is utf8proc's, the Unicode version is not: `tokenizers` normalizes with an older one, to which newer marks
 * are plain characters. Unicode's stability policy makes the older version a subset, so it is enough to treat what is
 * not CLASS_NORMAL (unicode.h) as plain.
 *
 * Origins follow HF's bookkeeping. Each character of the result has a change: 0 when it takes the place of one
 * character of the input, -n when it takes the place of 1 + n, 1 when it takes none. Sorting and joining move and add
 * the changes, and origins are dealt out along them, so a reordered mark may well stand for its neighbour. */
#include <stdlib.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "text/stage.h"
#include "text/unicode.h"

enum {
    FIRST_UNSTABLE = 0x300,
    LONGEST_DECOMPOSITION = 8,
    BEFORE_FIRST_FINAL = 0x11A7 /* no Hangul final, but utf8proc joins it to a syllable as if it were */
};

typedef struct unit {
    uint32_t code_point;
    int32_t change;
    uint32_t combining; /* its combining class */
    uint32_t order;     /* place before sorting */
} unit;

typedef struct units {
    unit *list; /* list[count] */
    size_t count, capacity;
} units;

static void add_unit(units *u, unit one)
{
    if (u->count == u->capacity) {
        u->capacity = u->capacity ? 2 * u->capacity : 64;
        u->list = mem_resize(u->list, u->capacity, sizeof *u->list);
    }
    u->list[u->count++] = one;
}

static bool is_normal(uint32_t code_point)
{
    return unicode_classes(code_point) & CLASS_NORMAL;
}

static uint32_t combining_class(uint32_t code_point)
{
    if (code_point < FIRST_UNSTABLE || !is_normal(code_point))
        return 0;
    return (uint32_t)utf8proc_get_property((utf8proc_int32_t)code_point)->combining_class;
}

static void add_decomposed(units *u, uint32_t code_point)
{
    utf8proc_int32_t parts[LONGEST_DECOMPOSITION] = {(utf8proc_int32_t)code_point};
    utf8proc_ssize_t count = 1;
    if (code_point >= 0x80 && is_normal(code_point))
        count = utf8proc_decompose_char((utf8proc_int32_t)code_point, parts, LONGEST_DECOMPOSITION,
                                        UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
    for (utf8proc_ssize_t i = 0; i < count && i < LONGEST_DECOMPOSITION; i++) {
        uint32_t part = (uint32_t)parts[i];
        add_unit(u, (unit){part, i > 0, combining_class(part), (uint32_t)u->count});
    }
}

static int by_class(const void *left, const void *right)
{
    const unit *a = left, *b = right;
    if (a->combining != b->combining)
        return a->combining < b->combining ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

/* Marks in a row go by their class, those of one class in the text's order. */
static void sort_marks(units *u)
{
    for (size_t i = 0; i < u->count;) {
        size_t start = i;
        while (i < u->count && u->list[i].combining)
            i++;
        if (i - start > 1)
            qsort(u->list + start, i - start, sizeof *u->list, by_class);
        i += i == start;
    }
}

/* The character that `first`, a starter, and `second` make, or 0. */
static uint32_t compose(uint32_t first, uint32_t second)
{
    if (second < FIRST_UNSTABLE || second == BEFORE_FIRST_FINAL)
        return 0;
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)first, (utf8proc_int32_t)second};
    utf8proc_ssize_t count = utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    return count == 1 && is_normal((uint32_t)pair[0]) ? (uint32_t)pair[0] : 0;
}

/* Joins each starter with the marks behind it that nothing blocks; `out` gets the result. */
static void recompose(const units *in, units *out)
{
    size_t starter = SIZE_MAX; /* in out */
    uint32_t last_class = 0;   /* of the mark before, when one stands between it and the starter */
    for (size_t i = 0; i < in->count; i++) {
        unit now = in->list[i];
        bool touches = starter != SIZE_MAX && out->count == starter + 1;
        bool reaches = starter != SIZE_MAX && (touches || last_class < now.combining);
        uint32_t joined = reaches ? compose(out->list[starter].code_point, now.code_point) : 0;
        if (joined) {
            out->list[starter].code_point = joined;
            out->list[starter].change += now.change - 1;
            continue;
        }
        if (!now.combining)
            starter = out->count;
        last_class = now.combining;
        add_unit(out, now);
    }
}

/* Deals the piece's origins out along the changes. */
static void write_units(const units *u, const draft *in, piece p, draft *out)
{
    size_t at = p.start; /* the first byte not yet replaced */
    for (size_t i = 0; i < u->count; i++) {
        int32_t change = u->list[i].change;
        char bytes[4];
        origin from = in->origins[change > 0 && at > p.start ? at - 1 : at < p.end ? at : p.end - 1];
        size_t n = utf8_write(u->list[i].code_point, bytes);
        draft_add(out, bytes, n, from);
        for (; change <= 0 && at < p.end; change++)
            utf8_next(in->bytes, &at);
    }
}

static bool is_stable(const draft *in, piece p)
{
    for (size_t at = p.start; at < p.end;)
        if (utf8_next(in->bytes, &at) >= FIRST_UNSTABLE)
            return false;
    return true;
}

void nfc_piece(const draft *in, piece p, draft *out)
{
    size_t base = out->size;
    if (is_stable(in, p)) {
        draft_copy(out, in, p.start, p.end);
    } else {
        units decomposed = {0}, composed = {0};
        for (size_t at = p.start; at < p.end;)
            add_decomposed(&decomposed, utf8_next(in->bytes, &at));
        sort_marks(&decomposed);
        recompose(&decomposed, &composed);
        write_units(&composed, in, p, out);
        free(decomposed.list);
        free(composed.list);
    }
    draft_cut(out, base, out->size, PIECE_OPEN);
}
