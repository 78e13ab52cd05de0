/* try_tokenizer.h: what every tokenizer that opens must stand, for the fuzz targets that open one: it takes every text,
 * keeps its ranges inside it, and decodes its own tokens. */
#ifndef FUZZ_TRY_TOKENIZER_H
#define FUZZ_TRY_TOKENIZER_H

#include <stdlib.h>

#include "text/tokenizer.h"
#include "text/unicode.h"

static inline size_t characters(const buffer *text)
{
    size_t count = 0;
    for (size_t at = 0; at < text->size; count++)
        utf8_next(text->data, &at);
    return count;
}

static inline void try_text(const tokenizer *t, const buffer *text)
{
    encoding e;
    pb_error err = {0};
    buffer out = {0};
    size_t length = characters(text);
    pb_status status = tokenizer_encode(t, text->data ? text->data : "", text->size, true, &e, &err);
    if (status != PB_OK && !err.message[0])
        abort(); /* a failure without words */
    int32_t *ids = mem_new(e.count, sizeof *ids);
    for (size_t i = 0; i < e.count; i++) {
        if (e.tokens[i].start > e.tokens[i].end || e.tokens[i].end > length)
            abort(); /* a range beyond the text */
        ids[i] = e.tokens[i].id;
        tokenizer_token_text(t, ids[i], &out);
    }
    tokenizer_decode(t, ids, e.count, e.count % 2, &out);
    if (utf8_valid(out.data ? out.data : "", out.size) != out.size)
        abort(); /* a text that is none */
    free(ids);
    buffer_free(&out);
    encoding_free(&e);
}

/* A text that is hard, and the input itself as one. */
static inline void try_tokenizer(const tokenizer *t, const void *data, size_t size)
{
    static const char hard[] = "It's e\xCC\x81 <a> \xE2\x96\x81 12\n\n  \xF0\x9F\x91\xA9\xE2\x80\x8D <image></s>";
    buffer text = {0};
    buffer_add(&text, hard, sizeof hard - 1);
    try_text(t, &text);
    text.size = 0;
    utf8_add_lossy(&text, data, size < 2000 ? size : 2000);
    try_text(t, &text);
    buffer_free(&text);
}

#endif
