/* gguf.h: llama.cpp's GGUF files: their tensors as a tensor_file, and their metadata, typed, where they lie.
 *
 *     const gguf_metadata *m = checkpoint_metadata(weights);   // NULL when the weights are no GGUF file
 *     gguf_text model = {0};
 *     gguf_array tokens;
 *     gguf_text token;
 *     TRY(gguf_get_text(m, "tokenizer.ggml.model", &model, err));
 *     TRY(gguf_get_texts(m, "tokenizer.ggml.tokens", &tokens, err));
 *     while (gguf_next_text(&tokens, &token))
 *         use(token.data, token.size);
 *
 * Every length, type and place was checked when the file was opened. Nothing is copied: texts and arrays lie in the
 * mapped file and live as long as it is open. */
#ifndef CHECKPOINT_GGUF_H
#define CHECKPOINT_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct gguf_metadata gguf_metadata;

/* Bytes in the file with no NUL after them; meant to be UTF-8, which nobody has checked. {NULL, 0}: none. */
typedef struct gguf_text {
    const char *data;
    size_t size;
} gguf_text;

/* The elements of an array. `count` is how many there are in all, whatever has been read. */
typedef struct gguf_array {
    size_t count;
    uint32_t kind;             /* GGUF's number of the elements' type */
    const unsigned char *data; /* numbers: the first; texts: the next to read */
    size_t left;               /* texts not read yet */
} gguf_array;

const char *gguf_path(const gguf_metadata *m); /* the file's, for errors */
bool gguf_has(const gguf_metadata *m, const char *key);

/* Typed look-ups, as json.h's: a missing key leaves *value, which holds the default, as it is; a value of another type
 * is an error that names file and key. Whole numbers are of any integer type, reals of any number type. */
pb_status gguf_get_size(const gguf_metadata *m, const char *key, size_t *value, pb_error *err);
pb_status gguf_get_real(const gguf_metadata *m, const char *key, double *value, pb_error *err);
pb_status gguf_get_bool(const gguf_metadata *m, const char *key, bool *value, pb_error *err);
pb_status gguf_get_text(const gguf_metadata *m, const char *key, gguf_text *value, pb_error *err);

/* Arrays; a missing key gives an empty one. Numbers are of any integer, float or boolean type. */
pb_status gguf_get_texts(const gguf_metadata *m, const char *key, gguf_array *array, pb_error *err);
pb_status gguf_get_numbers(const gguf_metadata *m, const char *key, gguf_array *array, pb_error *err);

bool gguf_next_text(gguf_array *array, gguf_text *text);    /* false after the last */
double gguf_number(const gguf_array *array, size_t i);      /* i < count; integers beyond 2^53 are rounded */

bool gguf_text_is(gguf_text text, const char *wanted);      /* the same bytes */

#endif
