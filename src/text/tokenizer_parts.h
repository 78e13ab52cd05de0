/* tokenizer_parts.h: what a tokenizer is made of, for the files that put one together: tokenizer_json.c
 * (tokenizer.json), tokenizer_model.c (tokenizer.model), tokenizer_merges.c (vocab.json, merges.txt), tokenizer_gguf.c.
 *
 *     text -> stage.c (added tokens, normalizer, pre-tokenizer) -> bpe.c or pieces.c -> postprocess.c -> ids and ranges
 *     ids -> vocab.c, added.c -> decode.c -> text
 *
 * Whoever makes one sets the model and the added tokens, then the steps in their order, then the rest. */
#ifndef TEXT_TOKENIZER_PARTS_H
#define TEXT_TOKENIZER_PARTS_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/decode.h"
#include "text/normalizer.h"
#include "text/pieces.h"
#include "text/postprocess.h"
#include "text/stage.h"
#include "text/tokenizer.h"

struct tokenizer {
    bpe *bpe;       /* one of the two models; the other is NULL */
    pieces *pieces;
    normalizer *normalizer; /* of the step NORMALIZE, or NULL */
    added_tokens added;
    added_finder raw, normal; /* added tokens to look for before and after normalization */
    stages stages;
    postprocess post;
    text_decoder decoder;
    const char *kind; /* tokenizer_kind, static */
};

/* The first step: added tokens that are not normalized. */
void tokenizer_begin_steps(tokenizer *t);
/* Ends the steps that are normalizers: added tokens get their normal forms and are looked for again. */
pb_status tokenizer_end_normalizer(tokenizer *t, const char *file, pb_error *err);

const vocab *tokenizer_words(const tokenizer *t);

/* Each fills an empty tokenizer from the file `path` and what lies beside it in `directory`. */
pb_status tokenizer_read_json(tokenizer *t, const char *path, const char *directory, pb_error *err);
pb_status tokenizer_read_model(tokenizer *t, const char *path, const char *directory, pb_error *err);
pb_status tokenizer_read_merges(tokenizer *t, const char *path, const char *directory, pb_error *err);

#endif
