/* lines.h: a text that is already in memory, line by line.
 *
 *     lines l = lines_of(text, size);
 *     while (lines_next(&l))
 *         if (!lines_is_blank(&l))
 *             ... l.text, l.size, l.number ...
 */
#ifndef DATA_LINES_H
#define DATA_LINES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lines {
    const char *text; /* [size] of the line that is read, without its line feed */
    size_t size;
    size_t number;    /* from 1 */
    const char *next, *end;
} lines;

/* Bytes of the mark that some editors put before UTF-8: 3, or 0 where there is none. */
size_t lines_mark(const char *text, size_t size);

/* Before the first line; a mark in front is no part of it. */
lines lines_of(const char *text, size_t size);
/* false: there is none any more. */
bool lines_next(lines *l);
/* Whether it holds nothing but spaces, tabs and carriage returns. */
bool lines_is_blank(const lines *l);

#endif
