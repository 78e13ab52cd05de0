/* decode.h: what a "decoder" of a tokenizer.json does: from the tokens' texts back to one text. */
#ifndef TEXT_DECODE_H
#define TEXT_DECODE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/memory.h"
#include "text/pattern.h"

typedef enum text_decoder_kind {
    DECODE_BYTE_LEVEL,    /* letters to bytes, bytes to text */
    DECODE_METASPACE,     /* signs to spaces; those of the first token vanish where one was put there */
    DECODE_REPLACE,       /* a pattern's matches to a text */
    DECODE_BYTE_FALLBACK, /* "<0xE2>" to a byte, bytes in a row to text */
    DECODE_FUSE,          /* all tokens to one */
    DECODE_STRIP          /* a character off both ends of every token */
} text_decoder_kind;

typedef struct text_decoder_step {
    text_decoder_kind kind;
    pattern *what; /* REPLACE, METASPACE */
    char *text;    /* REPLACE: what is put in; STRIP: the character */
    size_t text_size;
    bool prefixed;      /* METASPACE: the first token's signs vanish */
    size_t start, stop; /* STRIP: how many at most */
} text_decoder_step;

typedef struct text_decoder {
    text_decoder_step *steps; /* steps[count]; none: tokens are joined with spaces */
    size_t count;
    bool exists; /* false for "decoder": null */
} text_decoder;

pb_status text_decoder_read(text_decoder *d, const json_t *component, const char *file, pb_error *err);
void text_decoder_free(text_decoder *d);
/* The same without a file: GPT-2's letters to bytes; or signs to spaces, "<0xE2>" to bytes where the model has them,
 * and off the whole text `start` spaces in front and `stop` behind. */
void text_decoder_make_byte_level(text_decoder *d);
void text_decoder_make_signs(text_decoder *d, const char *sign, bool bytes, size_t start, size_t stop);
bool text_decoder_is_byte_level(const text_decoder *d);

/* Texts one after the other in one buffer. Begins as {0}. */
typedef struct texts {
    buffer bytes;
    size_t *ends; /* ends[count]: text i is bytes[ends[i - 1], ends[i]) */
    size_t count, capacity;
} texts;

void texts_add(texts *t, const char *text, size_t size);
void texts_free(texts *t);

/* Appends what the tokens' texts decode to; *t is used up. */
void text_decoder_run(const text_decoder *d, texts *t, buffer *out);
/* The same for one token as a reader should see it: no space is taken off. */
void text_decoder_run_one(const text_decoder *d, const char *text, size_t size, buffer *out);

#endif
