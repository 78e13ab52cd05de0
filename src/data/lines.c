/* lines.c: see lines.h. */
#include "data/lines.h"

#include <string.h>

size_t lines_mark(const char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

lines lines_of(const char *text, size_t size)
{
    return (lines){.next = text + lines_mark(text, size), .end = text + size};
}

bool lines_next(lines *l)
{
    if (l->next == l->end)
        return false;
    const char *stop = memchr(l->next, '\n', (size_t)(l->end - l->next));
    l->text = l->next;
    l->size = (size_t)((stop ? stop : l->end) - l->text);
    l->next = stop ? stop + 1 : l->end;
    l->number++;
    return true;
}

bool lines_is_blank(const lines *l)
{
    size_t n = l->size;
    while (n && strchr(" \t\r", l->text[n - 1]) && l->text[n - 1])
        n--;
    return n == 0;
}
