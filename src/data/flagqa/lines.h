/* lines.h: FlagQA's questions as lines of JSON: the set itself, requests for edits, the page that goes with them. */
#ifndef DATA_FLAGQA_LINES_H
#define DATA_FLAGQA_LINES_H

#include "base/memory.h"
#include "data/flagqa/flagqa.h"

/* Appends one line a question, counts them. */
void flag_write_rows(buffer *out, flagqa_counts *counts, const flag_facts *f, const flag_questions *q);

/* Appends one request a line: for each country an edit of its capital, language, currency and continent, in the plain
 * wording about its first photograph; the target is the counterpart's answer. */
void flag_write_requests(buffer *out, flagqa_counts *counts, const flag_facts *f, uint64_t seed);

/* The data card. */
void flag_write_card(buffer *out, const flagqa_counts *counts, uint64_t seed);

/* The counts as commands on data sets tell them. */
void flag_tally(tally *t, const flagqa_counts *counts, const char *file);

enum { FLAG_PHOTOS = 3 }; /* of each country; questions are about the first two */

/* The path of a country's picture, as rows have it: photo 0 is the flag itself. */
void flag_picture_path(buffer *out, const flag_country *c, size_t photo);

/* What the card is made of: card.md beside this file. */
extern const char flagqa_card[];

#endif
