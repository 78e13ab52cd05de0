/* image.c: which decoder a file needs, by its first bytes; and the memory of pictures. See image.h. */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "image/decode.h"

typedef pb_status decoder(image *out, const encoded *in, pb_error *err);

static const struct kind {
    const char *name; /* with its article, for errors */
    decoder *decode;  /* NULL: known, not read */
    size_t offset, length;
    const char *magic; /* [length] at offset */
} kinds[] = {
    {"a JPEG", decode_jpeg, 0, 3, "\xff\xd8\xff"},
    {"a PNG", decode_png, 0, 8, "\x89PNG\r\n\x1a\n"},
    {"a WebP", decode_webp, 8, 4, "WEBP"},
    {"a GIF", NULL, 0, 5, "GIF87"},
    {"a GIF", NULL, 0, 5, "GIF89"},
    {"a BMP", NULL, 0, 2, "BM"},
    {"a TIFF", NULL, 0, 4, "II*\0"},
    {"a TIFF", NULL, 0, 4, "MM\0*"},
    {"an AVIF", NULL, 4, 8, "ftypavif"},
    {"an AVIF", NULL, 4, 8, "ftypavis"},
    {"a HEIF", NULL, 4, 8, "ftypheic"},
    {"a HEIF", NULL, 4, 8, "ftypmif1"},
    {"a JPEG 2000", NULL, 4, 8, "jP  \r\n\x87\n"},
    {"a JPEG 2000", NULL, 0, 4, "\xff\x4f\xff\x51"},
    {"a JPEG XL", NULL, 4, 8, "JXL \r\n\x87\n"},
    {"a Photoshop", NULL, 0, 4, "8BPS"},
    {"an icon", NULL, 0, 4, "\0\0\1\0"},
    {"a PDF", NULL, 0, 5, "%PDF-"},
    {"an HTML", NULL, 0, 9, "<!DOCTYPE"},
    {"an HTML", NULL, 0, 9, "<!doctype"},
    {"an HTML", NULL, 0, 5, "<html"},
    {"an SVG", NULL, 0, 4, "<svg"},
};

static const struct kind *kind_of(const encoded *in)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        if (in->size >= k->offset + k->length && memcmp(in->bytes + k->offset, k->magic, k->length) == 0)
            return k;
    }
    return NULL;
}

static pb_status fail_not_read(const encoded *in, const struct kind *kind, pb_error *err)
{
    pb_status status = fail(err, PB_EUNSUPPORTED, "%s: is %s file; pictures are read from JPEG, PNG and WebP", in->name,
                            kind->name);
    fail_hint(err, "save it as PNG first, with any picture program");
    return status;
}

pb_status image_decode(image *out, const unsigned char *bytes, size_t size, const char *name, pb_error *err)
{
    encoded in = {bytes, size, name};
    *out = (image){0};
    if (size == 0)
        return fail(err, PB_EFORMAT, "%s: is empty, expected a JPEG, PNG or WebP picture", name);
    const struct kind *kind = kind_of(&in);
    if (!kind)
        return fail(err, PB_EFORMAT,
                    "%s: is not a picture (%zu bytes, the first is 0x%02x), expected JPEG, PNG or WebP", name, size,
                    bytes[0]);
    if (!kind->decode)
        return fail_not_read(&in, kind, err);
    pb_status status = kind->decode(out, &in, err);
    if (status != PB_OK)
        image_free(out);
    return status;
}

pb_status image_load(image *out, const char *path, pb_error *err)
{
    file_map map;
    *out = (image){0};
    TRY(file_map_copy(&map, path, err));
    pb_status status = image_decode(out, map.data, map.size, path, err);
    file_map_close(&map);
    return status;
}

pb_status image_new(image *out, size_t width, size_t height, const char *name, pb_error *err)
{
    size_t pixels;
    *out = (image){0};
    if (width == 0 || height == 0)
        return fail(err, PB_EFORMAT, "%s: is %zu pixels wide and %zu high, expected at least 1 each", name, width,
                    height);
    if (!size_mul(width, height, &pixels) || pixels > IMAGE_MAX_PIXELS)
        return fail(err, PB_EUNSUPPORTED, "%s: %zux%zu pixels, expected at most %zu pixels in all", name, width, height,
                    IMAGE_MAX_PIXELS);
    TRY(mem_try(&out->pixels, pixels, 3, "a picture", err));
    out->width = width;
    out->height = height;
    return PB_OK;
}

void image_free(image *im)
{
    if (!im)
        return;
    free(im->pixels);
    *im = (image){0};
}

pb_status fail_truncated(const encoded *in, const char *kind, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: is truncated: the %s goes on beyond the file's %zu bytes", in->name, kind,
                in->size);
}
