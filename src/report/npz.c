/* npz.c: see npz.h. Sources: NumPy's format specification (NEP 1: .npy 1.0) and PKWARE's APPNOTE (4.3: zip). */
#include "report/npz.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include <zlib.h>

#include "base/npy.h"

enum { ZIP_VERSION = 20, ZIP_DATE_1980 = 0x21 };

static void add_u16(buffer *b, uint32_t value)
{
    buffer_add(b, (unsigned char[]){value & 255, (value >> 8) & 255}, 2);
}

static void add_u32(buffer *b, uint32_t value)
{
    add_u16(b, value & 65535);
    add_u16(b, value >> 16);
}

/* ---- zip ---- */

typedef struct zip_entry {
    const char *name; /* with ".npy" */
    uint32_t crc, size, offset;
} zip_entry;

/* The fields that local header and central directory share. */
static void add_shared(buffer *b, const zip_entry *e)
{
    add_u16(b, ZIP_VERSION);
    add_u16(b, 0); /* flags */
    add_u16(b, 0); /* stored */
    add_u16(b, 0); /* time */
    add_u16(b, ZIP_DATE_1980);
    add_u32(b, e->crc);
    add_u32(b, e->size); /* compressed */
    add_u32(b, e->size);
    add_u16(b, (uint32_t)strlen(e->name));
    add_u16(b, 0); /* extra field */
}

static void add_local(buffer *b, const zip_entry *e)
{
    buffer_text(b, "PK\003\004");
    add_shared(b, e);
    buffer_text(b, e->name);
}

static void add_central(buffer *b, const zip_entry *e)
{
    buffer_text(b, "PK\001\002");
    add_u16(b, ZIP_VERSION);
    add_shared(b, e);
    add_u16(b, 0); /* comment */
    add_u16(b, 0); /* disk */
    add_u16(b, 0); /* internal attributes */
    add_u32(b, 0); /* external attributes */
    add_u32(b, e->offset);
    buffer_text(b, e->name);
}

static void put(npz *z, const buffer *bytes)
{
    file_write(&z->file, bytes->data, bytes->size);
    z->offset += bytes->size;
}

static void add_entry(npz *z, const char *name, const buffer *content)
{
    buffer file_name = {0}, header = {0};
    if (content->size > UINT32_MAX || z->offset + content->size > UINT32_MAX - UINT16_MAX || z->count == UINT16_MAX)
        z->too_large = true;
    if (z->too_large)
        return;
    buffer_printf(&file_name, "%s.npy", name);
    zip_entry e = {file_name.data, (uint32_t)crc32_z(0, (const unsigned char *)content->data, content->size),
                   (uint32_t)content->size, (uint32_t)z->offset};
    add_local(&header, &e);
    put(z, &header);
    put(z, content);
    add_central(&z->directory, &e);
    z->count++;
    buffer_free(&file_name);
    buffer_free(&header);
}

pb_status npz_open(npz *z, const char *path, pb_error *err)
{
    *z = (npz){0};
    return file_writer_open(&z->file, path, err);
}

static void add_end(npz *z)
{
    buffer end = {0};
    buffer_text(&end, "PK\005\006");
    add_u32(&end, 0); /* this disk, and the directory's */
    add_u16(&end, (uint32_t)z->count);
    add_u16(&end, (uint32_t)z->count);
    add_u32(&end, (uint32_t)z->directory.size);
    add_u32(&end, (uint32_t)z->offset);
    add_u16(&end, 0); /* comment */
    put(z, &z->directory);
    put(z, &end);
    buffer_free(&end);
}

pb_status npz_commit(npz *z, pb_error *err)
{
    pb_status status;
    if (z->too_large) {
        status = fail(err, PB_EUNSUPPORTED, "%s: the arrays need more than 4 GB, or more than 65,535 names, which an "
                      "npz file cannot hold", z->file.path);
        file_writer_abandon(&z->file);
    } else {
        add_end(z);
        status = file_writer_commit(&z->file, err);
    }
    buffer_free(&z->directory);
    return status;
}

void npz_abandon(npz *z)
{
    file_writer_abandon(&z->file);
    buffer_free(&z->directory);
}

/* ---- npy ---- */

/* The library is little-endian throughout (it maps little-endian checkpoints), so values go out as they are. */
static void add_array(npz *z, const char *name, const char *dtype, const void *values, size_t size, size_t rank,
                      const size_t *shape)
{
    buffer b = {0};
    size_t count = npy_header(&b, dtype, rank, shape);
    buffer_add(&b, values, count * size);
    add_entry(z, name, &b);
    buffer_free(&b);
}

void npz_add_f32(npz *z, const char *name, const float *values, size_t rank, const size_t *shape)
{
    add_array(z, name, "<f4", values, sizeof *values, rank, shape);
}

void npz_add_f64(npz *z, const char *name, const double *values, size_t rank, const size_t *shape)
{
    add_array(z, name, "<f8", values, sizeof *values, rank, shape);
}

void npz_add_i64(npz *z, const char *name, const int64_t *values, size_t rank, const size_t *shape)
{
    add_array(z, name, "<i8", values, sizeof *values, rank, shape);
}

void npz_add_u8(npz *z, const char *name, const unsigned char *values, size_t rank, const size_t *shape)
{
    add_array(z, name, "|u1", values, sizeof *values, rank, shape);
}

/* Appends text as UCS-4; returns the code points. Bytes that are no UTF-8 become U+FFFD. */
static size_t add_ucs4(buffer *b, const char *text, size_t n)
{
    size_t points = 0;
    for (size_t at = 0; at < n; points++) {
        utf8proc_int32_t point;
        utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                   n - at > 4 ? 4 : (utf8proc_ssize_t)(n - at), &point);
        add_u32(b, length > 0 ? (uint32_t)point : 0xFFFD);
        at += length > 0 ? (size_t)length : 1;
    }
    return points;
}

static void add_unicode(npz *z, const char *name, const buffer *texts, size_t count, size_t rank)
{
    size_t width = 1; /* numpy has no texts of width 0 */
    buffer b = {0}, scratch = {0};
    for (size_t i = 0; i < count; i++) {
        scratch.size = 0;
        size_t points = add_ucs4(&scratch, texts[i].data, texts[i].size);
        width = points > width ? points : width;
    }
    char dtype[32];
    snprintf(dtype, sizeof dtype, "<U%zu", width);
    npy_header(&b, dtype, rank, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t points = add_ucs4(&b, texts[i].data, texts[i].size); points < width; points++)
            add_u32(&b, 0);
    add_entry(z, name, &b);
    buffer_free(&scratch);
    buffer_free(&b);
}

void npz_add_text(npz *z, const char *name, const char *text, size_t n)
{
    buffer one = {0};
    buffer_add(&one, text, n);
    add_unicode(z, name, &one, 1, 0);
    buffer_free(&one);
}

void npz_add_texts(npz *z, const char *name, const buffer *texts, size_t count)
{
    add_unicode(z, name, texts, count, 1);
}
