/* tally.h: what became of a data set's rows: how many there are, how many were kept, which were marked and why, and
 * what is wrong on which line (docs/datasets.md).
 *
 *     tally t;
 *     tally_open(&t, "questions.jsonl");
 *     tally_kept(&t);                                             // once a row: this one,
 *     tally_mark(&t, "no picture");                               // or this one
 *     tally_problem(&t, 2, "pt-2", "there is no file pt.png");
 *     json_t *json = tally_json(&t);                              // rows 2, kept 1, marked {"no picture": 1}
 *     tally_free(&t);
 *
 * So rows = kept + the marked, always. */
#ifndef DATA_TALLY_H
#define DATA_TALLY_H

#include <jansson.h>

#include "base/memory.h"

typedef struct tally {
    char *file;
    size_t rows, kept;
    json_t *marked;   /* {"reason": rows}, in the order in which they came up */
    json_t *problems; /* [{"line", "id", "problem"}] */
    json_t *more;     /* further members of the JSON; whoever counts more puts them here */
    buffer words;     /* and here further lines of the text */
} tally;

void tally_open(tally *t, const char *file);
void tally_free(tally *t); /* leaves an empty one */

void tally_kept(tally *t);
void tally_mark(tally *t, const char *reason);
/* line from 1; what is no UTF-8 in the texts is replaced. */
void tally_problem(tally *t, size_t line, const char *id, const char *problem);

/* Schema patchbay.dataset/1; json_decref. */
json_t *tally_json(const tally *t);
/* The same in words, with the first problems, each as FILE:LINE: ID: PROBLEM. */
void tally_text(const tally *t, buffer *out);

/* Adds one to map[key]; a key that is no UTF-8 is replaced as far as it is none. */
void tally_count(json_t *map, const char *key);

#endif
