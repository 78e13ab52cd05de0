/* prefixes.c: see prefixes.h. */
#include "text/prefixes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void prefixes_begin(prefixes *p, size_t most)
{
    *p = (prefixes){.sorted = mem_new(most, sizeof *p->sorted)};
}

void prefixes_add(prefixes *p, const char *text, size_t size, int32_t value)
{
    p->sorted[p->count++] = (prefix_entry){text, size, value};
    p->starts[(unsigned char)text[0]] = true;
}

void prefixes_free(prefixes *p)
{
    free(p->sorted);
    *p = (prefixes){0};
}

static int by_text(const void *left, const void *right)
{
    const prefix_entry *a = left, *b = right;
    int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

const prefix_entry *prefixes_sort(prefixes *p)
{
    if (p->count)
        qsort(p->sorted, p->count, sizeof *p->sorted, by_text);
    for (size_t i = 1; i < p->count; i++)
        if (by_text(&p->sorted[i - 1], &p->sorted[i]) == 0)
            return &p->sorted[i - 1];
    return NULL;
}

prefix_search prefixes_search(const prefixes *p)
{
    return (prefix_search){0, p->count, 0};
}

/* The first of sorted[low, high), which agree in `depth` bytes, whose next byte is `byte` or more. */
static size_t first_from(const prefixes *p, size_t low, size_t high, size_t depth, unsigned byte)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((unsigned char)p->sorted[middle].text[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const prefix_entry *prefixes_next(const prefixes *p, prefix_search *s, const char *text, size_t size)
{
    while (s->low < s->high) {
        const prefix_entry *shortest = &p->sorted[s->low]; /* of two with a common start the shorter comes first */
        if (shortest->size == s->depth) {
            s->low++;
            return shortest;
        }
        if (s->depth == size)
            return NULL;
        unsigned byte = (unsigned char)text[s->depth];
        s->low = first_from(p, s->low, s->high, s->depth, byte);
        s->high = first_from(p, s->low, s->high, s->depth, byte + 1);
        s->depth++;
    }
    return NULL;
}

const prefix_entry *prefixes_longest(const prefixes *p, const char *text, size_t size)
{
    const prefix_entry *longest = NULL;
    prefix_search s = prefixes_search(p);
    if (!size || !p->starts[(unsigned char)text[0]])
        return NULL;
    for (const prefix_entry *one; (one = prefixes_next(p, &s, text, size));)
        longest = one;
    return longest;
}
