/* process_image.c: one picture through the image room, for tools/parity/images_check.py.
 *
 *     process_image rgb FILE                        the picture as RGB bytes
 *     process_image resize FILE WIDTH HEIGHT FILTER the same, resized; FILTER is Pillow's number
 *     process_image tower FILE FOLDER [square]      float32[3][height][width] by the folder's processor config
 *
 * On stdout first "WIDTH HEIGHT\n", then the values. On failure 1, and the error on stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/processor.h"

static void print(const void *values, size_t size, size_t width, size_t height)
{
    printf("%zu %zu\n", width, height);
    fwrite(values, size, width * height * 3, stdout);
}

static pb_status print_rgb(const image *picture)
{
    print(picture->pixels, 1, picture->width, picture->height);
    return PB_OK;
}

static pb_status print_resized(const image *picture, char **argv, pb_error *err)
{
    image resized;
    image_filter filter = (image_filter)atoi(argv[2]);
    TRY(image_resize(&resized, picture, strtoul(argv[0], NULL, 10), strtoul(argv[1], NULL, 10), filter, err));
    print_rgb(&resized);
    image_free(&resized);
    return PB_OK;
}

static pb_status print_tower(const image *picture, const char *folder, bool square, pb_error *err)
{
    image_processor processor, defaults = image_processor_clip();
    float *pixels;
    size_t width, height;
    defaults.pad_to_square = square;
    TRY(image_processor_read(&processor, folder, &defaults, err));
    TRY(image_process(&processor, picture, &pixels, &width, &height, err));
    print(pixels, sizeof *pixels, width, height);
    free(pixels);
    return PB_OK;
}

static pb_status run(int argc, char **argv, pb_error *err)
{
    image picture;
    TRY(image_load(&picture, argv[2], err));
    pb_status status;
    if (argc == 3 && strcmp(argv[1], "rgb") == 0)
        status = print_rgb(&picture);
    else if (argc == 6 && strcmp(argv[1], "resize") == 0)
        status = print_resized(&picture, argv + 3, err);
    else if (argc >= 4 && strcmp(argv[1], "tower") == 0)
        status = print_tower(&picture, argv[3], argc == 5, err);
    else
        status = fail(err, PB_EINVAL, "no such use: %s", argv[1]);
    image_free(&picture);
    return status;
}

int main(int argc, char **argv)
{
    pb_error err = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: process_image rgb|resize|tower FILE ...\n");
        return 2;
    }
    if (run(argc, argv, &err) == PB_OK)
        return fflush(stdout) == 0 ? 0 : 1;
    fprintf(stderr, "%s\n%s%s", err.message, err.hint, err.hint[0] ? "\n" : "");
    return 1;
}
