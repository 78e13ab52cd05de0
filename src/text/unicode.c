/* unicode.c: see unicode.h. */
#include "text/unicode.h"

#include <utf8proc.h>

enum { CLASS_BITS = 9 };

unsigned unicode_classes(uint32_t code_point)
{
    size_t low = 0, high = unicode_range_count; /* the entry is in [low, high) */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (unicode_ranges[middle] >> CLASS_BITS <= code_point)
            low = middle;
        else
            high = middle;
    }
    return unicode_ranges[low] & ((1u << CLASS_BITS) - 1);
}

int32_t unicode_fold(int32_t code_point)
{
    utf8proc_int32_t to[4];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(code_point, to, 4, UTF8PROC_CASEFOLD, &boundary);
    return n == 1 ? to[0] : utf8proc_tolower(code_point);
}

/* What a first byte promises: the length, and the range of the second byte (Unicode, table 3-7). */
typedef struct lead {
    size_t length; /* 0: no first byte */
    unsigned char second_low, second_high;
} lead;

static lead lead_of(unsigned char byte)
{
    if (byte < 0x80)
        return (lead){1, 0, 0};
    if (byte < 0xC2 || byte > 0xF4)
        return (lead){0, 0, 0};
    if (byte < 0xE0)
        return (lead){2, 0x80, 0xBF};
    if (byte < 0xF0)
        return (lead){3, byte == 0xE0 ? 0xA0 : 0x80, byte == 0xED ? 0x9F : 0xBF};
    return (lead){4, byte == 0xF0 ? 0x90 : 0x80, byte == 0xF4 ? 0x8F : 0xBF};
}

/* Bytes at the start of text[size], of `promise`'s length at most, that may begin a code point. */
static size_t good_bytes(const char *text, size_t size, lead promise)
{
    size_t n = 1;
    for (; n < promise.length && n < size; n++) {
        unsigned char byte = (unsigned char)text[n];
        unsigned char low = n == 1 ? promise.second_low : 0x80, high = n == 1 ? promise.second_high : 0xBF;
        if (byte < low || byte > high)
            break;
    }
    return n;
}

static uint32_t assemble(const char *text, size_t length)
{
    static const unsigned char lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code_point = (unsigned char)text[0] & lead_mask[length];
    for (size_t i = 1; i < length; i++)
        code_point = code_point << 6 | ((unsigned char)text[i] & 0x3F);
    return code_point;
}

size_t utf8_read(const char *text, size_t size, uint32_t *code_point)
{
    if (!size)
        return 0;
    lead promise = lead_of((unsigned char)text[0]);
    if (!promise.length || good_bytes(text, size, promise) != promise.length)
        return 0;
    *code_point = assemble(text, promise.length);
    return promise.length;
}

uint32_t utf8_next(const char *text, size_t *at)
{
    size_t length = lead_of((unsigned char)text[*at]).length;
    uint32_t code_point = assemble(text + *at, length);
    *at += length;
    return code_point;
}

size_t utf8_before(const char *text, size_t at)
{
    do
        at--;
    while (((unsigned char)text[at] & 0xC0) == 0x80);
    return at;
}

size_t utf8_write(uint32_t code_point, char bytes[4])
{
    static const unsigned char marker[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t length = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    bytes[0] = (char)(marker[length] | code_point);
    return length;
}

size_t utf8_valid(const char *text, size_t size)
{
    uint32_t ignored;
    size_t at = 0;
    while (at < size) {
        size_t length = utf8_read(text + at, size - at, &ignored);
        if (!length)
            break;
        at += length;
    }
    return at;
}

void utf8_add_lossy(buffer *out, const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t good = utf8_valid(text + at, size - at);
        if (good)
            buffer_add(out, text + at, good);
        at += good;
        if (at == size)
            break;
        lead promise = lead_of((unsigned char)text[at]);
        at += promise.length ? good_bytes(text + at, size - at, promise) : 1;
        buffer_text(out, "\xEF\xBF\xBD");
    }
}
