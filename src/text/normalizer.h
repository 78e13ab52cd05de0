/* normalizer.h: what SentencePiece does to a text before its model sees it.
 *
 * Rules replace the longest texts that they know, from left to right; spaces in a row become one and those at both ends
 * vanish, or not; spaces become "▁". User-defined pieces stay as they are. (The "▁" that is put before the text is a
 * step of its own: added tokens may be looked for in between.) */
#ifndef TEXT_NORMALIZER_H
#define TEXT_NORMALIZER_H

#include "text/charsmap.h"
#include "text/draft.h"
#include "text/prefixes.h"

typedef struct normalizer {
    charsmap rules;
    bool trims;   /* remove_extra_whitespaces */
    bool escapes; /* escape_whitespaces: spaces become "▁" */
    bool suffix;  /* a space is put behind the text */
    const prefixes *fixed; /* user-defined pieces; not owned */
} normalizer;

void normalizer_free(normalizer *n); /* and the struct itself; NULL allowed */

/* Appends what the piece `p` becomes. */
void normalizer_run(const normalizer *n, const draft *in, piece p, draft *out);

#endif
