/* bpe.h: byte pair encoding (Sennrich et al. 2016), the model that turns a word into tokens: its characters, of which
 * the neighbours that the merge list names first are joined, again and again. */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <jansson.h>
#include <stdbool.h>

#include "text/vocab.h"
#include "text/word.h"

typedef struct bpe bpe;

/* Reads the object "model" of a tokenizer.json. What it has and this cannot do is refused by name. */
pb_status bpe_read(bpe **out, json_t *model, const char *file, pb_error *err);
void bpe_free(bpe *b);

/* The same put together: `words`, which it takes over, and room for merges; then the merges in their order, each
 * "left right". `merge_field` is what the file calls them, `line` the merge's place there, both for errors. */
bpe *bpe_new(vocab words, const char *merge_field, size_t merge_count, bool ignore_merges, const char *file);
pb_status bpe_add_merge(bpe *b, const char *text, size_t size, size_t line, pb_error *err);

const vocab *bpe_vocab(const bpe *b);
bool bpe_has_byte_fallback(const bpe *b);

/* The tokens of text[size], a word, into *w, in O(size log size). A character that the vocabulary lacks gives its
 * bytes' tokens, or the unknown token, or nothing, as the model has it; PB_EFORMAT when its unknown token is not in the
 * vocabulary. */
pb_status bpe_encode(const bpe *b, const char *text, size_t size, word *w, pb_error *err);

#endif
