/* bpe.h: byte pair encoding (Sennrich et al. 2016), the model that turns a word into tokens: its characters, of which
 * the neighbours that the merge list names first are joined, again and again. */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <jansson.h>
#include <stdbool.h>

#include "text/vocab.h"

typedef struct bpe bpe;

/* A token of a word; `size` bytes of the word are its own. */
typedef struct bpe_token {
    int32_t id;
    uint32_t size;
} bpe_token;

/* The tokens of the last word, and memory that the next word reuses. Begins as {0}. */
typedef struct bpe_word {
    bpe_token *tokens; /* tokens[count] */
    size_t count, capacity;
    struct bpe_symbol *symbols; /* symbols[symbol_capacity] */
    struct bpe_merge *heap;     /* heap[heap_capacity] */
    size_t symbol_capacity, heap_size, heap_capacity;
} bpe_word;

/* Reads the object "model" of a tokenizer.json. What it has and this cannot do is refused by name. */
pb_status bpe_read(bpe **out, json_t *model, const char *file, pb_error *err);
void bpe_free(bpe *b);

const vocab *bpe_vocab(const bpe *b);
bool bpe_has_byte_fallback(const bpe *b);

/* The tokens of word[size] into *w, in O(size log size). A character that the vocabulary lacks gives its bytes' tokens,
 * or the unknown token, or nothing, as the model has it; PB_EFORMAT when its unknown token is not in the vocabulary. */
pb_status bpe_encode(const bpe *b, const char *word, size_t size, bpe_word *w, pb_error *err);
void bpe_word_free(bpe_word *w);

#endif
