/* pieces.h: SentencePiece's models: a list of pieces, each with a score, and two ways to cut a text into them.
 *
 * BPE joins the neighbours whose piece has the highest score, the leftmost of equal ones, until none is a piece.
 * Unigram takes the pieces whose scores sum highest (Viterbi). Both give what SentencePieceProcessor.encode gives for a
 * text that is normalized already. tokenizer.model and GGUF files of the kind "llama" hold such a list. */
#ifndef TEXT_PIECES_H
#define TEXT_PIECES_H

#include "text/prefixes.h"
#include "text/vocab.h"
#include "text/word.h"

/* The numbers are those in the files. */
typedef enum piece_kind {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN = 2,      /* what is no piece becomes this one, or its bytes */
    PIECE_CONTROL = 3,      /* never comes out of a text */
    PIECE_USER_DEFINED = 4, /* always a token where it stands */
    PIECE_UNUSED = 5,       /* never comes out, but may be joined on the way to others */
    PIECE_BYTE = 6          /* "<0x0A>" */
} piece_kind;

typedef struct pieces {
    char *file;
    const char *field; /* what the file calls the list, for errors */
    vocab vocab;
    float *scores;        /* scores[vocab.limit] */
    unsigned char *kinds; /* kinds[vocab.limit] */
    int32_t bytes[256];   /* ids of the BYTE pieces */
    int32_t unknown;
    bool unigram, byte_fallback;
    size_t longest;        /* bytes of the longest piece */
    float lowest;          /* of the NORMAL pieces' scores */
    prefixes user_defined; /* those pieces; their values are ids */
    prefixes known;        /* Unigram: all that may come out */
} pieces;

/* Room for `count` pieces with `bytes` bytes of text together; then each in the order of ids; then the end, which
 * checks the list as a whole. `unknown`: the id of the unknown piece, -1: the one of that kind. */
pieces *pieces_new(size_t count, size_t bytes, const char *file, const char *field);
pb_status pieces_add(pieces *p, const char *text, size_t size, float score, unsigned kind, pb_error *err);
pb_status pieces_end(pieces *p, bool unigram, bool byte_fallback, int32_t unknown, pb_error *err);
void pieces_free(pieces *p);

/* The tokens of a normalized text into *w. A character that is no piece gives its bytes where the model has them, or
 * the unknown piece, neighbours together one. */
void pieces_encode(const pieces *p, const char *text, size_t size, word *w);

#endif
