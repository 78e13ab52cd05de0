/* stage.h: the steps that take a text to the pieces that the model gets.
 *
 * What tokenizer.json calls normalizers and pre-tokenizers comes down to six steps; each reads one draft and writes the
 * next. In order: added tokens, normalizers, added tokens again (in their normal form), pre-tokenizers. */
#ifndef TEXT_STAGE_H
#define TEXT_STAGE_H

#include <jansson.h>

#include "text/added.h"
#include "text/draft.h"
#include "text/normalizer.h"
#include "text/pattern.h"

typedef enum stage_kind {
    STAGE_ADDED,   /* cuts out added tokens */
    STAGE_PREFIX,  /* puts a text before every piece */
    STAGE_REPLACE, /* puts a text in place of another */
    STAGE_NFC,     /* Unicode normal form C */
    STAGE_NORMALIZE, /* what SentencePiece does to a text first */
    STAGE_SPLIT,   /* cuts at the matches of a pattern */
    STAGE_BYTES    /* writes every byte as a letter (GPT-2's alphabet) */
} stage_kind;

/* What becomes of a pattern's match, and of the text between matches. */
typedef enum split_behavior {
    SPLIT_REMOVED,              /* the match is dropped */
    SPLIT_ISOLATED,             /* a piece of its own */
    SPLIT_MERGED_WITH_PREVIOUS, /* the end of the piece before it */
    SPLIT_MERGED_WITH_NEXT,     /* the start of the piece behind it */
    SPLIT_CONTIGUOUS            /* matches that touch are one piece */
} split_behavior;

typedef struct stage {
    stage_kind kind;
    const added_finder *finder; /* ADDED; not owned */
    const normalizer *normalizer; /* NORMALIZE; not owned */
    char *text;                 /* PREFIX: what is put before; REPLACE: what is put in */
    size_t text_size;
    char *unless;    /* PREFIX: not before a piece that begins with this; NULL: always */
    bool only_first; /* PREFIX: only before the piece that begins the original text */
    pattern *what;   /* REPLACE, SPLIT */
    split_behavior behavior; /* SPLIT */
    bool invert;             /* SPLIT: what lies between matches counts as match, and the other way round */
} stage;

typedef struct stages {
    stage *list; /* list[count] */
    size_t count;
} stages;

/* Appends the steps of a "normalizer" or "pre_tokenizer" (NULL: none). What is not known is refused by name. */
pb_status stages_read_normalizer(stages *s, const json_t *component, const char *file, pb_error *err);
pb_status stages_read_pre_tokenizer(stages *s, const json_t *component, const char *file, pb_error *err);
void stages_add(stages *s, stage one); /* takes over what it owns */
/* Those that other files ask for by their names: Metaspace's (`sign` in place of spaces, and one before a piece, before
 * the first alone, or before none), and a Split at a pattern's matches, each a piece of its own. */
typedef enum metaspace_scheme { METASPACE_ALWAYS, METASPACE_FIRST, METASPACE_NEVER } metaspace_scheme;
void stages_add_metaspace(stages *s, const char *sign, metaspace_scheme scheme);
pb_status stages_add_split(stages *s, const char *regex, const char *file, const char *field, pb_error *err);
void stages_add_digits(stages *s, bool individual);
void stages_free(stages *s);

/* Runs the steps first to last over *d; `spare` is memory to work with. */
void stages_run(const stages *s, draft *d, draft *spare);

/* The letter that stands for a byte in byte-level vocabularies, and back; -1: no such letter. */
uint32_t byte_to_letter(unsigned char byte);
int letter_to_byte(uint32_t code_point);

/* nfc.c: appends the normal form C of a piece. */
void nfc_piece(const draft *in, piece p, draft *out);

/* GPT-2's split pattern, which ByteLevel has built in. */
extern const char gpt2_pattern[];

#endif
