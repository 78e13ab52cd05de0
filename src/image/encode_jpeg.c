/* encode_jpeg.c: see encode.h. */
#include <stdbool.h>
#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>

#include "image/encode.h"

typedef struct jpeg_writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    unsigned char *bytes; /* of the library's; free() */
    unsigned long size;
    char message[JMSG_LENGTH_MAX];
} jpeg_writer;

static void on_error(j_common_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    jpeg->err->format_message(jpeg, w->message);
    longjmp(w->jump, 1);
}

static void write_rows(jpeg_writer *w, const image *picture)
{
    jpeg_start_compress(&w->jpeg, TRUE);
    for (size_t y = 0; y < picture->height; y++) {
        JSAMPROW row = picture->pixels + y * picture->width * 3;
        jpeg_write_scanlines(&w->jpeg, &row, 1);
    }
    jpeg_finish_compress(&w->jpeg);
}

static bool write_picture(jpeg_writer *w, const image *picture, int quality)
{
    if (setjmp(w->jump))
        return false;
    jpeg_create_compress(&w->jpeg);
    jpeg_mem_dest(&w->jpeg, &w->bytes, &w->size);
    w->jpeg.image_width = (JDIMENSION)picture->width;
    w->jpeg.image_height = (JDIMENSION)picture->height;
    w->jpeg.input_components = 3;
    w->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->jpeg);
    jpeg_set_quality(&w->jpeg, quality, TRUE);
    w->jpeg.dct_method = JDCT_ISLOW;
    w->jpeg.optimize_coding = TRUE;
    w->jpeg.comp_info[0].h_samp_factor = w->jpeg.comp_info[0].v_samp_factor = 1;
    write_rows(w, picture);
    return true;
}

pb_status image_to_jpeg(buffer *out, const image *picture, int quality, pb_error *err)
{
    jpeg_writer w = {.bytes = NULL};
    pb_status status = PB_OK;
    w.jpeg.err = jpeg_std_error(&w.errors);
    w.jpeg.client_data = &w;
    w.errors.error_exit = on_error;
    if (write_picture(&w, picture, quality))
        buffer_add(out, w.bytes, w.size);
    else
        status = fail(err, PB_EINVAL, "a picture of %zux%zu pixels cannot be written as JPEG: %s", picture->width,
                      picture->height, w.message);
    jpeg_destroy_compress(&w.jpeg);
    free(w.bytes);
    return status;
}
