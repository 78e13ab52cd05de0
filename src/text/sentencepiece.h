/* sentencepiece.h: SentencePiece's tokenizer.model, a protobuf message (ModelProto): pieces with their scores, how the
 * model was trained, and how a text is normalized. */
#ifndef TEXT_SENTENCEPIECE_H
#define TEXT_SENTENCEPIECE_H

#include "text/normalizer.h"
#include "text/pieces.h"

typedef struct sentencepiece {
    pieces *pieces;
    normalizer *normalizer;
    int32_t bos, eos;  /* their ids; -1: the model has none */
    bool dummy_prefix; /* a space is put before the text, or behind it when normalizer->suffix */
} sentencepiece;

/* Reads the whole file, bytes[size]; nothing of it is needed afterwards. Damage is PB_EFORMAT with its place; the model
 * types WORD and CHAR are PB_EUNSUPPORTED. Free what it holds with pieces_free and normalizer_free. */
pb_status sentencepiece_read(sentencepiece *s, const void *bytes, size_t size, const char *file, pb_error *err);

#endif
