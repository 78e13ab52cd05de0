/* added.h: added tokens, which are found in the text before anything else happens to it.
 *
 * "<image>" or "</s>" in a text become their ids as they stand. Those marked `normalized` are looked for after
 * normalization, in their own normal form, the others before. Of several at one place the longest counts. */
#ifndef TEXT_ADDED_H
#define TEXT_ADDED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/draft.h"
#include "text/prefixes.h"
#include "text/vocab.h"

typedef struct added_token {
    char *content;
    size_t size;
    char *form; /* what is looked for, form[form_size]: the content, or its normal form */
    size_t form_size;
    int32_t id;
    bool single_word;  /* only where no word character touches it */
    bool strip_left;   /* takes the white space before it in */
    bool strip_right;  /* and behind it */
    bool normalized;
    bool special;      /* left out of a decoded text on request */
} added_token;

typedef struct added_tokens {
    added_token *list; /* list[count], ascending by id */
    size_t count;
    uint32_t *slots; /* slots[slot_count]: hashed contents, index + 1, 0 where empty */
    size_t slot_count; /* a power of two */
    size_t fresh;      /* how many of them the vocabulary lacks */
} added_tokens;

/* Reads the array "added_tokens". As in HF a token's id is that of its content in the vocabulary, or the next free one
 * behind the vocabulary's count: the ids in the file are not used. */
pb_status added_read(added_tokens *a, json_t *array, const vocab *v, const char *file, pb_error *err);
void added_free(added_tokens *a);

/* The same one by one: room for `most` tokens, each of them in turn, then the end, which only may fail. Entering takes
 * `t` over, gives it its id, or gives the token with the same content these new properties (it stays special once it
 * was). */
added_token added_plain(const char *content, bool special); /* a token without other flags */
void added_begin(added_tokens *a, size_t most);
void added_enter(added_tokens *a, added_token t, const vocab *v);
pb_status added_end(added_tokens *a, const vocab *v, const char *file, pb_error *err);

/* NULL when there is none. */
const added_token *added_find(const added_tokens *a, const char *content, size_t size);
const added_token *added_by_id(const added_tokens *a, int32_t id);

/* ---- looking for them ---- */
typedef struct added_finder {
    prefixes forms;          /* their values are indices into list */
    const added_token *list; /* not owned */
} added_finder;

/* Those of `a` that are normalized, or the others. PB_EFORMAT when two have the same form. */
pb_status added_finder_make(added_finder *f, const added_tokens *a, bool normalized, const char *file, pb_error *err);
void added_finder_free(added_finder *f);

/* Cuts the open piece `p` of `in` (all of whose bytes are copied to `out`) at the tokens in it. */
void added_cut(const added_finder *f, const draft *in, piece p, draft *out);

#endif
