/* rows.h: a file of questions, one JSON object per line, as VQA-Constraints has them (docs/edit.md, "Files of
 * questions").
 *
 *     {"id": "pt-1", "image": "pictures/pt.png", "question": "What is the capital of this country?",
 *      "constraints": [{"kind": "visual", "text": "this country", "start": 23, "end": 35}], "answers": ["Lisbon"],
 *      "source": "flags", "subject": "Portugal"}
 *
 * on one line. A request for an edit is such a row with a "target", and may have a "prefill" and "rephrasings".
 *
 *     rows r;
 *     TRY(rows_read(&r, "requests.jsonl", ROWS_REQUESTS, err));
 *     for (size_t i = 0; i < r.count; i++)
 *         ... r.items[i].asked.question ...
 *     rows_free(&r);
 *
 * start and end are code points of the question, half open, and must hold exactly `text`. Paths of pictures are
 * relative to the file. Fields that are not named here are passed over, null counts as not given, lines of nothing but
 * blanks too. */
#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ROWS_ANYWHERE SIZE_MAX /* the start of a constraint that is given by its words alone */

/* A question as a row or one of its rephrasings asks it. */
typedef struct row_question {
    char *image;              /* as it can be opened from here; NULL: none */
    const char *question;
    const char *prefill;      /* NULL: none */
    const char **constraints; /* [constraint_count] their texts */
    const char **kinds;       /* [constraint_count] "visual", "textual", ...; NULL where it is not said */
    size_t *starts;           /* [constraint_count] code points of the question, or ROWS_ANYWHERE */
    size_t constraint_count;
} row_question;

typedef struct row {
    char *name;               /* "FILE: line 37": how errors call it */
    size_t line;              /* from 1 */
    const char *id, *source, *subject; /* NULL where they are not given */
    row_question asked;
    const char **answers;     /* [answer_count] */
    size_t answer_count;
    const char *target;       /* of a request; else NULL */
    row_question *rephrasings; /* [rephrasing_count] of a request; what they leave out is the request's */
    size_t rephrasing_count;
    json_t *json;             /* the row itself, which holds the texts above */
} row;

typedef struct rows {
    row *items; /* [count] in the file's order */
    size_t count;
    size_t marked; /* rows left out because they are marked */
} rows;

typedef enum rows_use {
    ROWS_REQUESTS,  /* each needs a target; a row that is marked (as lacking something) is an error */
    ROWS_QUESTIONS  /* each needs answers; rows that are marked are left out */
} rows_use;

/* Reads all rows, or none: PB_EFORMAT names the file, the line and the field. A picture that is not there is an error
 * of its line too. A file without rows is an error. */
pb_status rows_read(rows *out, const char *path, rows_use use, pb_error *err);
void rows_free(rows *r);

#endif
