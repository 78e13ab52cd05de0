/* import_parts.h: what the readers of single forms share (import.h). A reader fills an import_row per record and puts
 * it; what is checked of every row alike, and written, stands in import.c. */
#ifndef DATA_IMPORT_PARTS_H
#define DATA_IMPORT_PARTS_H

#include <jansson.h>

#include "base/file.h"
#include "data/import.h"
#include "data/phrase.h"

/* Why a row is marked, in the order in which is looked. */
#define MARK_UNREADABLE "unreadable"      /* the record is broken; what could be read is kept */
#define MARK_NO_QUESTION "no question"
#define MARK_NO_PICTURE "no picture"      /* it names none, or one that is not there */
#define MARK_NO_ANSWER "no answer"        /* though a file of answers was given */
#define MARK_DUPLICATE "duplicate"        /* question, picture and constraints are those of a row before */
#define MARK_NO_SPAN "no span"            /* the record names no constraint */
#define MARK_SPAN "span not found"        /* the constraint does not stand in the question */

#define IMPORT_RECORD_MOST ((size_t)4 << 20) /* bytes of a record; longer ones are unreadable */
#define IMPORT_TOO_LONG "is longer than 4 MiB"

/* One record, as found. Texts are UTF-8, NULL where there is none; empty ones count as none. Nothing is owned but the
 * lists, which import_put releases. */
typedef struct import_row {
    size_t line;           /* of the input, from 1 */
    const char *broken;    /* what makes the record unreadable; NULL: it is well */
    const char *id;        /* of the output; must be there */
    const char *number;    /* the record's own, by which a file of answers may call it */
    const char *marked;    /* a mark that it has already */
    const char *question, *prefill, *source, *subject, *relation;
    bool wants_image;      /* without a picture it lacks something */
    const char *image;     /* as the record names it */
    char *image_path;      /* where it is; NULL: not there, or still to be looked for; free()d */
    bool looked;           /* image_path is what was found */
    bool wants_span;       /* without a constraint it lacks something; so too the next */
    bool wants_answers;
    json_t *constraints;   /* list of {"kind", "text" and, where they are known, "start", "end"} */
    json_t *answers;       /* list of texts; NULL: not known */
    json_t *more;          /* further members of the output; NULL: none */
} import_row;

typedef struct import_job {
    const struct import_form *form;
    const char *name;      /* the input, for errors */
    const char *text;      /* [size] what it holds, without a byte order mark */
    size_t size;
    char *images;          /* the folder of the pictures, "" the current one */
    const char *answers;   /* the file of answers; NULL: none */
    json_t *book;          /* answers.h, of forms that have no annotations of their own; NULL: none */
    tally *tally;
    const char *to;        /* the output */
    char *to_folder;
    file_writer out;
    json_t *ids, *asked;   /* of the rows so far: {id: what to try behind it first}, {what is asked: id} */
} import_job;

typedef pb_status import_read(import_job *j, const char *text, size_t size, pb_error *err);

/* A form: how it is told from others by its beginning (text[size], no byte order mark), and read. */
typedef struct import_form {
    const char *name;   /* of --format; NULL: it is only ever told by its look */
    const char *source; /* the rows' "source" */
    bool has_answers;   /* so that --answers is of no use */
    bool annotations;   /* --answers is a file of annotations */
    bool (*is)(const char *text, size_t size);
    import_read *read;
} import_form;

extern const import_form import_known, import_movies, import_okvqa, import_okvqa_json, import_vqav2, import_known1000,
    import_lines;

/* Checks the row, writes it, counts it, releases its lists. PB_EIO: it was interrupted. */
pb_status import_put(import_job *j, import_row *r, pb_error *err);

/* A text that says something, else NULL. */
const char *import_text(const char *text);
/* Adds {"kind", "text"} to a list of constraints; start: its code point,
 * or PHRASE_NOWHERE where it is to be looked for. */
void import_add_constraint(json_t *list, const char *kind, const char *text, size_t start);

#endif
