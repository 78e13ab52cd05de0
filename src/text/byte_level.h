/* byte_level.h: byte-level BPE by the name of its splits, for sources that have no tokenizer.json to spell them out. */
#ifndef TEXT_BYTE_LEVEL_H
#define TEXT_BYTE_LEVEL_H

#include "text/tokenizer_parts.h"

/* What belongs to a name beside vocabulary and merges. */
typedef struct byte_level_form {
    const char *name;
    const char *split;  /* the pattern that cuts a text into words; NULL: GPT-2's */
    bool digits;        /* digits stand alone */
    bool nfc;           /* the text is brought to normal form C first */
    bool ignore_merges; /* a word that is a token is that token */
    bool trims;         /* ranges leave out spaces */
    bool bos;           /* BOS stands in front unless the source says otherwise */
} byte_level_form;

/* NULL when the name is not known. */
const byte_level_form *byte_level_find(const char *name, size_t size);

/* All names, for errors: "gpt-2, phi-2, ...". */
void byte_level_names(buffer *out);

/* Steps, decoder and ranges of a tokenizer that has its model and its added tokens. before, behind: the ids around
 * every text, -1: none. */
pb_status byte_level_build(tokenizer *t, const byte_level_form *form, int32_t before, int32_t behind,
                           const char *file, pb_error *err);

#endif
