/* token_texts.h: the texts of some tokens, and of some answers, where there is no tokenizer to ask: those that a
 * result's JSON names. */
#ifndef REPORT_TOKEN_TEXTS_H
#define REPORT_TOKEN_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

typedef struct token_texts {
    struct token_text {
        int32_t *ids;  /* [count] */
        size_t count;  /* 1 of a token, more of an answer */
        buffer text;
    } *items;          /* [size] */
    size_t size;
} token_texts;

/* Notes what these ids read; what is known already stays. */
void token_texts_add(token_texts *t, const int32_t *ids, size_t count, const char *text, size_t n);
/* Appends their text; false where it is not known. */
bool token_texts_find(const token_texts *t, const int32_t *ids, size_t count, buffer *out);
void token_texts_free(token_texts *t);

#endif
