/* test_decode.c: every encoding gives Pillow's pixels; what is no picture, or not a whole one, is refused by name. */
#include "tests/support.h"

#include <dirent.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/memory.h"
#include "image/image.h"

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

static bytes read_file(const char *path)
{
    file_map map;
    assert_ok(file_map_open(&map, path, err));
    bytes b = {mem_new(map.size, 1), map.size};
    if (map.size)
        memcpy(b.data, map.data, map.size);
    file_map_close(&map);
    return b;
}

static bytes golden(const char *name)
{
    char *path = path_join(GOLDEN("data/image"), name);
    bytes b = read_file(path);
    free(path);
    return b;
}

static bool is_picture(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0 || strcmp(dot, ".webp") == 0);
}

/* Calls visit for each picture in data/image; returns how many there are. */
static size_t for_each_golden(void (*visit)(const char *name))
{
    DIR *d = opendir(GOLDEN("data/image"));
    assert_non_null(d);
    size_t count = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (is_picture(e->d_name)) {
            visit(e->d_name);
            count++;
        }
    closedir(d);
    return count;
}

/* ---- nothing may be written to stderr by a library ---- */

static int stderr_copy;
static FILE *stderr_file;

static int catch_stderr(void **state)
{
    (void)state;
    fflush(stderr);
    stderr_copy = dup(2);
    stderr_file = tmpfile();
    return stderr_file && dup2(fileno(stderr_file), 2) == 2 ? 0 : -1;
}

static int check_stderr(void **state)
{
    (void)state;
    struct stat info;
    fflush(stderr);
    fstat(2, &info);
    dup2(stderr_copy, 2);
    close(stderr_copy);
    fclose(stderr_file);
    return info.st_size == 0 ? 0 : -1;
}

/* ---- whole pictures ---- */

static void assert_pillow(const char *name)
{
    char *path = path_join(GOLDEN("data/image"), name);
    buffer expected_name = {0};
    buffer_printf(&expected_name, "%s.rgb", name);
    bytes expected = golden(expected_name.data);
    image picture;
    assert_ok(image_load(&picture, path, err));
    if (picture.width * picture.height * 3 != expected.size)
        test_stop(__FILE__, __LINE__, "%s: %zux%zu", name, picture.width, picture.height);
    if (memcmp(picture.pixels, expected.data, expected.size) != 0)
        test_stop(__FILE__, __LINE__, "%s: other pixels than Pillow's", name);
    image_free(&picture);
    assert_null(picture.pixels);
    free(expected.data);
    buffer_free(&expected_name);
    free(path);
}

static void every_encoding_gives_pillows_pixels(void **state)
{
    (void)state;
    assert_true(for_each_golden(assert_pillow) >= 50);
}

/* ---- what is not a picture ---- */

static void a_missing_file_and_a_folder_are_named(void **state)
{
    (void)state;
    image picture;
    assert_fails(image_load(&picture, "/nowhere/cat.jpg", err), PB_EIO, "/nowhere/cat.jpg");
    assert_fails(image_load(&picture, GOLDEN("data/image"), err), PB_EIO, "data/image");
    assert_null(picture.pixels);
    image_free(NULL);
}

static void other_kinds_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        pb_status code;
        const char *words;
    } files[] = {
        {"", 0, PB_EFORMAT, "pic: is empty"},
        {"x", 1, PB_EFORMAT, "pic: is not a picture (1 bytes, the first is 0x78)"},
        {"\x89PNG", 4, PB_EFORMAT, "is not a picture"},
        {"RIFF\0\0\0\0WAVE", 12, PB_EFORMAT, "is not a picture"},
        {"<!DOCTYPE html>", 15, PB_EUNSUPPORTED, "is an HTML file"},
        {"%PDF-1.7", 8, PB_EUNSUPPORTED, "is a PDF file"},
        {"\0\0\0\x1c" "ftypheic", 12, PB_EUNSUPPORTED, "is a HEIF file"},
        {"RIFF\0\0\0\0WEBP", 12, PB_EFORMAT, "is truncated"},
        {"\xff\xd8\xff", 3, PB_EFORMAT, "is truncated"},
        {"\x89PNG\r\n\x1a\n", 8, PB_EFORMAT, "is truncated"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        image picture;
        assert_fails(image_decode(&picture, (const unsigned char *)files[i].text, files[i].size, "pic", err),
                     files[i].code, files[i].words);
    }
}

