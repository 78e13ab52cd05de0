/* wording.h: how FlagQA asks: the wordings of each relation, and a question put together from one. */
#ifndef DATA_FLAGQA_WORDING_H
#define DATA_FLAGQA_WORDING_H

#include "base/memory.h"
#include "data/flagqa/facts.h"

/* Relations are rows. {c} is where the country goes (a phrase that points at the picture, or a name), {v} where the
 * second constraint goes; {C} is {c} as a sentence begins. */
typedef struct flag_relation_row {
    const char *name;
    const char *prefill;      /* what the answer may begin with */
    const char *wordings[10]; /* the first is the plain one; ended by NULL */
} flag_relation_row;

extern const flag_relation_row flag_relations[FLAG_RELATIONS];

size_t flag_wording_count(flag_relation relation);

/* Phrases that point at the picture, the plain one first. In each "country" can be put for another noun. */
extern const char *const flag_phrases[];
extern const size_t flag_phrase_count;
/* Nouns that are one token wherever "country" is: with one in its place a phrase points at nothing. */
extern const char *const flag_nouns[];
extern const size_t flag_noun_count;

/* What stands in a wording's places. */
typedef struct flag_filling {
    const char *country, *value; /* value may be NULL */
    bool country_article, value_article; /* "the" goes before it, outside of the constraint */
} flag_filling;

/* Where a constraint stands in the text: code points, half open. */
typedef struct flag_place {
    size_t start, end;
} flag_place;

/* Appends the wording with its places filled; places (may be NULL) are of the country and the value. */
void flag_fill(buffer *out, const char *wording, const flag_filling *filling, flag_place places[2]);

/* phrase with its "country" replaced by the noun. free() */
char *flag_phrase_about(const char *phrase, const char *noun);

#endif
