/* decode_png.c: PNG through libpng, which delivers rows of 1, 2 or 3 bytes a pixel; what they mean in RGB is Pillow's:
 * grey of 1, 2 and 4 bits is spread over 0..255, 16-bit colour loses its low byte, 16-bit grey is clipped at 255 (so
 * most such pictures turn white, as they do in Pillow), alpha and tRNS are dropped, palette entries that the file lacks
 * are black. Gamma and profiles are never applied. */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/decode.h"

typedef struct png_reader {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const encoded *in;
    size_t position; /* the next byte of in */
    image *out;
    unsigned char *rows;          /* [height or 1][row_bytes]; NULL where pixels can go straight to out */
    size_t row_bytes, pixel_bytes; /* as libpng delivers them */
    unsigned char colours[256][3]; /* what a pixel of 1 byte means */
    pb_error *err;
    pb_status status;
} png_reader;

static void on_error(png_structp png, png_const_charp text)
{
    png_reader *r = png_get_error_ptr(png);
    if (r->status == PB_OK)
        r->status = fail(r->err, PB_EFORMAT, "%s: is a damaged PNG: %s", r->in->name, text);
    longjmp(r->jump, 1);
}

/* libpng only warns when the pixels' checksum is wrong; Pillow refuses such a file. */
static void on_warning(png_structp png, png_const_charp text)
{
    if (strstr(text, "incorrect data check"))
        png_error(png, text);
}

static void read_bytes(png_structp png, png_bytep data, size_t count)
{
    png_reader *r = png_get_io_ptr(png);
    if (count > r->in->size - r->position) {
        r->status = fail_truncated(r->in, "PNG", r->err);
        png_error(png, "truncated");
    }
    memcpy(data, r->in->bytes + r->position, count);
    r->position += count;
}

static void set_up(png_reader *r)
{
    png_set_read_fn(r->png, r, read_bytes);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);       /* image_new has the limit */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); /* profiles, texts, times, ... */
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
}

static void set_colours_grey(png_reader *r, unsigned depth)
{
    unsigned levels = 1u << depth;
    for (unsigned v = 0; v < levels; v++)
        memset(r->colours[v], (int)(v * 255 / (levels - 1)), 3);
}

static void set_colours_palette(png_reader *r)
{
    png_colorp entries = NULL;
    int count = 0;
    png_get_PLTE(r->png, r->info, &entries, &count);
    for (int i = 0; i < count && i < 256; i++)
        memcpy(r->colours[i], (unsigned char[]){entries[i].red, entries[i].green, entries[i].blue}, 3);
}

/* Asks libpng for 3 bytes (RGB), 1 byte (an index into colours) or 2 bytes (16-bit grey) a pixel. */
static void choose_layout(png_reader *r)
{
    unsigned depth = png_get_bit_depth(r->png, r->info), type = png_get_color_type(r->png, r->info);
    png_set_strip_alpha(r->png);
    if (depth == 16 && type != PNG_COLOR_TYPE_GRAY)
        png_set_strip_16(r->png);
    png_set_packing(r->png);
    if (type == PNG_COLOR_TYPE_PALETTE)
        set_colours_palette(r);
    else
        set_colours_grey(r, depth < 8 ? depth : 8);
    r->pixel_bytes = type & PNG_COLOR_MASK_COLOR && type != PNG_COLOR_TYPE_PALETTE ? 3
                     : type == PNG_COLOR_TYPE_GRAY && depth == 16                  ? 2
                                                                                   : 1;
}

static void row_to_rgb(const png_reader *r, unsigned char *rgb, const unsigned char *row)
{
    for (size_t x = 0; x < r->out->width; x++) {
        if (r->pixel_bytes == 1)
            memcpy(rgb + 3 * x, r->colours[row[x]], 3);
        else
            memset(rgb + 3 * x, row[2 * x] ? 255 : row[2 * x + 1], 3);
    }
}

/* An interlaced file brings each row in up to 7 passes, which libpng merges into the bytes that are there already. */
static void read_rows(png_reader *r, int passes)
{
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < r->out->height; y++) {
            unsigned char *rgb = r->out->pixels + y * r->out->width * 3;
            unsigned char *row = !r->rows ? rgb : passes > 1 ? r->rows + y * r->row_bytes : r->rows;
            png_read_row(r->png, row, NULL);
            if (r->rows && pass == passes - 1)
                row_to_rgb(r, rgb, row);
        }
    }
}

static pb_status read_picture(png_reader *r)
{
    if (setjmp(r->jump))
        return r->status;
    set_up(r);
    png_read_info(r->png, r->info);
    size_t width = png_get_image_width(r->png, r->info), height = png_get_image_height(r->png, r->info);
    TRY(image_new(r->out, width, height, r->in->name, r->err));
    choose_layout(r);
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->row_bytes = png_get_rowbytes(r->png, r->info);
    if (r->row_bytes != width * r->pixel_bytes)
        return fail(r->err, PB_EFORMAT, "%s: rows of %zu bytes, expected %zu x %zu", r->in->name, r->row_bytes, width,
                    r->pixel_bytes);
    if (r->pixel_bytes != 3)
        TRY(mem_try(&r->rows, passes > 1 ? height : 1, r->row_bytes, "a picture's rows", r->err));
    read_rows(r, passes);
    return PB_OK;
}

pb_status decode_png(image *out, const encoded *in, pb_error *err)
{
    png_reader r = {.in = in, .out = out, .err = err};
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    pb_status status = PB_OK;
    if (r.info)
        status = read_picture(&r);
    else
        status = fail(err, PB_ENOMEM, "%s: no memory for libpng", in->name);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    return status;
}