static void formats_that_pillow_reads_and_patchbay_does_not_are_named(void **state)
{
    (void)state;
    image picture;
    pb_error with_hint;
    assert_fails(image_load(&picture, GOLDEN("data/image/bad/other.gif"), err), PB_EUNSUPPORTED,
                 "other.gif: is a GIF file; pictures are read from JPEG, PNG and WebP");
    assert_fails(image_load(&picture, GOLDEN("data/image/bad/other.bmp"), err), PB_EUNSUPPORTED, "is a BMP file");
    assert_fails(image_load(&picture, GOLDEN("data/image/bad/other.tiff"), err), PB_EUNSUPPORTED, "is a TIFF file");
    assert_fails(image_load(&picture, GOLDEN("data/image/bad/other.avif"), err), PB_EUNSUPPORTED, "is an AVIF file");
    assert_int_equal(image_load(&picture, GOLDEN("data/image/bad/other.gif"), &with_hint), PB_EUNSUPPORTED);
    assert_non_null(strstr(with_hint.hint, "PNG"));
}

/* ---- damage ---- */

/* Cut anywhere, a file is refused; only what follows the last pixel (PNG's IEND, JPEG's EOI) may be missing. */
static void assert_cuts_are_refused(const char *name)
{
    bytes file = golden(name);
    image whole, picture;
    assert_ok(image_decode(&whole, file.data, file.size, name, err));
    for (size_t cut = 0; cut < file.size; cut++) {
        unsigned char *part = mem_new(cut, 1); /* its own memory, so that a sanitizer sees reads behind it */
        if (cut)
            memcpy(part, file.data, cut);
        pb_error err = {0};
        pb_status status = image_decode(&picture, part, cut, name, &err);
        if (status == PB_OK) {
            if (cut + 12 < file.size || memcmp(whole.pixels, picture.pixels, whole.width * whole.height * 3) != 0)
                test_stop(__FILE__, __LINE__, "%s: read whole from %zu of %zu bytes", name, cut, file.size);
        } else if (picture.pixels || !strstr(err.message, name)) {
            test_stop(__FILE__, __LINE__, "%s, cut at %zu: %s", name, cut, err.message);
        }
        image_free(&picture);
        free(part);
    }
    image_free(&whole);
    free(file.data);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for_each_golden(assert_cuts_are_refused);
}

/* Flipped bits give an error or some picture, and no crash, leak or message. */
static void assert_survives_flips(const char *name)
{
    bytes file = golden(name);
    unsigned random = 1;
    for (int i = 0; i < 200; i++) {
        random = random * 1664525u + 1013904223u;
        size_t at = (random >> 8) % file.size;
        unsigned char was = file.data[at];
        file.data[at] ^= (unsigned char)(1u << (random >> 5) % 8);
        image picture;
        pb_error err;
        image_decode(&picture, file.data, file.size, name, &err);
        image_free(&picture);
        file.data[at] = was;
    }
    free(file.data);
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    for_each_golden(assert_survives_flips);
}

static void put_be32(unsigned char *at, size_t value)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* PNG: IHDR's 13 bytes are at 16, its checksum at 29. */
static void set_png_size(unsigned char *png, size_t width, size_t height)
{
    put_be32(png + 16, width);
    put_be32(png + 20, height);
    put_be32(png + 29, crc32(0, png + 12, 17));
}

static void a_png_with_a_wrong_checksum_is_refused(void **state)
{
    (void)state;
    image picture;
    bytes file = golden("rgb8.png");
    file.data[29] ^= 1;
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EFORMAT, "p.png: is a damaged PNG");
    file.data[29] ^= 1;
    file.data[file.size - 13] ^= 1; /* of the last IDAT */
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EFORMAT, "p.png: is a damaged PNG");
    free(file.data);
}

static void a_png_that_lies_about_its_size_is_refused(void **state)
{
    (void)state;
    image picture;
    bytes file = golden("rgb8.png"); /* 23x17 */
    set_png_size(file.data, 23, 18);
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EFORMAT, "Not enough image data");
    set_png_size(file.data, 0, 17);
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EFORMAT, "p.png: is a damaged PNG");
    set_png_size(file.data, 30000, 30000);
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EUNSUPPORTED,
                 "p.png: 30000x30000 pixels, expected at most 178956970");
    set_png_size(file.data, 0x7fffffff, 0x7fffffff);
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EUNSUPPORTED, "expected at most");
    set_png_size(file.data, 0x80000000u, 1);
    assert_fails(image_decode(&picture, file.data, file.size, "p.png", err), PB_EFORMAT, "p.png: is a damaged PNG");
    free(file.data);
}

/* Where the frame header of a baseline JPEG begins: ff c0, 2 of length, 1 of precision, 2 of height, 2 of width. */
static unsigned char *jpeg_frame(bytes file)
{
    for (size_t i = 0; i + 9 < file.size; i++)
        if (file.data[i] == 0xff && file.data[i + 1] == 0xc0)
            return file.data + i;
    test_stop(__FILE__, __LINE__, "no frame");
    return NULL;
}

