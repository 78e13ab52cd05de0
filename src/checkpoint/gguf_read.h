/* gguf_read.h: for gguf.c and gguf_metadata.c: bytes taken one after the other, never beyond the file's end. */
#ifndef CHECKPOINT_GGUF_READ_H
#define CHECKPOINT_GGUF_READ_H

#include <string.h>

#include "checkpoint/gguf.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's numbers are little-endian");

/* What is still to be read. */
typedef struct gguf_cursor {
    const unsigned char *at;
    size_t left;
} gguf_cursor;

/* The next n bytes, or NULL when fewer are left. */
static inline const unsigned char *gguf_take(gguf_cursor *c, size_t n)
{
    const unsigned char *bytes = c->at;
    if (n > c->left)
        return NULL;
    c->at += n;
    c->left -= n;
    return bytes;
}

static inline bool gguf_take_u32(gguf_cursor *c, uint32_t *value)
{
    const unsigned char *bytes = gguf_take(c, sizeof *value);
    if (bytes)
        memcpy(value, bytes, sizeof *value);
    return bytes != NULL;
}

static inline bool gguf_take_u64(gguf_cursor *c, uint64_t *value)
{
    const unsigned char *bytes = gguf_take(c, sizeof *value);
    if (bytes)
        memcpy(value, bytes, sizeof *value);
    return bytes != NULL;
}

/* A text is its length as a u64 and its bytes. Where it reaches beyond the end, text->size says how long it claims to
 * be and c stands after that. */
static inline bool gguf_take_text(gguf_cursor *c, gguf_text *text)
{
    uint64_t length = 0;
    *text = (gguf_text){0};
    if (!gguf_take_u64(c, &length))
        return false;
    text->size = (size_t)length;
    text->data = (const char *)gguf_take(c, text->size);
    return text->data != NULL;
}

/* Walks over `count` pairs from c on, checks them, and makes an index of them. `path` must outlive *out. */
pb_status gguf_metadata_read(gguf_metadata **out, gguf_cursor *c, uint64_t count, const char *path, pb_error *err);
void gguf_metadata_free(gguf_metadata *m);

#endif
