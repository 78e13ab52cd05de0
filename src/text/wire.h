/* wire.h: protobuf's wire format, walked over where it lies.
 *
 * A message is a row of fields, each a number, a wire type and a value; a text or a message inside is a length and its
 * bytes. Nothing but that is needed to read a tokenizer.model, so there is no schema, no copy and no allocation: who
 * reads knows all sizes before any memory is asked for.
 *
 *     wire w = {bytes, size, 0};
 *     wire_field f;
 *     while (!(status = wire_next(&w, &f, file, err)) && f.number)
 *         use(f); */
#ifndef TEXT_WIRE_H
#define TEXT_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct wire {
    const unsigned char *bytes; /* bytes[size] of the whole file: `at` is a place in it, for errors too */
    size_t size, at;            /* a message inside ends at `size` */
} wire;

typedef enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 } wire_type;

typedef struct wire_field {
    uint32_t number; /* 0: the message has ended */
    wire_type type;
    uint64_t value; /* a VARINT, or the bits of a FIXED */
    wire inside;    /* BYTES: from inside.at to inside.size */
} wire_field;

/* The next field. What is cut off, too long or of another type (groups) is PB_EFORMAT with its place. */
pb_status wire_next(wire *w, wire_field *field, const char *file, pb_error *err);

float wire_float(const wire_field *field);       /* of a FIXED32 */
const char *wire_text(const wire_field *field);  /* of BYTES: wire_size(field) bytes, no NUL after them */
size_t wire_size(const wire_field *field);

#endif
