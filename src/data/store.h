/* store.h: the results of a sweep: one SQLite file that survives whatever ends the program.
 *
 *     store *s;
 *     TRY(store_open(&s, "results.db", err));
 *     status = store_each(s, STORE_CURVES, see, context, err); // see(context, &result, err), in the data set's order
 *     store_close(s);
 *
 * Anyone may read it with sqlite3 or pandas while it is being filled (WAL); docs/store.md says what each column means.
 * Its tables:
 *
 *     about     key, value          what it is of: the lines of store_about, one JSON text each
 *     question  number, id, ...     the data set's rows, numbered in its order
 *     result    question, ...       one row a question that is done, whichever way it ended
 *     value     question, name      further numbers of a result
 *     curve     question, name, class   a number a layer, as a JSON list
 *     grid      question, name      arrays, little-endian float64, row-major, with their shape
 *
 * A result is written in one transaction. One process at a time may write: another is told so. */
#ifndef DATA_STORE_H
#define DATA_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { STORE_VERSION = 1 };

typedef struct store store;

/* What a store is of. Two stores whose method, model, options and data set are equal may be merged.
 * Nothing is owned. */
typedef struct store_about {
    const char *method;    /* "trace", "flow", "knockout", "edit", "ask" */
    const json_t *model;   /* what a result's JSON says of its model (without its path), and its fingerprint */
    const json_t *options; /* all that decides the results, defaults filled in: {"window": 1, "seed": 0, ...} */
    const json_t *dataset; /* {"rows": n, "digest": "..."} of all its rows, those beyond --limit too; what else it says,
                            * where it lies, is kept as it first was, and not compared */
} store_about;

/* Where its draws start: the option "seed", all of its 64 bits. */
static inline uint64_t store_seed(const store_about *about)
{
    const json_t *seed = json_object_get(about->options, "seed");
    if (json_is_integer(seed))
        return (uint64_t)json_integer_value(seed);
    return json_is_real(seed) ? (uint64_t)json_real_value(seed) : 0;
}

/* What tells one work from another, as JSON: {"method", "model", "options", "dataset": {"rows", "digest"}}.
 * A new reference. */
json_t *store_identity(const store_about *about);

/* A question of the data set. Texts are NULL where the row does not say. */
typedef struct store_question {
    size_t number;         /* its place in the data set, from 0 */
    const char *id;        /* unique; "line-37" where the row has none */
    const char *subject, *source, *relation;
    const char *question, *image;
    const char *row;       /* the row as JSON */
} store_question;

/* What it counts as one question of many about: its subject, else its picture; NULL: neither is known. */
static inline const char *store_subject(const store_question *q)
{
    return q->subject ? q->subject : q->image;
}

typedef struct store_value {
    const char *name;
    double value;          /* NAN: there is none (NULL in the file) */
} store_value;

typedef struct store_curve {
    const char *name;      /* of a trace "attn_out/prob", "attn_out/logprob"; of flow and knockout "image>constraint" */
    const char *class;     /* of a trace a token class, or a group; of flow "sum_norm", ...;
                            * of knockout "prob", "relative" */
    const double *data;    /* [count], one a layer of detail's "layers"; NAN: none */
    size_t count;
} store_curve;

typedef struct store_grid {
    const char *name;      /* of a trace "attn_out/prob", ... [layers, cells(, heads)];
                            * of flow "image>constraint/per_position" */
    size_t shape[3], dimensions;
    const double *data;
} store_grid;

/* How the work on a question ended. */
#define STORE_DONE   "done"
#define STORE_WRONG  "wrong"  /* the model's answer is wrong, so it was asked and no more */
#define STORE_MARKED "marked" /* the row lacks something: reason is its mark */
#define STORE_FAILED "failed" /* reason is the error */

typedef struct store_result {
    store_question question;
    const char *status;    /* one of the above; NULL: not done yet, and nothing below is set */
    const char *reason;    /* NULL of "done" */
    const char *answer;    /* the greedy answer; NULL where it was not asked */
    int correct;           /* 1, 0; -1: not known, as the row has no answers */
    double clean_prob, corrupted_prob; /* of the answer that is followed; NAN: none */
    const char *detail;    /* the result's JSON as the method's own file has it,
                            * without its arrays and cost; NULL: none */
    double seconds, flop;
    const store_value *values;
    const store_curve *curves;
    const store_grid *grids;
    size_t value_count, curve_count, grid_count;
} store_result;

/* ---- writing ---- */

/* Opens PATH for this work, creating it where there is none; it appears whole. Refused by name: of another model,
 * method, data set or other options, naming one that differs and both values (PB_EINVAL); of a newer schema
 * (PB_EUNSUPPORTED); damaged, or no store, be it an empty file (PB_EFORMAT); written by another process, which is
 * named, or not to be opened (PB_EIO). */
pb_status store_open_for(store **out, const char *path, const store_about *about, pb_error *err);
/* Adds questions, in one transaction; those it has already must be equal (PB_EINVAL names the first that is not). */
pb_status store_add_questions(store *s, const store_question *questions, size_t count, pb_error *err);
/* Puts in one result, in one transaction; of its question only the number counts, which the store must have. A result
 * that is there already stays. On a full disk: PB_EIO, the store is as before, and the next call may succeed. */
pb_status store_put(store *s, const store_result *r, pb_error *err);
/* Puts in all questions and results of another store of the same work, or none of them. Results that both have must be
 * equal but for their cost (PB_EINVAL names the first that is not). *added: how many it lacked. */
pb_status store_merge(store *into, const char *from, size_t *added, pb_error *err);

/* Puts the stores together in PATH, which may be one of them, or is made. Nothing is written where they are of
 * different work. On another failure those before the one it names are in it. *added: how many results it lacked. */
pb_status store_merge_all(const char *path, const char *const *from, size_t count, size_t *added, pb_error *err);

/* ---- reading ---- */

/* Opens PATH to read, which may be done while it is filled; refused like above. */
pb_status store_open(store **out, const char *path, pb_error *err);
const store_about *store_of(const store *s);
/* How many questions it has, and how many of them are done, whichever way they ended. */
pb_status store_count(store *s, size_t *questions, size_t *done, pb_error *err);
/* done[question]: whether each of the first `count` questions is. */
pb_status store_done(store *s, bool *done, size_t count, pb_error *err);

enum { STORE_VALUES = 1, STORE_CURVES = 2, STORE_GRIDS = 4, STORE_ROWS = 8, STORE_DETAILS = 16, STORE_EVERYTHING = 31 };

/* Shows every question in the data set's order with its result; what: which parts are read, the others are left empty.
 * Values, curves and grids come in order of their names. All is of one moment, however the store is filled meanwhile.
 * What it shows lives until `see` returns, and an error of `see` ends it. */
pb_status store_each(store *s, unsigned what, pb_status (*see)(void *context, const store_result *r, pb_error *err),
                     void *context, pb_error *err);
/* Shows one question, by its id; PB_EINVAL: there is no such question. */
pb_status store_find(store *s, const char *id, unsigned what,
                     pb_status (*see)(void *context, const store_result *r, pb_error *err), void *context,
                     pb_error *err);

void store_close(store *s);

#endif
