/* error.h: how a failure is made and passed up.
 *
 * A failure is made where the fact is known, with `fail`, and passed up untouched, with `TRY`:
 *
 *     if (size < 8)
 *         return fail(err, PB_EFORMAT, "%s: %zu bytes, a safetensors file has at least 8", path, size);
 *     TRY(read_header(file, &header, err));
 *
 * Where resources must be freed first, write `status = ...; if (status) goto done;` instead of TRY. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

#include "patchbay/error.h"

#define TRY(call)                                                                                                    \
    do {                                                                                                             \
        pb_status try_status_ = (call);                                                                              \
        if (try_status_ != PB_OK)                                                                                    \
            return try_status_;                                                                                      \
    } while (0)

/* Fills err (may be NULL) with code and a formatted message, clears the hint, returns code (a macro, so that the
 * compiler sees that a failure is never PB_OK):
 *     pb_status fail(pb_error *err, pb_status code, const char *format, ...); */
#define fail(err, code, ...)                                                                                          \
    __extension__({                                                                                                  \
        fail_with(err, code, __VA_ARGS__);                                                                           \
        (pb_status)(code);                                                                                           \
    })
void fail_with(pb_error *err, pb_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Bytes of a file as a message can show them, whatever they are: `fail(err, ..., "no %s", shown_bytes(b, n).text)`. At
 * most 64 of them, "..." after them when there are more; '?' for what is no printable ASCII. */
typedef struct shown {
    char text[68];
} shown;
shown shown_bytes(const void *bytes, size_t n);

/* Adds a hint to the failure already in err (may be NULL); returns its code. */
pb_status fail_hint(pb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
