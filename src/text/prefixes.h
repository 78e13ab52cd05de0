/* prefixes.h: which of many texts another text begins with, found byte by byte in a sorted list. */
#ifndef TEXT_PREFIXES_H
#define TEXT_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct prefix_entry {
    const char *text; /* text[size], not owned, not empty */
    size_t size;
    int32_t value;
} prefix_entry;

typedef struct prefixes {
    prefix_entry *sorted; /* sorted[count] */
    size_t count;
    bool starts[256]; /* the first bytes of the texts */
} prefixes;

/* Makes room for `most` texts; then each is added, then all are sorted, then they can be looked for. */
void prefixes_begin(prefixes *p, size_t most);
void prefixes_add(prefixes *p, const char *text, size_t size, int32_t value);
/* NULL, or the first of two neighbours that are the same text. */
const prefix_entry *prefixes_sort(prefixes *p);
void prefixes_free(prefixes *p);

/* A search: those in sorted[low, high) agree with the text in `depth` bytes. */
typedef struct prefix_search {
    size_t low, high, depth;
} prefix_search;

/* All that text[size] begins with, from the shortest to the longest; NULL behind the last.
 *
 *     prefix_search s = prefixes_search(p);
 *     for (const prefix_entry *one; (one = prefixes_next(p, &s, text, size));) ... */
prefix_search prefixes_search(const prefixes *p);
const prefix_entry *prefixes_next(const prefixes *p, prefix_search *s, const char *text, size_t size);

/* The longest of them, or NULL. */
const prefix_entry *prefixes_longest(const prefixes *p, const char *text, size_t size);

#endif
