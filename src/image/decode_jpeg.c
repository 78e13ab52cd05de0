/* decode_jpeg.c: JPEG through libjpeg, with the settings of Pillow's decoder: the accurate integer DCT, smooth chroma
 * upsampling, grey, RGB or CMYK by the number of components, and Adobe's inverted CMYK turned into RGB as Pillow does.
 *
 * Like Pillow's, the data source suspends at the file's end, so a truncated file is an error and a missing end marker
 * after the last row is not. Damage inside the entropy-coded data that libjpeg can step over is stepped over. */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#include "image/decode.h"

/* A progressive file may repeat scans at a few bytes each, every one costing a pass over all pixels. */
enum { MAX_SCANS = 500 };

typedef struct jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const encoded *in;
    image *out;
    pb_error *err;
    pb_status status;
} jpeg_reader;

static void on_error(j_common_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    switch (jpeg->err->msg_code) {
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
        r->status = fail(r->err, PB_EUNSUPPORTED, "%s: a kind of JPEG that is not read: %s", r->in->name, text);
        break;
    default:
        r->status = fail(r->err, PB_EFORMAT, "%s: is a damaged JPEG: %s", r->in->name, text);
    }
    longjmp(r->jump, 1);
}

/* Warnings, traces and messages stay off stderr. */
static void on_warning(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static void on_progress(j_common_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS)
        return;
    r->status = fail(r->err, PB_EUNSUPPORTED, "%s: a JPEG of more than %d scans", r->in->name, MAX_SCANS);
    longjmp(r->jump, 1);
}

static void source_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean source_more(j_decompress_ptr jpeg)
{
    (void)jpeg;
    return FALSE; /* all bytes were there from the start */
}

static void source_skip(j_decompress_ptr jpeg, long count)
{
    struct jpeg_source_mgr *source = jpeg->src;
    size_t skip = count < 0 ? 0 : (size_t)count;
    if (skip > source->bytes_in_buffer)
        skip = source->bytes_in_buffer;
    source->next_input_byte += skip;
    source->bytes_in_buffer -= skip;
}

static void set_up(jpeg_reader *r)
{
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_warning;
    r->jpeg.client_data = r;
    jpeg_create_decompress(&r->jpeg);
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    r->source = (struct jpeg_source_mgr){
        .next_input_byte = r->in->bytes,
        .bytes_in_buffer = r->in->size,
        .init_source = source_nothing,
        .fill_input_buffer = source_more,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    r->jpeg.src = &r->source;
}

static pb_status choose_colours(jpeg_reader *r)
{
    switch (r->jpeg.num_components) {
    case 1: r->jpeg.out_color_space = JCS_GRAYSCALE; return PB_OK;
    case 3: r->jpeg.out_color_space = JCS_RGB; return PB_OK;
    case 4: r->jpeg.out_color_space = JCS_CMYK; return PB_OK;
    default:
        return fail(r->err, PB_EUNSUPPORTED, "%s: a JPEG of %d components, expected 1 (grey), 3 (colour) or 4 (CMYK)",
                    r->in->name, r->jpeg.num_components);
    }
}

static void grey_to_rgb(unsigned char *rgb, const unsigned char *grey, size_t width)
{
    for (size_t x = 0; x < width; x++)
        rgb[3 * x] = rgb[3 * x + 1] = rgb[3 * x + 2] = grey[x];
}

/* a * b / 255, rounded, as Pillow computes it. */
static unsigned product_255(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Adobe stores 255 - ink: light = k - (255 - c) * k / 255. */
static void cmyk_to_rgb(unsigned char *rgb, const unsigned char *cmyk, size_t width)
{
    for (size_t x = 0; x < width; x++) {
        unsigned white = cmyk[4 * x + 3];
        for (size_t c = 0; c < 3; c++)
            rgb[3 * x + c] = (unsigned char)(white - product_255(255u - cmyk[4 * x + c], white));
    }
}

/* Rows 0 .. height - 1 into out, each by way of one row in libjpeg's own memory where it is not RGB yet. */
static pb_status read_rows(jpeg_reader *r)
{
    size_t width = r->out->width;
    JSAMPARRAY row = r->jpeg.mem->alloc_sarray((j_common_ptr)&r->jpeg, JPOOL_IMAGE,
                                               (JDIMENSION)(width * (size_t)r->jpeg.output_components), 1);
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        unsigned char *rgb = r->out->pixels + r->jpeg.output_scanline * width * 3;
        JSAMPROW target = r->jpeg.output_components == 3 ? rgb : row[0];
        if (jpeg_read_scanlines(&r->jpeg, &target, 1) == 0)
            return fail_truncated(r->in, "JPEG", r->err);
        if (r->jpeg.output_components == 1)
            grey_to_rgb(rgb, row[0], width);
        else if (r->jpeg.output_components == 4)
            cmyk_to_rgb(rgb, row[0], width);
    }
    return PB_OK;
}

static pb_status read_picture(jpeg_reader *r)
{
    if (setjmp(r->jump))
        return r->status;
    set_up(r);
    if (jpeg_read_header(&r->jpeg, TRUE) != JPEG_HEADER_OK)
        return fail_truncated(r->in, "JPEG", r->err);
    TRY(choose_colours(r));
    TRY(image_new(r->out, r->jpeg.image_width, r->jpeg.image_height, r->in->name, r->err));
    if (!jpeg_start_decompress(&r->jpeg))
        return fail_truncated(r->in, "JPEG", r->err);
    TRY(read_rows(r));
    jpeg_finish_decompress(&r->jpeg); /* fails on a broken marker behind the pixels; a missing one is no matter */
    return PB_OK;
}

pb_status decode_jpeg(image *out, const encoded *in, pb_error *err)
{
    jpeg_reader r = {.in = in, .out = out, .err = err};
    pb_status status = read_picture(&r);
    jpeg_destroy_decompress(&r.jpeg);
    return status;
}
