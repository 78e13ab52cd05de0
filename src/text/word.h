/* word.h: a word on its way to tokens, for the models to work in.
 *
 * Byte pair encodings, whatever orders their merges, go the same way: the word's characters become symbols, of which
 * the best pair of neighbours joins, again and again, until none may. Here are the symbols, and the heap that finds
 * the best pair in O(log n). */
#ifndef TEXT_WORD_H
#define TEXT_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A token of a word, and the bytes [start, end) of it that it covers. */
typedef struct word_token {
    int32_t id;
    uint32_t start, end;
} word_token;

/* A character, or several that have joined. They are a doubly linked list in an array: joining two keeps the left one
 * and takes the right one out. */
typedef struct word_symbol {
    int32_t id;
    uint32_t start, size;   /* bytes of the word; size 0: joined to the one before */
    int64_t before, behind; /* -1: none */
} word_symbol;

typedef struct word_pair {
    double rank;
    int32_t id;
    uint32_t size; /* of both together */
    size_t at;     /* the left symbol */
} word_pair;

/* The tokens of the last word, and memory that the next one reuses. Begins as {0}. */
typedef struct word {
    word_token *tokens; /* tokens[count] */
    size_t count, capacity;
    word_symbol *symbols; /* symbols[symbol_count] */
    size_t symbol_count, symbol_capacity;
    word_pair *heap; /* heap[heap_size] */
    size_t heap_size, heap_capacity;
} word;

void word_begin(word *w); /* empties it and keeps its memory */
void word_free(word *w);

void word_add_token(word *w, int32_t id, size_t start, size_t end);
/* Appends a symbol that begins where the one before ends. */
void word_add_symbol(word *w, int32_t id, size_t size);

/* Whether two neighbours may join; *id: what they become, *rank: lower ones come first, and of equal ones the
 * leftmost. */
typedef bool word_may_join(const void *model, const word_symbol *left, const word_symbol *right, int32_t *id,
                           double *rank);

/* Joins symbols until none may; those with size 0 are no longer there. */
void word_join(word *w, word_may_join *may_join, const void *model);

#endif
