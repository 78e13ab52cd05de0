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
    const char *id, *source, *subject, *relation; /* NULL where they are not given */
    row_question asked;
    const char **answers;     /* [answer_count] */
    size_t answer_count;
    const char *target;       /* of a request; else NULL */
    row_question *rephrasings; /* [rephrasing_count] of a request; what they leave out is the request's */
    size_t rephrasing_count;
    const char *marked;       /* ROWS_ALL: what the row lacks, as it says itself; NULL: it is not marked */
    char *problem;            /* ROWS_ALL: why it cannot be asked as it stands, without the row's name; NULL: it can */
    char *made_id;            /* ROWS_ALL: behind id where the row has none of its own */
    json_t *json;             /* the row itself, which holds the texts above; NULL: the line is no JSON object */
} row;

typedef struct rows {
    row *items; /* [count] in the file's order */
    size_t count;
    size_t marked; /* rows left out because they are marked */
} rows;

typedef enum rows_use {
    ROWS_REQUESTS,  /* each needs a target; a row that is marked (as lacking something) is an error */
    ROWS_QUESTIONS, /* each needs answers; rows that are marked are left out */
    ROWS_ALL        /* every line becomes a row, with its problem where it has one */
} rows_use;

/* Reads all rows, or none: PB_EFORMAT names the file, the line and the field. A picture that is not there is an error
 * of its line too. A file without rows is an error.
 *
 * With ROWS_ALL no line is an error. What an error would have said is the row's `problem` (the first one found), what
 * can be read beside it is read: so question may be NULL, and image names a file that need not be there. A constraint
 * whose words stand neither in question nor prefill is a problem; no answers, or no target, is none. Rows that are
 * marked have a problem too, as a rule. Every row has an id, all different: one without any, or with that of a row
 * before it (a problem), is "line-N". */
pb_status rows_read(rows *out, const char *path, rows_use use, pb_error *err);
void rows_free(rows *r);

#endif
