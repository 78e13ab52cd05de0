/* wording.c: see wording.h. The wordings of the first six relations, and of two constraints, are those that the demo
 * model and the flags model were asked in, so that both can be studied. */
#include "data/flagqa/wording.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const flag_relation_row flag_relations[FLAG_RELATIONS] = {
    [FLAG_NAME] = {"name", "The name of {c} is",
                   {"What is the name of {c}?", "What is {c} called?", "Tell me the name of {c}.", "Name {c}.",
                    "Do you know the name of {c}?", "Which country is {c}?"}},
    [FLAG_CAPITAL] = {"capital", "The capital of {c} is",
                      {"What is the capital of {c}?", "Which city is the capital of {c}?", "Name the capital of {c}.",
                       "What is the capital city of {c}?", "What city is the capital of {c}?"}},
    [FLAG_LANGUAGE] = {"language", "The language of {c} is",
                       {"Which language is spoken in {c}?", "What is the language of {c}?",
                        "What language do people speak in {c}?", "Name the language of {c}.",
                        "What is the official language of {c}?", "Which language do people speak in {c}?"}},
    [FLAG_CURRENCY] = {"currency", "The currency of {c} is",
                       {"What is the currency of {c}?", "Which currency is used in {c}?",
                        "What money do people use in {c}?", "Name the currency of {c}.",
                        "Which currency does {c} use?", "What currency does {c} use?"}},
    [FLAG_CONTINENT] = {"continent", "{C} is in",
                        {"On which continent is {c}?", "Which continent is {c} in?", "What is the continent of {c}?",
                         "Name the continent of {c}.", "In which continent is {c}?", "What continent is {c} in?"}},
    [FLAG_NEIGHBOUR] = {"neighbour", "{C} borders",
                        {"Which country borders {c}?", "Name a neighbour of {c}.", "Which country is next to {c}?",
                         "What is a neighbouring country of {c}?", "Which country shares a border with {c}?",
                         "What country borders {c}?", "Which country is a neighbour of {c}?"}},
    [FLAG_REGION] = {"region", "The United Nations subregion of {c} is",
                     {"In which United Nations subregion is {c}?", "What is the United Nations subregion of {c}?",
                      "Which subregion of the world do the United Nations put {c} in?",
                      "Name the United Nations subregion of {c}."}},
    [FLAG_CALLING] = {"calling_code", "The international calling code of {c} is",
                      {"What is the international calling code of {c}?", "Which calling code does {c} have?",
                       "What is the telephone country code of {c}?", "Name the international calling code of {c}."}},
    [FLAG_DOMAIN] = {"domain", "The two-letter internet domain of {c} is",
                     {"What is the two-letter internet domain of {c}?",
                      "Which two-letter internet domain does {c} have?",
                      "What is the internet country domain of {c}?", "Name the two-letter internet domain of {c}."}},
    [FLAG_CODE] = {"iso_code", "The three-letter ISO code of {c} is",
                   {"What is the three-letter ISO code of {c}?", "Which three-letter ISO code does {c} have?",
                    "Which three letters are the ISO code of {c}?", "Name the three-letter ISO code of {c}."}},
    [FLAG_NEIGHBOUR_LANGUAGE] = {"neighbour_language", "The neighbour of {c} that speaks {v} is",
                                 {"Which country borders {c} and has {v} as its language?",
                                  "Which neighbour of {c} speaks {v}?"}},
    [FLAG_NEIGHBOUR_CURRENCY] = {"neighbour_currency", "The neighbour of {c} that uses the {v} is",
                                 {"Which country borders {c} and has {v} as its currency?",
                                  "Which neighbour of {c} uses the {v}?"}},
    [FLAG_NEIGHBOUR_REGION] = {"neighbour_region", "The neighbour of {c} that is in {v} is",
                               {"Which country borders {c} and is in {v}?", "Which neighbour of {c} is in {v}?"}},
    [FLAG_POPULATION] = {"population", "The one with more people is",
                         {"Which has more people, {c} or {v}?", "Do more people live in {c} or in {v}?"}},
    [FLAG_AREA] = {"area", "The larger one is",
                   {"Which has the larger area, {c} or {v}?", "Which is larger in area, {c} or {v}?"}},
};

size_t flag_wording_count(flag_relation relation)
{
    size_t n = 0;
    while (flag_relations[relation].wordings[n])
        n++;
    return n;
}

const char *const flag_phrases[] = {"this country", "the country in the picture", "the country in this picture",
                                    "the country shown here", "the country with this flag"};
const size_t flag_phrase_count = sizeof flag_phrases / sizeof *flag_phrases;

const char *const flag_nouns[] = {"river", "table", "song",   "tree",   "street", "garden", "engine",
                                  "letter", "mountain", "school", "winter", "book", "bridge", "window",
                                  "door",  "ship",  "train",  "film",   "stone",  "house",  "king"};
const size_t flag_noun_count = sizeof flag_nouns / sizeof *flag_nouns;

/* ---- filling ---- */

static size_t count_points(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Appends one place's text, from `begin` on where out's text began; its place is told without the article. */
static void add_place(buffer *out, size_t begin, const char *text, bool article, bool capital, flag_place *place)
{
    if (article)
        buffer_text(out, capital ? "The " : "the ");
    size_t start = out->size;
    buffer_text(out, text);
    if (capital && !article)
        out->data[start] = (char)toupper((unsigned char)out->data[start]);
    place->start = count_points(out->data + begin, start - begin);
    place->end = place->start + count_points(out->data + start, out->size - start);
}

void flag_fill(buffer *out, const char *wording, const flag_filling *filling, flag_place places[2])
{
    flag_place ignored[2];
    size_t begin = out->size;
    places = places ? places : ignored;
    while (*wording) {
        size_t n = strcspn(wording, "{");
        buffer_add(out, wording, n);
        wording += n;
        if (!*wording)
            return;
        if (wording[1] == 'v')
            add_place(out, begin, filling->value, filling->value_article, false, &places[1]);
        else
            add_place(out, begin, filling->country, filling->country_article, wording[1] == 'C', &places[0]);
        wording += 3;
    }
}

char *flag_phrase_about(const char *phrase, const char *noun)
{
    static const char country[] = "country";
    const char *at = strstr(phrase, country);
    buffer text = {0};
    buffer_add(&text, phrase, (size_t)(at - phrase));
    buffer_text(&text, noun);
    buffer_text(&text, at + strlen(country));
    return text.data;
}
