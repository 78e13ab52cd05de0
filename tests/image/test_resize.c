/* test_resize.c: Pillow's resize to the bit; and the parts and borders of canvas_resize, against the plain way. */
#include "tests/support.h"

#include "base/memory.h"
#include "image/decode.h"
#include "image/resize.h"

static const char *const filter_names[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};

static image noise(size_t width, size_t height, unsigned seed)
{
    image im;
    assert_ok(image_new(&im, width, height, "noise", err));
    for (size_t i = 0; i < width * height * 3; i++) {
        seed = seed * 1664525u + 1013904223u;
        im.pixels[i] = (seed >> 30) == 0 ? 0 : (seed >> 30) == 1 ? 255 : (unsigned char)(seed >> 16);
    }
    return im;
}

static bool same(const image *a, const image *b)
{
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, a->width * a->height * 3) == 0;
}

static void every_filter_gives_pillows_pixels(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{24, 24}, {97, 31}, {61, 20}, {15, 47}, {1, 1}};
    image photo, resized;
    assert_ok(image_load(&photo, GOLDEN("data/image/photo.png"), err));
    for (int f = IMAGE_NEAREST; f <= IMAGE_HAMMING; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t width = sizes[i][0], height = sizes[i][1];
            buffer path = {0};
            buffer_printf(&path, GOLDEN("data/image/resize/%s_%zux%zu.rgb"), filter_names[f], width, height);
            file_map expected;
            assert_ok(file_map_open(&expected, path.data, err));
            assert_ok(image_resize(&resized, &photo, width, height, (image_filter)f, err));
            assert_int_equal(expected.size, width * height * 3);
            if (memcmp(resized.pixels, expected.data, expected.size) != 0)
                test_stop(__FILE__, __LINE__, "%s: other pixels than Pillow's", path.data);
            image_free(&resized);
            file_map_close(&expected);
            buffer_free(&path);
        }
    image_free(&photo);
}

static void the_same_size_is_a_copy(void **state)
{
    (void)state;
    image im = noise(13, 9, 1), copy;
    for (int f = IMAGE_NEAREST; f <= IMAGE_HAMMING; f++) {
        assert_ok(image_resize(&copy, &im, 13, 9, (image_filter)f, err));
        assert_true(same(&im, &copy));
        assert_ptr_not_equal(im.pixels, copy.pixels);
        image_free(&copy);
    }
    image_free(&im);
}

static void one_colour_stays_that_colour(void **state)
{
    (void)state;
    image im = noise(40, 30, 1), resized;
    memset(im.pixels, 200, 40 * 30 * 3);
    for (int f = IMAGE_NEAREST; f <= IMAGE_HAMMING; f++) {
        assert_ok(image_resize(&resized, &im, 7, 90, (image_filter)f, err));
        for (size_t i = 0; i < 7 * 90 * 3; i++)
            assert_int_equal(resized.pixels[i], 200);
        image_free(&resized);
    }
    image_free(&im);
}

static void sizes_and_filters_out_of_range_are_refused(void **state)
{
    (void)state;
    image im = noise(3, 3, 1), out;
    assert_fails(image_resize(&out, &im, 0, 5, IMAGE_BICUBIC, err), PB_EINVAL, "0x5");
    assert_fails(image_resize(&out, &im, 5, 0, IMAGE_BICUBIC, err), PB_EINVAL, "5x0");
    assert_fails(image_resize(&out, &im, 20000, 20000, IMAGE_BICUBIC, err), PB_EINVAL, "at most 178956970");
    assert_fails(image_resize(&out, &im, SIZE_MAX, 2, IMAGE_BICUBIC, err), PB_EINVAL, "expected 1 to");
    assert_fails(image_resize(&out, &im, 2, 2, (image_filter)6, err), PB_EINVAL, "resize filter 6");
    assert_fails(image_resize(&out, &im, 2, 2, (image_filter)-1, err), PB_EINVAL, "resize filter -1");
    assert_null(out.pixels);
    image_free(&im);
}

static void a_picture_may_be_very_wide(void **state)
{
    (void)state;
    image im = noise(40000, 2, 1), out;
    for (int f = IMAGE_NEAREST; f <= IMAGE_HAMMING; f++) {
        assert_ok(image_resize(&out, &im, 336, 336, (image_filter)f, err));
        image_free(&out);
        assert_ok(image_resize(&out, &im, 1, 1, (image_filter)f, err));
        image_free(&out);
    }
    image_free(&im);
}

/* The border pasted for real. */
static image pasted(const canvas *c)
{
    image im;
    assert_ok(image_new(&im, c->width, c->height, "canvas", err));
    for (size_t i = 0; i < c->width * c->height; i++)
        memcpy(im.pixels + 3 * i, c->colour, 3);
    for (size_t y = 0; y < c->picture->height; y++)
        memcpy(im.pixels + ((c->top + y) * c->width + c->left) * 3, c->picture->pixels + y * c->picture->width * 3,
               c->picture->width * 3);
    return im;
}

static image cut(const image *in, region part)
{
    image im;
    assert_ok(image_new(&im, part.width, part.height, "cut", err));
    for (size_t y = 0; y < part.height; y++)
        memcpy(im.pixels + y * part.width * 3, in->pixels + ((part.top + y) * in->width + part.left) * 3,
               part.width * 3);
    return im;
}

static void check_canvas(const canvas *c, size_t width, size_t height, region part, image_filter filter)
{
    image plain = pasted(c), whole, wanted, got;
    assert_ok(image_resize(&whole, &plain, width, height, filter, err));
    wanted = cut(&whole, part);
    assert_ok(canvas_resize(&got, c, width, height, part, filter, err));
    if (!same(&wanted, &got))
        test_stop(__FILE__, __LINE__, "%zux%zu to %zux%zu, filter %d", c->width, c->height, width, height, (int)filter);
    image_free(&plain);
    image_free(&whole);
    image_free(&wanted);
    image_free(&got);
}

static void borders_and_parts_equal_the_plain_way(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{20, 31}, {60, 10}, {9, 40}, {33, 29}, {33, 12}, {11, 29}, {70, 80}};
    image im = noise(21, 29, 3);
    canvas wide = {&im, 33, 29, 6, 0, {1, 200, 77}}, tall = {&im, 21, 50, 0, 10, {255, 0, 9}}, bare = canvas_of(&im);
    for (int f = IMAGE_NEAREST; f <= IMAGE_HAMMING; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t width = sizes[i][0], height = sizes[i][1];
            region whole = {0, 0, width, height}, middle = {width / 3, height / 4, width / 3 + 1, height / 2};
            check_canvas(&wide, width, height, whole, (image_filter)f);
            check_canvas(&wide, width, height, middle, (image_filter)f);
            check_canvas(&tall, width, height, middle, (image_filter)f);
            check_canvas(&bare, width, height, middle, (image_filter)f);
        }
    image_free(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_gives_pillows_pixels),
        cmocka_unit_test(the_same_size_is_a_copy),
        cmocka_unit_test(one_colour_stays_that_colour),
        cmocka_unit_test(sizes_and_filters_out_of_range_are_refused),
        cmocka_unit_test(a_picture_may_be_very_wide),
        cmocka_unit_test(borders_and_parts_equal_the_plain_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
