/* draw.h: what the files share that draw FlagQA's questions (questions.h): what the facts say of two countries
 * (pairs.c), and drawing of what is put in a question's place (counterparts.c). */
#ifndef DATA_FLAGQA_DRAW_H
#define DATA_FLAGQA_DRAW_H

#include "data/flagqa/questions.h"

/* ---- facts about pairs ---- */

/* Whether it has a flag of its own here, and with it questions; else it only stands beside others. */
bool flag_is_shown(const flag_country *c);
bool flag_asks_neighbour(flag_relation r);
/* By which a country has the value, whatever source says so. */
const flag_texts *flag_keys_of(const flag_country *c, flag_relation r);
/* The value by which a country can be told from its neighbours: one that all sources agree on. */
flag_value flag_value_of(const flag_facts *f, size_t country, flag_relation r);
/* How many neighbours have the value by some source, and the first that all sources agree on. */
size_t flag_count_neighbours(const flag_facts *f, size_t country, flag_relation relation, const char *key,
                             size_t *sure);

/* ---- drawing one of those that fit best ---- */

/* Candidates in tiers, the best first; one of the best tier that holds any is drawn. */
enum { FLAG_TIERS = 4 };
typedef struct flag_tiers {
    size_t *items[FLAG_TIERS];
    size_t counts[FLAG_TIERS];
} flag_tiers;

void flag_tiers_add(flag_tiers *t, size_t tier, size_t item);
/* FLAG_NONE: it is empty. Leaves it empty. */
size_t flag_tiers_draw(flag_tiers *t, random_state *r);
void flag_tiers_free(flag_tiers *t);

/* ---- counterparts: each fills in its part of q, or leaves FLAG_NONE where there is none ---- */

/* A country with which the question has an answer that shares nothing with this one's;
 * else one with which it has none. */
void flag_draw_other(const flag_facts *f, flag_question *q, random_state *r);
/* Another value: first one of as many tokens with which the question has another answer, then one with which it has
 * none, then any that has one. */
void flag_draw_other_neighbour(const flag_facts *f, flag_question *q, random_state *r);
/* Another country to compare with, by which the answer turns. */
void flag_draw_other_size(const flag_facts *f, flag_question *q, random_state *r);

#endif
