/* draft.h: a text on its way to tokens.
 *
 * Tokenization rewrites a text (normal forms, spaces to meta signs, bytes to letters) and cuts it into pieces, and must
 * still know at the end which characters of the original each token covers. So a draft holds the bytes as they are by
 * now, for each of them the range of original bytes that it stands for, and the pieces. Every step reads one draft and
 * writes the next. */
#ifndef TEXT_DRAFT_H
#define TEXT_DRAFT_H

#include <stddef.h>
#include <stdint.h>

/* The original bytes [start, end) that a byte of a draft stands for. */
typedef struct origin {
    uint32_t start, end;
} origin;

/* The bytes [start, end) of a draft, never empty. id >= 0: an added token, which no further step touches. */
typedef struct piece {
    uint32_t start, end;
    int32_t id;
} piece;

enum { PIECE_OPEN = -1 }; /* the id of a piece that is still text */

typedef struct draft {
    char *bytes;     /* bytes[size]: valid UTF-8, and so is every piece */
    origin *origins; /* origins[size], ascending */
    size_t size, capacity;
    piece *pieces; /* pieces[count], in the text's order */
    size_t count, piece_capacity;
} draft;

/* The draft of an untouched text: each character stands for itself, all of it one piece. */
void draft_begin(draft *d, const char *text, size_t size);
void draft_clear(draft *d); /* empties it and keeps its memory */
void draft_free(draft *d);

/* Appends bytes that all stand for `from`. */
void draft_add(draft *d, const char *bytes, size_t n, origin from);
/* Appends the bytes [start, end) of `other`, and what they stand for. */
void draft_copy(draft *d, const draft *other, size_t start, size_t end);
/* Appends a piece; an empty one is dropped. */
void draft_cut(draft *d, size_t start, size_t end, int32_t id);

/* The original bytes of a piece. */
origin draft_origin(const draft *d, size_t start, size_t end);

#endif
