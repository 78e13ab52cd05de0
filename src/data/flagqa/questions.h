/* questions.h: what FlagQA asks: every question of the set, drawn from the facts and a seed.
 *
 *     flag_questions q = flag_questions_draw(&facts, seed);
 *     for (size_t i = 0; i < q.count; i++)
 *         ... q.items[i] ...
 *     flag_questions_free(&q);
 *
 * Each country is asked about twice per relation: in round 0 in the plain wording, about its first photograph; in round
 * 1 in wordings and phrases drawn at the seed, about its second. Each visual question is followed by its textual twin,
 * which names the country instead of pointing at it (there is none where the name itself is asked for). The order mixes
 * countries and relations, so that the first N questions are a sample of all. */
#ifndef DATA_FLAGQA_QUESTIONS_H
#define DATA_FLAGQA_QUESTIONS_H

#include <stdint.h>

#include "base/random.h"
#include "data/flagqa/facts.h"

#define FLAG_NONE SIZE_MAX /* no country */

/* A second constraint: a language, a currency or a region that a neighbour has, or a country to compare with. */
typedef struct flag_value {
    const char *text; /* as it is asked; NULL: there is none */
    const char *key;  /* what countries are tested for: the currency's code, else the text */
    size_t country;   /* whose name the text is, or FLAG_NONE */
    size_t answer;    /* the country that is the answer with it, or FLAG_NONE */
} flag_value;

typedef struct flag_question {
    flag_relation relation;
    size_t country; /* the subject */
    bool textual;
    size_t round, wording, phrase, noun, number; /* number: of the question among its country's of this
                                                  * relation, from 1 */
    flag_value value;   /* of the second constraint */
    size_t holders;     /* how many countries have the value: 1: it tells the answer alone; 0: no such thing */
    size_t other;       /* the counterpart: the country whose picture or name is put in for this one's, or FLAG_NONE */
    size_t other_answer; /* the answer with it, where a country is the answer, else FLAG_NONE */
    flag_value other_value; /* the counterpart of the value */
} flag_question;

typedef struct flag_questions {
    flag_question *items; /* [count] */
    size_t count, capacity;
} flag_questions;

flag_questions flag_questions_draw(const flag_facts *f, uint64_t seed);
void flag_questions_free(flag_questions *q);

/* What counts as right for `relation` asked of `country`; where a country is the answer it is
 * `answer`. NULL: nothing. */
const flag_texts *flag_right(const flag_facts *f, flag_relation relation, size_t country, size_t answer);

/* The only neighbour of the country that has the value: one that all sources have as a neighbour with this value, where
 * none that any source has as a neighbour has it by any source. FLAG_NONE: there is none, or more than one. */
size_t flag_only_neighbour(const flag_facts *f, size_t country, flag_relation relation, const char *key);
/* Which of two is larger (FLAG_POPULATION, FLAG_AREA), at least twice the other by all sources;
 * FLAG_NONE: not clear. */
size_t flag_larger(const flag_facts *f, size_t a, size_t b, flag_relation relation);

/* A generator of its own for each purpose, so that a change of one draw leaves the others as they are. */
random_state flag_stream(uint64_t seed, uint64_t purpose);

/* For each country one other of the same split whose answers differ, drawn as for the questions: what edits put in. */
size_t flag_counterpart(const flag_facts *f, flag_relation relation, size_t country, random_state *r);

#endif
