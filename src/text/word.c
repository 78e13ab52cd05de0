/* word.c: see word.h. */
#include "text/word.h"

#include <stdlib.h>

#include "base/memory.h"

void word_begin(word *w)
{
    w->count = w->symbol_count = w->heap_size = 0;
}

void word_free(word *w)
{
    free(w->tokens);
    free(w->symbols);
    free(w->heap);
    *w = (word){0};
}

void word_add_token(word *w, int32_t id, size_t start, size_t end)
{
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 64;
        w->tokens = mem_resize(w->tokens, w->capacity, sizeof *w->tokens);
    }
    w->tokens[w->count++] = (word_token){id, (uint32_t)start, (uint32_t)end};
}

void word_add_symbol(word *w, int32_t id, size_t size)
{
    size_t n = w->symbol_count++;
    if (n == w->symbol_capacity) {
        w->symbol_capacity = n ? 2 * n : 64;
        w->symbols = mem_resize(w->symbols, w->symbol_capacity, sizeof *w->symbols);
    }
    uint32_t start = n ? w->symbols[n - 1].start + w->symbols[n - 1].size : 0;
    w->symbols[n] = (word_symbol){id, start, (uint32_t)size, (int64_t)n - 1, -1};
    if (n)
        w->symbols[n - 1].behind = (int64_t)n;
}

/* ---- the heap of possible pairs: lowest rank first, then leftmost ---- */
static bool comes_first(word_pair a, word_pair b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(word *w, word_pair p)
{
    if (w->heap_size == w->heap_capacity) {
        w->heap_capacity = w->heap_capacity ? 2 * w->heap_capacity : 64;
        w->heap = mem_resize(w->heap, w->heap_capacity, sizeof *w->heap);
    }
    size_t i = w->heap_size++;
    for (; i && comes_first(p, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = p;
}

static word_pair heap_pop(word *w)
{
    word_pair top = w->heap[0], last = w->heap[--w->heap_size];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < w->heap_size) {
        if (child + 1 < w->heap_size && comes_first(w->heap[child + 1], w->heap[child]))
            child++;
        if (!comes_first(w->heap[child], last))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* ---- joining ---- */
/* Notes that the symbol at `left` may join the one behind it, when it may. */
static void consider(word *w, int64_t left, word_may_join *may_join, const void *model)
{
    word_pair p = {.at = (size_t)left};
    if (left < 0 || w->symbols[left].behind < 0)
        return;
    const word_symbol *symbol = &w->symbols[left];
    const word_symbol *behind = &w->symbols[symbol->behind];
    p.size = symbol->size + behind->size;
    if (may_join(model, symbol, behind, &p.id, &p.rank))
        heap_push(w, p);
}

static void join(word *w, word_pair p, word_may_join *may_join, const void *model)
{
    word_symbol *left = &w->symbols[p.at];
    if (!left->size || left->behind < 0)
        return;
    word_symbol *right = &w->symbols[left->behind];
    if (left->size + right->size != p.size)
        return; /* one of the two has joined another since */
    left->id = p.id;
    left->size += right->size;
    left->behind = right->behind;
    right->size = 0;
    if (left->behind >= 0)
        w->symbols[left->behind].before = (int64_t)p.at;
    consider(w, left->before, may_join, model);
    consider(w, (int64_t)p.at, may_join, model);
}

void word_join(word *w, word_may_join *may_join, const void *model)
{
    for (size_t i = 0; i < w->symbol_count; i++)
        consider(w, (int64_t)i, may_join, model);
    while (w->heap_size)
        join(w, heap_pop(w), may_join, model);
}
