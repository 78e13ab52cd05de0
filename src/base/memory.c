/* memory.c: see memory.h. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, SMALLEST_BLOCK = 1 << 20 };

bool size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static void *or_exit(void *memory, size_t count, size_t size)
{
    if (memory)
        return memory;
    fprintf(stderr, "patchbay: out of memory (%zu x %zu bytes)\n", count, size);
    exit(1);
}

void *mem_new(size_t count, size_t size)
{
    return or_exit(calloc(count ? count : 1, size ? size : 1), count, size);
}

void *mem_resize(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes))
        return or_exit(NULL, count, size);
    return or_exit(realloc(old, bytes ? bytes : 1), count, size);
}

char *mem_text_n(const char *text, size_t n)
{
    char *copy = mem_new(n + 1, 1);
    if (n)
        memcpy(copy, text, n);
    return copy;
}

bool text_ends(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

char *mem_text_item(const char **list)
{
    size_t length = strcspn(*list, ",");
    if (**list == '\0')
        return NULL;
    char *item = mem_text_n(*list, length);
    *list += length + ((*list)[length] == ',');
    return item;
}

char *mem_text(const char *text)
{
    return text ? mem_text_n(text, strlen(text)) : NULL;
}

/* aligned_alloc wants a multiple of the alignment; false when rounding up overflows. */
static bool round_up(size_t bytes, size_t *rounded)
{
    if (bytes > SIZE_MAX - ALIGNMENT)
        return false;
    *rounded = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    return true;
}

pb_status mem_try(void *out, size_t count, size_t size, const char *what, pb_error *err)
{
    size_t bytes;
    void *memory = NULL;
    if (size_mul(count, size, &bytes) && round_up(bytes, &bytes))
        memory = aligned_alloc(ALIGNMENT, bytes);
    memcpy(out, &memory, sizeof memory);
    if (!memory)
        return fail(err, PB_ENOMEM, "no memory for %s: %zu x %zu bytes", what, count, size);
    return PB_OK;
}

/* ---- buffer ---- */

static void buffer_reserve(buffer *b, size_t more)
{
    if (b->capacity - b->size > more) /* one byte is kept for the NUL */
        return;
    size_t wanted = b->size + more + 1;
    b->capacity = b->capacity * 2 > wanted ? b->capacity * 2 : wanted + 64;
    b->data = mem_resize(b->data, b->capacity, 1);
}

void buffer_add(buffer *b, const void *bytes, size_t n)
{
    buffer_reserve(b, n);
    if (n)
        memcpy(b->data + b->size, bytes, n);
    b->size += n;
    b->data[b->size] = '\0';
}

void buffer_text(buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_vprintf(buffer *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0) {
        buffer_reserve(b, (size_t)n);
        vsnprintf(b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

void buffer_printf(buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(b, format, args);
    va_end(args);
}

void buffer_free(buffer *b)
{
    free(b->data);
    *b = (buffer){0};
}

/* ---- arena ---- */

struct arena_block {
    arena_block *next;
    size_t size, used; /* of data */
    char *data;
};

static arena_block *block_new(size_t bytes)
{
    arena_block *block = mem_new(1, sizeof *block);
    block->size = bytes > SMALLEST_BLOCK ? bytes : SMALLEST_BLOCK;
    block->data = aligned_alloc(ALIGNMENT, block->size);
    if (!block->data) {
        free(block);
        return NULL;
    }
    return block;
}

/* The first block from the current one on that has room; blocks too small are passed by until the next reset. */
static arena_block *block_with_room(arena *a, size_t bytes)
{
    arena_block *last = NULL;
    for (arena_block *b = a->current ? a->current : a->first; b; last = b, b = b->next)
        if (b->size - b->used >= bytes)
            return b;
    arena_block *fresh = block_new(last || a->peak < bytes ? bytes : a->peak);
    if (!fresh)
        return NULL;
    if (last)
        last->next = fresh;
    else
        a->first = fresh;
    return fresh;
}

pb_status arena_try(arena *a, void *out, size_t count, size_t size, const char *what, pb_error *err)
{
    size_t bytes;
    void *memory = NULL;
    arena_block *block = NULL;
    if (size_mul(count, size, &bytes) && round_up(bytes, &bytes))
        block = block_with_room(a, bytes);
    if (block) {
        memory = block->data + block->used;
        block->used += bytes;
        a->current = block;
        a->used += bytes;
        a->peak = a->used > a->peak ? a->used : a->peak;
    }
    memcpy(out, &memory, sizeof memory);
    if (!memory)
        return fail(err, PB_ENOMEM, "no memory for %s: %zu x %zu bytes", what, count, size);
    return PB_OK;
}

void arena_free(arena *a)
{
    for (arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b->data);
        free(b);
    }
    *a = (arena){0};
}

/* Several blocks become one, of what they were ever asked for together, when memory is next wanted: else requests that vary
 * would leave behind blocks too small for any. */
void arena_reset(arena *a)
{
    if (a->first && a->first->next) {
        size_t peak = a->peak;
        arena_free(a);
        a->peak = peak;
    }
    for (arena_block *b = a->first; b; b = b->next)
        b->used = 0;
    a->current = a->first;
    a->used = 0;
}
