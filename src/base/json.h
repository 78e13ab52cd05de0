/* json.h: jansson, with errors that name the file and the field.
 *
 * Every number is read as a real: Hugging Face files hold integers beyond 64 bits (model_max_length). */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Parses one JSON object. `name` stands in errors (a path, or "PATH: header"). Free with json_decref. */
pb_status json_parse_object(json_t **out, const char *bytes, size_t size, const char *name, pb_error *err);
pb_status json_read_file(json_t **out, const char *path, pb_error *err);
/* The same as json_parse_object, but a key that stands twice in one object is an error; there the last one counts. */
pb_status json_parse_strict(json_t **out, const char *bytes, size_t size, const char *name, pb_error *err);

/* Typed look-ups in `object` (NULL counts as empty): a missing or null key leaves *value, which holds the default, as
 * it is; a value of another type is an error that names file and key. */
pb_status json_get_size(const json_t *object, const char *key, size_t *value, const char *file, pb_error *err);
pb_status json_get_real(const json_t *object, const char *key, double *value, const char *file, pb_error *err);
pb_status json_get_bool(const json_t *object, const char *key, bool *value, const char *file, pb_error *err);
/* The text lives as long as object. One with a NUL character inside is refused: it would be read only up to there. */
pb_status json_get_text(const json_t *object, const char *key, const char **value, const char *file, pb_error *err);
/* *value = NULL when missing or null. */
pb_status json_get_object(const json_t *object, const char *key, json_t **value, const char *file, pb_error *err);
pb_status json_get_array(const json_t *object, const char *key, json_t **value, const char *file, pb_error *err);

/* "a string", "an array", ...: for errors that say what was found. NULL is "nothing". */
const char *json_kind(const json_t *value);

/* An object or array as text, what is whole among its numbers, all of which are read as reals, written as integers. flags:
 * jansson's. free() */
char *json_text_whole(const json_t *parent, size_t flags);

#endif
