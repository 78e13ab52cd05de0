/* vqa.h: answers compared as the evaluation of the VQA data sets compares them (Antol et al. 2015, vqaEval.py).
 *
 *     vqa_contains(" The capital is Lisbon.", "lisbon")     true
 *     vqa_contains("Two men", "2 man")                       false
 *
 * Of a text all punctuation but the apostrophe and the colon goes: a mark that anywhere stands beside a space, or any
 * mark of a text that has a comma between digits, vanishes, any other becomes a space; full stops vanish unless a digit
 * follows. Then letters become small, "a", "an" and "the" are left out, none to ten become digits, contractions get
 * their apostrophe back, and one space stands between words. */
#ifndef METHOD_VQA_H
#define METHOD_VQA_H

#include <stdbool.h>

#include "base/memory.h"

/* Appends the text so. data is never NULL afterwards. */
void vqa_normalise(const char *text, buffer *out);

/* Whether an answer, cut at its first newline, contains an accepted one as whole words, both normalised. An accepted
 * answer of which nothing remains is contained in none. */
bool vqa_contains(const char *answer, const char *accepted);

/* Whether two answers, each cut at its first newline, are the same when normalised. */
bool vqa_same(const char *a, const char *b);

#endif
