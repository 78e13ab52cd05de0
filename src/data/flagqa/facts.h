/* facts.h: what FlagQA knows of each country: the compact JSON made by tools/flagqa_facts.py, which is part of the
 * program (facts.json beside this file).
 *
 *     flag_facts facts;
 *     TRY(flag_facts_read(&facts, flagqa_facts_json, "facts.json", err));
 *     ... facts.countries[i].answers[FLAG_CAPITAL].items[0] ...
 *     flag_facts_free(&facts);
 *
 * Two sources stand behind most facts. What either says counts as a right answer; what both say is `agreed`, and
 * questions that must have one answer only are made of it. */
#ifndef DATA_FLAGQA_FACTS_H
#define DATA_FLAGQA_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What is asked about one country, and its answers lie in flag_country.answers. */
typedef enum flag_relation {
    FLAG_NAME,
    FLAG_CAPITAL,
    FLAG_LANGUAGE,
    FLAG_CURRENCY,
    FLAG_CONTINENT,
    FLAG_NEIGHBOUR,
    FLAG_REGION,
    FLAG_CALLING,
    FLAG_DOMAIN,
    FLAG_CODE,
    FLAG_SINGLE, /* how many relations have a single constraint; those with a second one follow */
    FLAG_NEIGHBOUR_LANGUAGE = FLAG_SINGLE,
    FLAG_NEIGHBOUR_CURRENCY,
    FLAG_NEIGHBOUR_REGION,
    FLAG_POPULATION,
    FLAG_AREA,
    FLAG_RELATIONS
} flag_relation;

/* A list of texts, which live as long as the facts. */
typedef struct flag_texts {
    const char **items; /* [count] */
    size_t count;
} flag_texts;

#define FLAG_TOKENIZERS 2 /* those by which facts.json measures names */

/* Tokens of a text in mid-sentence; 0 where that is not known. */
typedef struct flag_cut {
    size_t tokens[FLAG_TOKENIZERS];
} flag_cut;

typedef struct flag_country {
    const char *iso;   /* two small letters: the flag's file is ISO.png */
    const char *split; /* "train", "dev", "test"; NULL: has no flag of its own here, only stands beside others */
    bool article;      /* "the" goes before the name */
    bool disputed;     /* its capital is */
    flag_texts answers[FLAG_SINGLE]; /* the usual one first; none: not known, or sources differ */
    flag_cut cut;      /* of its name */
    const char *language, *money, *money_code; /* one that all sources agree on, NULL: none */
    flag_texts money_codes;                    /* every one that a source has */
    bool one_continent;
    double people[2], area[2]; /* between what and what the sources are; km2; 0: not known */
    size_t *near;              /* [near_count] neighbours, as indices: those that are sure first, most people first */
    size_t sure_count, near_count;
} flag_country;

typedef struct flag_facts {
    flag_country *countries; /* [count] in the order of iso */
    size_t count;
    json_t *json; /* what the texts lie in */
} flag_facts;

/* The JSON text inside the program, made from facts.json. */
extern const char flagqa_facts_json[];

/* `name` stands in errors: a field of the wrong kind, an unknown neighbour, no country with a split. */
pb_status flag_facts_read(flag_facts *out, const char *json, const char *name, pb_error *err);
void flag_facts_free(flag_facts *f);

/* The name of the country. */
const char *flag_name(const flag_country *c);
/* Tokens of a language or a currency. */
flag_cut flag_value_cut(const flag_facts *f, const char *value);
bool flag_same_cut(flag_cut a, flag_cut b); /* false where one is not known */

/* Whether a text is among them, case aside. */
bool flag_has_text(const flag_texts *list, const char *text);
/* Whether two lists share one, case aside. */
bool flag_share_text(const flag_texts *a, const flag_texts *b);

#endif
