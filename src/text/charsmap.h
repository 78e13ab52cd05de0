/* charsmap.h: SentencePiece's precompiled normalization rules: texts of a few characters, and what each becomes.
 *
 * The blob is a number of bytes (little-endian), that many bytes of a double array, and the new texts, a NUL behind
 * each. A double array (Aoe 1989, in the form of Darts-clone) is a trie in 32-bit units: a node's child for byte c
 * stands at (node's place xor its offset) xor c, and says in its lowest byte that it is that child. */
#ifndef TEXT_CHARSMAP_H
#define TEXT_CHARSMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct charsmap {
    unsigned char *blob; /* a copy; NULL: no rules */
    size_t unit_count;   /* units, at blob + 4 */
    const char *texts;   /* texts[text_size], ends with a NUL */
    size_t text_size;
} charsmap;

/* Checks and copies the blob; one of 0 bytes has no rules. */
pb_status charsmap_read(charsmap *m, const void *blob, size_t size, const char *file, pb_error *err);
void charsmap_free(charsmap *m);

/* The longest rule that text[size] (valid UTF-8) begins with: its length, and in *to what takes its place (ended by a
 * NUL). 0: none. */
size_t charsmap_find(const charsmap *m, const char *text, size_t size, const char **to);

#endif
