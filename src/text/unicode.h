/* unicode.h: UTF-8, and the classes of code points as Hugging Face's `tokenizers` sees them. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* ---- classes ----
 * The order is that of tools/make_unicode_tables.py. The first six are Oniguruma's, which runs the split patterns. */
enum {
    CLASS_LETTER = 1 << 0,      /* \p{L} */
    CLASS_MARK = 1 << 1,        /* \p{M} */
    CLASS_NUMBER = 1 << 2,      /* \p{N} */
    CLASS_PUNCTUATION = 1 << 3, /* \p{P} */
    CLASS_SYMBOL = 1 << 4,      /* \p{S} */
    CLASS_SPACE = 1 << 5,       /* \s, and White_Space everywhere else */
    CLASS_NUMERIC = 1 << 6,     /* what the pre-tokenizer Digits splits on (a newer Unicode than CLASS_NUMBER) */
    CLASS_WORD = 1 << 7,        /* \w of the regex crate, for added tokens that must be single words */
    CLASS_NORMAL = 1 << 8       /* known to the normalizer: decomposes, or has a combining class other than 0 */
};

/* All classes of a code point below 0x110000. */
unsigned unicode_classes(uint32_t code_point);

/* CaseFolding.txt's simple folding, one code point to one; where that file knows only a folding to several, lower case. */
int32_t unicode_fold(int32_t code_point);

/* The generated table behind it (unicode_tables.c), in ascending order. */
extern const size_t unicode_range_count;
extern const uint32_t unicode_ranges[];

/* ---- UTF-8 ---- */
enum { UTF8_REPLACEMENT = 0xFFFD };

/* Bytes of the code point at the start of text[size], which goes to *code_point; 0 when there is no valid one (empty,
 * overlong, a surrogate, beyond U+10FFFF, cut off). */
size_t utf8_read(const char *text, size_t size, uint32_t *code_point);

/* The same for text known to be valid: returns the code point at *at and moves *at behind it. */
uint32_t utf8_next(const char *text, size_t *at);

/* Moves back to the start of the code point that ends before `at`, in valid text. */
size_t utf8_before(const char *text, size_t at);

/* Writes the bytes of a code point, returns how many (1 to 4). */
size_t utf8_write(uint32_t code_point, char bytes[4]);

/* The first byte of text[size] that is no valid UTF-8, or size. */
size_t utf8_valid(const char *text, size_t size);

/* Appends text[size] with every maximal piece of invalid UTF-8 as one U+FFFD (Unicode, chapter 3, "maximal subparts";
 * what Rust's from_utf8_lossy does). */
void utf8_add_lossy(buffer *out, const char *text, size_t size);

#endif