static void jpegs_of_kinds_that_are_not_read_are_refused(void **state)
{
    (void)state;
    image picture;
    bytes file = golden("ycc420.jpg");
    unsigned char *frame = jpeg_frame(file);
    frame[1] = 0xc3; /* lossless */
    assert_fails(image_decode(&picture, file.data, file.size, "p.jpg", err), PB_EUNSUPPORTED,
                 "p.jpg: a kind of JPEG that is not read");
    frame[1] = 0xc0;
    frame[4] = 12; /* bits */
    assert_fails(image_decode(&picture, file.data, file.size, "p.jpg", err), PB_EUNSUPPORTED, "precision");
    frame[4] = 8;
    memset(frame + 5, 0xff, 4);
    assert_fails(image_decode(&picture, file.data, file.size, "p.jpg", err), PB_EFORMAT, "p.jpg: is a damaged JPEG");
    memcpy(frame + 5, (unsigned char[]){0xea, 0x60, 0xea, 0x60}, 4);
    assert_fails(image_decode(&picture, file.data, file.size, "p.jpg", err), PB_EUNSUPPORTED,
                 "p.jpg: 60000x60000 pixels, expected at most");
    memset(frame + 5, 0, 2);
    assert_fails(image_decode(&picture, file.data, file.size, "p.jpg", err), PB_EFORMAT, "p.jpg: is a damaged JPEG");
    free(file.data);
}

/* Pillow refuses it, too; libjpeg says so only when it is asked to finish. */
static void a_jpeg_with_a_broken_end_is_refused(void **state)
{
    (void)state;
    image picture;
    bytes file = golden("ycc420.jpg");
    file.data[file.size - 1] = 0x8d;
    assert_fails(image_decode(&picture, file.data, file.size, "p.jpg", err), PB_EFORMAT, "Unsupported marker type 0x8d");
    free(file.data);
}

static void a_progressive_jpeg_cannot_repeat_scans_without_end(void **state)
{
    (void)state;
    bytes file = golden("ycc420_progressive.jpg");
    size_t scan = 0;
    for (size_t i = 0; i + 1 < file.size; i++)
        if (file.data[i] == 0xff && file.data[i + 1] == 0xda)
            scan = i;
    buffer bomb = {0};
    buffer_add(&bomb, file.data, file.size - 2);
    for (int i = 0; i < 600; i++)
        buffer_add(&bomb, file.data + scan, file.size - 2 - scan);
    buffer_add(&bomb, "\xff\xd9", 2);
    image picture;
    assert_fails(image_decode(&picture, (unsigned char *)bomb.data, bomb.size, "p.jpg", err), PB_EUNSUPPORTED,
                 "p.jpg: a JPEG of more than 500 scans");
    buffer_free(&bomb);
    free(file.data);
}

static void a_webp_that_lies_about_its_size_is_refused(void **state)
{
    (void)state;
    image picture;
    bytes file = golden("small_first_frame.webp"); /* VP8X: the canvas less 1 at 24 and 27, 3 bytes each */
    memset(file.data + 24, 0xff, 6);
    assert_fails(image_decode(&picture, file.data, file.size, "p.webp", err), PB_EFORMAT, "p.webp: is ");
    memcpy(file.data + 24, (unsigned char[]){0xff, 0x3f, 0, 0xff, 0x3f, 0}, 6); /* 16384x16384 */
    assert_fails(image_decode(&picture, file.data, file.size, "p.webp", err), PB_EUNSUPPORTED,
                 "p.webp: 16384x16384 pixels, expected at most");
    memcpy(file.data + 24, (unsigned char[]){3, 0, 0, 3, 0, 0}, 6); /* smaller than the frame */
    assert_fails(image_decode(&picture, file.data, file.size, "p.webp", err), PB_EFORMAT, "p.webp: is a damaged WebP");
    free(file.data);
}

#define quiet(test) cmocka_unit_test_setup_teardown(test, catch_stderr, check_stderr)

int main(void)
{
    const struct CMUnitTest tests[] = {
        quiet(every_encoding_gives_pillows_pixels),
        quiet(a_missing_file_and_a_folder_are_named),
        quiet(other_kinds_are_told_apart),
        quiet(formats_that_pillow_reads_and_patchbay_does_not_are_named),
        quiet(a_file_cut_anywhere_is_refused),
        quiet(flipped_bits_do_no_harm),
        quiet(a_png_with_a_wrong_checksum_is_refused),
        quiet(a_png_that_lies_about_its_size_is_refused),
        quiet(jpegs_of_kinds_that_are_not_read_are_refused),
        quiet(a_jpeg_with_a_broken_end_is_refused),
        quiet(a_progressive_jpeg_cannot_repeat_scans_without_end),
        quiet(a_webp_that_lies_about_its_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
