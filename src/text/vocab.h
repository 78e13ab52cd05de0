/* vocab.h: token texts and their ids, both ways. */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Ids end here, or a damaged file would ask for gigabytes: 16 times Llama 3's vocabulary. */
enum { VOCAB_LIMIT = 1 << 21 };

typedef struct vocab_entry {
    const char *text; /* NULL: no token has this id */
    uint32_t size;
} vocab_entry;

typedef struct vocab {
    vocab_entry *entries; /* entries[limit], by id */
    size_t limit;         /* largest id + 1 */
    size_t count;         /* tokens */
    char *texts;          /* all of them, each with a NUL behind it */
    size_t text_size;     /* bytes of texts in use */
    uint32_t *slots;      /* slots[slot_count]: hashed texts, id + 1, 0 where empty */
    size_t slot_count;    /* a power of two */
} vocab;

/* Reads {"text": id, ...}. Ids may leave gaps; two texts with one id, and ids that are not whole numbers below
 * VOCAB_LIMIT are errors that name file, field and token. */
pb_status vocab_read(vocab *v, json_t *object, const char *file, const char *field, pb_error *err);
void vocab_free(vocab *v);

/* The same one by one: room for ids below `limit`, and for `count` texts with `bytes` bytes together; then each text
 * once, under an id of its own. Two texts with one id and two ids with one text are errors. */
void vocab_begin(vocab *v, size_t limit, size_t count, size_t bytes);
pb_status vocab_enter(vocab *v, const char *text, size_t size, size_t id, const char *file, const char *field,
                      pb_error *err);

size_t text_hash(const char *text, size_t size);

/* The id of text[size], or -1. */
int32_t vocab_find(const vocab *v, const char *text, size_t size);
/* The id of the token that stands for a byte, "<0x0A>", or -1. */
int32_t vocab_byte(const vocab *v, unsigned char byte);
/* The text of an id; .text is NULL when there is none. Any id may be asked for. */
vocab_entry vocab_text(const vocab *v, int32_t id);

#endif
