/* draft.c: see draft.h. */
#include "text/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

static void reserve(draft *d, size_t more)
{
    if (d->capacity - d->size >= more)
        return;
    size_t wanted = d->size + more;
    d->capacity = wanted > 2 * d->capacity ? wanted : 2 * d->capacity;
    d->bytes = mem_resize(d->bytes, d->capacity, sizeof *d->bytes);
    d->origins = mem_resize(d->origins, d->capacity, sizeof *d->origins);
}

void draft_begin(draft *d, const char *text, size_t size)
{
    draft_clear(d);
    reserve(d, size);
    for (size_t at = 0; at < size;) {
        size_t start = at;
        utf8_next(text, &at);
        draft_add(d, text + start, at - start, (origin){(uint32_t)start, (uint32_t)at});
    }
    draft_cut(d, 0, size, PIECE_OPEN);
}

void draft_clear(draft *d)
{
    d->size = d->count = 0;
}

void draft_free(draft *d)
{
    free(d->bytes);
    free(d->origins);
    free(d->pieces);
    *d = (draft){0};
}

void draft_add(draft *d, const char *bytes, size_t n, origin from)
{
    reserve(d, n);
    for (size_t i = 0; i < n; i++) {
        d->bytes[d->size + i] = bytes[i];
        d->origins[d->size + i] = from;
    }
    d->size += n;
}

void draft_copy(draft *d, const draft *other, size_t start, size_t end)
{
    if (start == end)
        return;
    reserve(d, end - start);
    memcpy(d->bytes + d->size, other->bytes + start, end - start);
    memcpy(d->origins + d->size, other->origins + start, (end - start) * sizeof *d->origins);
    d->size += end - start;
}

void draft_cut(draft *d, size_t start, size_t end, int32_t id)
{
    if (start >= end)
        return;
    if (d->count == d->piece_capacity) {
        d->piece_capacity = d->piece_capacity ? 2 * d->piece_capacity : 64;
        d->pieces = mem_resize(d->pieces, d->piece_capacity, sizeof *d->pieces);
    }
    d->pieces[d->count++] = (piece){(uint32_t)start, (uint32_t)end, id};
}

origin draft_origin(const draft *d, size_t start, size_t end)
{
    return (origin){d->origins[start].start, d->origins[end - 1].end};
}
