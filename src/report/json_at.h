/* json_at.h: a value in a file of JSON and the way to it, so that what is wrong with it can be said by name.
 *
 *     json_at root = {.value = tree, .file = "trace.json"};
 *     json_at run = json_at_key(&root, "clean"), p = json_at_key(&run, "prob");
 *     TRY(json_at_number(&p, &prob, err));      // "trace.json: clean.prob is a string, expected a number"
 *
 * A json_at points to the one it was reached from, which must live as long. Numbers of base/json.h's reader are reals.
 * All failures are PB_EFORMAT. */
#ifndef REPORT_JSON_AT_H
#define REPORT_JSON_AT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct json_at {
    const json_t *value;         /* NULL: there is none */
    const struct json_at *from;  /* NULL of the root */
    const char *key;             /* in `from`; NULL: an item of a list */
    size_t index;
    const char *file;
} json_at;

json_at json_at_key(const json_at *a, const char *key);
json_at json_at_item(const json_at *a, size_t index);
/* "sites.mlp_out.prob[3]" */
void json_at_path(const json_at *a, buffer *out);

/* Whether there is a value, other than null. */
bool json_at_is_there(const json_at *a);

/* "FILE: PATH is FOUND, expected EXPECTED". Returns PB_EFORMAT. */
pb_status json_at_wrong(const json_at *a, const char *expected, pb_error *err);

/* Each checks the kind of the value, which has to be there. */
pb_status json_at_object(const json_at *a, pb_error *err);
pb_status json_at_list(const json_at *a, size_t *count, pb_error *err);
/* A list of exactly so many items. */
pb_status json_at_list_of(const json_at *a, size_t count, pb_error *err);
pb_status json_at_text(const json_at *a, const char **text, pb_error *err);
pb_status json_at_bool(const json_at *a, bool *value, pb_error *err);
/* A whole number from 0 to `most`. */
pb_status json_at_size(const json_at *a, size_t most, size_t *value, pb_error *err);
pb_status json_at_id(const json_at *a, int32_t *id, pb_error *err);
/* null is NAN. */
pb_status json_at_number(const json_at *a, double *value, pb_error *err);
/* Exactly so many numbers. */
pb_status json_at_numbers(const json_at *a, double *values, size_t count, pb_error *err);
/* The value under a key: a text, NULL where there is none; a number; a size. */
pb_status json_at_text_of(const json_at *a, const char *key, const char **text, pb_error *err);
pb_status json_at_number_of(const json_at *a, const char *key, double *value, pb_error *err);
pb_status json_at_size_of(const json_at *a, const char *key, size_t most, size_t *value, pb_error *err);
/* Ascending whole numbers below `end`, without repeats; *positions: free(), NULL on failure. */
pb_status json_at_positions(const json_at *a, size_t end, size_t **positions, size_t *count, pb_error *err);

#endif
