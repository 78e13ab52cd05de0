/* propose.h: which phrases of a question are its constraints,
 * guessed from its words (docs/datasets.md, "Proposed spans").
 *
 * Of the picture: noun phrases behind this, that, these, those; "the ... in the picture". In the text: quoted and
 * capitalised phrases. There is no grammar behind it but lists of small words and of verbs: where a noun phrase ends is
 * a guess. */
#ifndef DATA_PROPOSE_H
#define DATA_PROPOSE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct proposal {
    bool textual;      /* else visual */
    size_t start, end; /* code points of the question, half open */
} proposal;

/* *out: the proposals, visual ones first, each kind in the question's order, none overlapping; free(). Returns how
 * many. Without a picture none are visual. The question is valid UTF-8. */
size_t propose(const char *question, bool has_image, proposal **out);

#endif
