/* normalizer.c: see normalizer.h. Which characters of the original a new one stands for is as in HF's tokenizers. */
#include "text/normalizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

void normalizer_free(normalizer *n)
{
    if (!n)
        return;
    charsmap_free(&n->rules);
    free(n);
}

/* What one step takes from in, and what it gives instead. */
typedef struct change {
    size_t start, end; /* bytes of `in` */
    const char *text;  /* text[size] */
    size_t size;
} change;

/* The text at in[at]: a user-defined piece, what a rule knows, or one character. */
static change next_change(const normalizer *n, const draft *in, size_t at, size_t end)
{
    const char *text = in->bytes + at;
    const prefix_entry *fixed = prefixes_longest(n->fixed, text, end - at);
    if (fixed)
        return (change){at, at + fixed->size, text, fixed->size};
    const char *to;
    size_t known = charsmap_find(&n->rules, text, end - at, &to);
    if (known)
        return (change){at, at + known, to, strlen(to)};
    size_t behind = at;
    utf8_next(in->bytes, &behind);
    return (change){at, behind, text, behind - at};
}

static const char *space_of(const normalizer *n)
{
    return n->escapes ? "\xE2\x96\x81" : " ";
}

/* A space that is dropped lends its place to the one before it. */
static void move_last_space(const normalizer *n, origin from, size_t base, draft *out)
{
    size_t size = strlen(space_of(n));
    for (size_t i = 0; i < size && out->size - i > base; i++)
        out->origins[out->size - 1 - i] = from;
}

/* The new characters stand for the old ones one by one, those beyond for the last. */
static void add_change(const normalizer *n, const draft *in, change c, bool *after_space, size_t base, draft *out)
{
    size_t old = c.start;
    for (size_t at = 0, next; at < c.size; at = next) {
        next = at;
        utf8_next(c.text, &next);
        origin from = in->origins[old];
        size_t behind = old;
        utf8_next(in->bytes, &behind);
        if (behind < c.end)
            old = behind;
        bool space = c.text[at] == ' ';
        if (space && *after_space)
            move_last_space(n, from, base, out);
        else if (space)
            draft_add(out, space_of(n), strlen(space_of(n)), from);
        else
            draft_add(out, c.text + at, next - at, from);
        *after_space &= space;
    }
    *after_space = n->trims && (c.size ? c.text[c.size - 1] == ' ' : *after_space);
}

void normalizer_run(const normalizer *n, const draft *in, piece p, draft *out)
{
    size_t base = out->size, size = strlen(space_of(n));
    bool after_space = n->trims, blank = n->trims; /* blank: nothing but spaces so far, and they vanish */
    for (size_t at = p.start; at < p.end;) {
        change c = next_change(n, in, at, p.end);
        add_change(n, in, c, &after_space, base, out);
        blank &= c.size == 1 && *c.text == ' ';
        at = c.end;
    }
    while (n->trims && out->size - base >= size && memcmp(out->bytes + out->size - size, space_of(n), size) == 0)
        out->size -= size;
    if (n->suffix && !blank)
        draft_add(out, space_of(n), size, in->origins[p.end - 1]);
    draft_cut(out, base, out->size, PIECE_OPEN);
}
