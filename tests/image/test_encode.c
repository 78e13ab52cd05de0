/* test_encode.c: pictures that are written are read back: PNG to the pixel, JPEG nearly; a PNG's transparency is kept. */
#include "tests/in_folder.h"

#include "image/encode.h"

/* Colours that change smoothly, so that JPEG can follow. */
static image ramp(size_t width, size_t height)
{
    image im = {width, height, mem_new(width * height, 3)};
    for (size_t i = 0; i < width * height; i++) {
        im.pixels[3 * i] = (unsigned char)(255 * (i % width) / width);
        im.pixels[3 * i + 1] = (unsigned char)(255 * (i / width) / height);
        im.pixels[3 * i + 2] = 90;
    }
    return im;
}

static void png_keeps_every_pixel(void **state)
{
    (void)state;
    image im = ramp(37, 21), back;
    buffer bytes = {0};
    assert_ok(image_to_png(&bytes, &im, err));
    assert_ok(image_decode(&back, (unsigned char *)bytes.data, bytes.size, "a.png", err));
    assert_int_equal(back.width, 37);
    assert_int_equal(back.height, 21);
    assert_memory_equal(back.pixels, im.pixels, (size_t)37 * 21 * 3);
    buffer_free(&bytes);
    image_free(&back);
    image_free(&im);
}

static void jpeg_keeps_them_nearly(void **state)
{
    (void)state;
    image im = ramp(64, 40), back;
    buffer bytes = {0}, again = {0};
    assert_ok(image_to_jpeg(&bytes, &im, 95, err));
    assert_ok(image_to_jpeg(&again, &im, 95, err));
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    assert_ok(image_decode(&back, (unsigned char *)bytes.data, bytes.size, "a.jpg", err));
    for (size_t i = 0; i < (size_t)64 * 40 * 3; i++)
        assert_true(abs(back.pixels[i] - im.pixels[i]) <= 6);
    buffer_free(&bytes);
    buffer_free(&again);
    image_free(&back);
    image_free(&im);
}

static void what_has_no_pixels_is_refused(void **state)
{
    (void)state;
    image none = {0};
    buffer bytes = {0};
    assert_fails(image_to_png(&bytes, &none, err), PB_EINVAL, "0x0 pixels");
    assert_fails(image_to_jpeg(&bytes, &none, 90, err), PB_EINVAL, "0x0 pixels");
    buffer_free(&bytes);
}

static void transparency_is_read(void **state)
{
    (void)state;
    image_rgba im;
    image rgb;
    assert_ok(image_load_rgba(&im, GOLDEN("data/image/rgba8.png"), err));
    assert_ok(image_load(&rgb, GOLDEN("data/image/rgba8.png"), err));
    assert_int_equal(im.width, rgb.width);
    assert_int_equal(im.height, rgb.height);
    bool varies = false;
    for (size_t i = 0; i < im.width * im.height; i++) {
        assert_memory_equal(im.pixels + 4 * i, rgb.pixels + 3 * i, 3);
        varies = varies || im.pixels[4 * i + 3] != im.pixels[3];
    }
    assert_true(varies);
    image_rgba_free(&im);
    image_free(&rgb);
}

static void what_is_no_png_is_refused(void **state)
{
    (void)state;
    image_rgba im;
    char *path = path_join(folder, "a.png");
    assert_ok(file_write_all(path, "no picture", 10, err));
    assert_fails(image_load_rgba(&im, path, err), PB_EFORMAT, "a.png: is no PNG picture");
    assert_fails(image_load_rgba(&im, GOLDEN("data/image/rgb.jpg"), err), PB_EFORMAT, "rgb.jpg: is no PNG picture");
    free(path);
}

static void a_cut_off_png_is_refused(void **state)
{
    (void)state;
    image im = ramp(50, 50);
    image_rgba back;
    buffer bytes = {0};
    char *path = path_join(folder, "cut.png");
    assert_ok(image_to_png(&bytes, &im, err));
    assert_ok(file_write_all(path, bytes.data, bytes.size / 2, err));
    assert_fails(image_load_rgba(&back, path, err), PB_EFORMAT, "cut.png");
    buffer_free(&bytes);
    image_free(&im);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_keeps_every_pixel),      cmocka_unit_test(jpeg_keeps_them_nearly),
        cmocka_unit_test(what_has_no_pixels_is_refused), cmocka_unit_test(transparency_is_read),
        in_folder(what_is_no_png_is_refused),         in_folder(a_cut_off_png_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
