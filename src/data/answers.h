/* answers.h: answers that lie in a file beside the questions: a table (CSV) or JSON lines.
 *
 *     id,answer                                  {"id": "3", "answers": ["Lisbon"]}
 *     3,Lisbon                                   {"question": "What is this?", "image": "a.png", "answer": "a cat"}
 *
 * They belong to a question by its number ("id", "index" or "question_id"; a column without a name where there is no
 * question column either), or else by its text, and its picture's name where one is given. "answers" is a list (in a
 * table as JSON or Python write it), "answer" is one; more lines of one question add up. */
#ifndef DATA_ANSWERS_H
#define DATA_ANSWERS_H

#include <jansson.h>

#include "base/error.h"

/* PB_EIO, PB_EFORMAT: the file cannot be read, a line of it is broken, or a column is missing. json_decref. */
pb_status answers_read(json_t **book, const char *path, pb_error *err);

/* The answers of a question, a list that lives as long as the book; NULL: it has none. id, image: may be NULL. */
const json_t *answers_find(const json_t *book, const char *id, const char *question, const char *image);

#endif
