/* wire.c: see wire.h. */
#include "text/wire.h"

#include <string.h>

static pb_status cut_off(const wire *w, const char *file, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: the field at byte %zu is cut off: is the file complete?", file, w->at);
}

/* Seven bits a byte, the lowest first; the top bit says that another byte follows. */
static pb_status read_varint(const wire *w, size_t *at, uint64_t *value, const char *file, pb_error *err)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*at == w->size)
            return cut_off(w, file, err);
        unsigned char byte = w->bytes[(*at)++];
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return PB_OK;
    }
    return fail(err, PB_EFORMAT, "%s: the field at byte %zu has a number of more than ten bytes", file, w->at);
}

static pb_status read_fixed(const wire *w, size_t *at, size_t n, uint64_t *value, const char *file, pb_error *err)
{
    if (w->size - *at < n)
        return cut_off(w, file, err);
    *value = 0;
    for (size_t i = 0; i < n; i++)
        *value |= (uint64_t)w->bytes[*at + i] << 8 * i;
    *at += n;
    return PB_OK;
}

static pb_status read_bytes(const wire *w, size_t *at, wire *inside, const char *file, pb_error *err)
{
    uint64_t size;
    TRY(read_varint(w, at, &size, file, err));
    if (size > w->size - *at)
        return cut_off(w, file, err);
    *inside = (wire){w->bytes, *at + (size_t)size, *at};
    *at += (size_t)size;
    return PB_OK;
}

pb_status wire_next(wire *w, wire_field *field, const char *file, pb_error *err)
{
    uint64_t tag;
    size_t at = w->at;
    *field = (wire_field){0};
    if (at == w->size)
        return PB_OK;
    TRY(read_varint(w, &at, &tag, file, err));
    if (tag >> 3 == 0 || tag >> 32)
        return fail(err, PB_EFORMAT, "%s: the field at byte %zu has the number %llu", file, w->at,
                    (unsigned long long)(tag >> 3));
    field->number = (uint32_t)(tag >> 3);
    field->type = (wire_type)(tag & 7);
    switch (field->type) {
    case WIRE_VARINT: TRY(read_varint(w, &at, &field->value, file, err)); break;
    case WIRE_FIXED64: TRY(read_fixed(w, &at, 8, &field->value, file, err)); break;
    case WIRE_FIXED32: TRY(read_fixed(w, &at, 4, &field->value, file, err)); break;
    case WIRE_BYTES: TRY(read_bytes(w, &at, &field->inside, file, err)); break;
    default:
        return fail(err, PB_EFORMAT, "%s: the field at byte %zu has the wire type %d, expected 0, 1, 2 or 5", file,
                    w->at, (int)field->type);
    }
    w->at = at;
    return PB_OK;
}

float wire_float(const wire_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

const char *wire_text(const wire_field *field)
{
    return (const char *)field->inside.bytes + field->inside.at;
}

size_t wire_size(const wire_field *field)
{
    return field->inside.size - field->inside.at;
}
