/* encode_png.c: see encode.h. */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/decode.h"
#include "image/encode.h"

/* ---- writing ---- */

typedef struct png_writer {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    buffer *out;
    char message[128];
} png_writer;

static void on_error(png_structp png, png_const_charp text)
{
    png_writer *w = png_get_error_ptr(png);
    snprintf(w->message, sizeof w->message, "%s", text);
    longjmp(w->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void add_bytes(png_structp png, png_bytep bytes, size_t n)
{
    buffer_add(((png_writer *)png_get_io_ptr(png))->out, bytes, n);
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static bool write_picture(png_writer *w, const image *picture)
{
    if (setjmp(w->jump))
        return false;
    png_set_write_fn(w->png, w, add_bytes, flush_nothing);
    png_set_IHDR(w->png, w->info, (png_uint_32)picture->width, (png_uint_32)picture->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    for (size_t y = 0; y < picture->height; y++)
        png_write_row(w->png, picture->pixels + y * picture->width * 3);
    png_write_end(w->png, w->info);
    return true;
}

pb_status image_to_png(buffer *out, const image *picture, pb_error *err)
{
    png_writer w = {.out = out, .message = "no memory"};
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    bool written = w.info && write_picture(&w, picture);
    png_destroy_write_struct(&w.png, &w.info);
    return written ? PB_OK
                   : fail(err, PB_EINVAL, "a picture of %zux%zu pixels cannot be written as PNG: %s", picture->width,
                          picture->height, w.message);
}

/* ---- reading with alpha ---- */

static pb_status read_rgba(image_rgba *out, png_image *png, const file_map *map, const char *path, pb_error *err)
{
    image limits;
    if (!png_image_begin_read_from_memory(png, map->data, map->size))
        return fail(err, PB_EFORMAT, "%s: is no PNG picture: %s", path, png->message);
    TRY(image_new(&limits, png->width, png->height, path, err)); /* refuses what is too large */
    image_free(&limits);
    png->format = PNG_FORMAT_RGBA;
    TRY(mem_try(&out->pixels, (size_t)png->width * png->height, 4, "a picture", err));
    if (!png_image_finish_read(png, NULL, out->pixels, 0, NULL))
        return fail(err, PB_EFORMAT, "%s: is a damaged PNG: %s", path, png->message);
    out->width = png->width;
    out->height = png->height;
    return PB_OK;
}

pb_status image_load_rgba(image_rgba *out, const char *path, pb_error *err)
{
    png_image png = {.version = PNG_IMAGE_VERSION};
    file_map map;
    *out = (image_rgba){0};
    TRY(file_map_copy(&map, path, err));
    pb_status status = read_rgba(out, &png, &map, path, err);
    png_image_free(&png);
    file_map_close(&map);
    if (status)
        image_rgba_free(out);
    return status;
}

void image_rgba_free(image_rgba *im)
{
    free(im->pixels);
    *im = (image_rgba){0};
}
