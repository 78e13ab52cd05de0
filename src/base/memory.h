/* memory.h: allocation, arenas, growing buffers.
 *
 * Two kinds of memory need two kinds of care. Small things whose size the program chooses (structs, names, lists)
 * come from `mem_new`, which ends the process with a message when the machine has nothing left. Things whose size a
 * file or a request decides (images, tensors, rows) come from `mem_try`, which fails like any other call. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/error.h"

/* count * size bytes, zeroed, aligned for any type. Never NULL: exits with a message when memory is out. */
void *mem_new(size_t count, size_t size);
/* Grows or shrinks old (may be NULL) to count * size bytes; new bytes are not cleared. Never NULL. */
void *mem_resize(void *old, size_t count, size_t size);
/* A copy of text (or of its first n bytes), NUL-terminated; mem_text(NULL) is NULL. Free with free(). */
char *mem_text(const char *text);
char *mem_text_n(const char *text, size_t n);
/* Whether the text ends with `end`. */
bool text_ends(const char *text, const char *end);
/* The next item of a list with commas between them, which moves on; NULL behind the last. free() */
char *mem_text_item(const char **list);

/* *out = count * size bytes, not cleared, aligned to 64; PB_ENOMEM naming `what` when that overflows or cannot be had.
 * Free with free(). */
pb_status mem_try(void *out, size_t count, size_t size, const char *what, pb_error *err);

/* a * b, or false on overflow. */
bool size_mul(size_t a, size_t b, size_t *product);

/* ---- buffer: bytes that grow; data is NUL-terminated beyond size, so it also serves as a string ---- */
typedef struct buffer {
    char *data; /* NULL while empty */
    size_t size, capacity;
} buffer;

void buffer_add(buffer *b, const void *bytes, size_t n);
void buffer_text(buffer *b, const char *text);
void buffer_vprintf(buffer *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void buffer_printf(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_free(buffer *b); /* leaves an empty buffer */

/* ---- arena: memory that is given back all at once ----
 * Used for everything that lives as long as one call (a replay, a forward pass). Blocks are kept by arena_reset and
 * reused, so the next call of the same size allocates nothing. */
typedef struct arena_block arena_block;
typedef struct arena {
    arena_block *first, *current;
    size_t used, peak; /* bytes handed out since the last reset; most ever */
} arena;

/* *out = count * size bytes, aligned to 64, not cleared; PB_ENOMEM naming `what`. */
pb_status arena_try(arena *a, void *out, size_t count, size_t size, const char *what, pb_error *err);
void arena_reset(arena *a);
void arena_free(arena *a);

#endif
