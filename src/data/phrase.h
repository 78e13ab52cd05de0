/* phrase.h: places in a text, counted in code points, and where a phrase stands in it. Texts are valid UTF-8.
 *
 *     phrase_find("What is the capital of This Country?", "this country", 0)     23
 *
 * A phrase is found as prompts find constraints: under simple case folding, one code point with one. */
#ifndef DATA_PHRASE_H
#define DATA_PHRASE_H

#include <stddef.h>
#include <stdint.h>

#define PHRASE_NOWHERE SIZE_MAX

/* How many code points the text has. */
size_t phrase_length(const char *text);
/* Where code point n begins, n at most the length. */
const char *phrase_at(const char *text, size_t n);
/* The code point of the first place at or behind `from` where the phrase stands; PHRASE_NOWHERE: there is none, or the
 * phrase is empty. */
size_t phrase_find(const char *text, const char *phrase, size_t from);

/* Where people who wrote the phrase down beside the text may have meant it: as it is, without blanks around it, without
 * commas, without any punctuation; however many blanks stand between words here or there; at a place where it is made
 * of whole words, or else anywhere. PHRASE_NOWHERE: nowhere. *length: how many code points of the text it takes. */
size_t phrase_place(const char *text, const char *phrase, size_t *length);

#endif
