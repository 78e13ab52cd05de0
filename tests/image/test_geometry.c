/* test_geometry.c: where a processed picture's pixels come from, held against pictures that were really processed. In
 * these, red tells a pixel's column and green its line, so that each processed pixel says itself what it shows. */
#include "tests/support.h"

#include "base/memory.h"
#include "image/decode.h"
#include "image/geometry.h"


static image_processor plain(void)
{
    return (image_processor){.filter = IMAGE_NEAREST, .mean = {1, 1, 1}, .std = {1, 1, 1}};
}

static image addressed(size_t width, size_t height)
{
    image im;
    assert_ok(image_new(&im, width, height, "addressed", err));
    for (size_t i = 0; i < width * height; i++) {
        im.pixels[i * 3] = (unsigned char)(i % width);
        im.pixels[i * 3 + 1] = (unsigned char)(i / width);
        im.pixels[i * 3 + 2] = 0;
    }
    return im;
}

/* Whether an area goes over the picture's edge, half of it or more being cut off. */
static bool is_half(const image_layout *l, const image_area *a)
{
    double width = (double)l->canvas_width / (double)l->full_width;
    double height = (double)l->canvas_height / (double)l->full_height;
    return (a->right - a->left) <= width / 2 + 1e-6 || (a->bottom - a->top) <= height / 2 + 1e-6;
}

/* A processed pixel shows the source pixel under its middle, at (column, line), or the padding's colour. Its area
 * covers that pixel, in its middle where the picture's edge is not near; or its middle lies beyond that edge. */
static void check_pixel(const image_layout *l, size_t x, size_t y, double column, double line, bool padded)
{
    image_area a = image_layout_area(l, x, y, 1, 1);
    if (padded) {
        assert_true(a.kind == AREA_PADDING || is_half(l, &a));
        return;
    }
    assert_int_equal(a.kind, AREA_PIXELS);
    assert_true(a.left < column + 1 && a.right > column && a.top < line + 1 && a.bottom > line);
    double across = (a.left + a.right) / 2, down = (a.top + a.bottom) / 2;
    if (a.left > 0 && a.right < (double)l->width)
        assert_true(across >= column - 1e-6 && across <= column + 1 + 1e-6);
    if (a.top > 0 && a.bottom < (double)l->height)
        assert_true(down >= line - 1e-6 && down <= line + 1 + 1e-6);
}

/* Nearest takes the pixel under the middle of where a processed one comes from. */
static void check(const image_processor *p, size_t width, size_t height)
{
    image im = addressed(width, height);
    float *pixels;
    size_t w, h;
    assert_ok(image_process(p, &im, &pixels, &w, &h, err));
    image_layout l = image_layout_of(p, width, height);
    assert_int_equal(l.out_width, w);
    assert_int_equal(l.out_height, h);
    for (size_t i = 0; i < w * h; i++)
        check_pixel(&l, i % w, i / w, pixels[i], pixels[w * h + i], pixels[2 * w * h + i] != 0);
    free(pixels);
    image_free(&im);
}

static const size_t sizes[][2] = {{24, 24}, {97, 31}, {31, 97}, {1, 40}, {40, 1}, {1, 1}, {2, 201}, {63, 64}, {64, 63}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void a_resized_picture_says_where_it_is_from(void **state)
{
    (void)state;
    image_processor p = plain();
    p.resize = true;
    p.width = 28;
    p.height = 35;
    for (size_t i = 0; i < SIZES; i++)
        check(&p, sizes[i][0], sizes[i][1]);
}

static void a_cut_picture_says_where_it_is_from(void **state)
{
    (void)state;
    image_processor p = plain();
    p.resize = p.crop = true;
    p.shortest_edge = p.crop_width = p.crop_height = 21;
    for (size_t i = 0; i < SIZES; i++)
        check(&p, sizes[i][0], sizes[i][1]);
}

static void a_picture_on_a_square_says_where_it_is_from(void **state)
{
    (void)state;
    image_processor p = plain();
    p.resize = p.pad_to_square = true;
    p.width = p.height = 27;
    for (size_t i = 0; i < SIZES; i++)
        check(&p, sizes[i][0], sizes[i][1]);
}

/* A crop that is larger than the picture leaves a border of 0. */
static void a_border_of_a_large_crop_is_padding(void **state)
{
    (void)state;
    image_processor p = plain();
    p.crop = true;
    p.crop_width = 20;
    p.crop_height = 9;
    image_layout l = image_layout_of(&p, 15, 40); /* 3 of 5 columns before it; lines 15 .. 23 */
    assert_int_equal(image_layout_area(&l, 0, 0, 3, 9).kind, AREA_PADDING);
    assert_int_equal(image_layout_area(&l, 18, 0, 2, 9).kind, AREA_PADDING);
    image_area a = image_layout_area(&l, 0, 0, 20, 9);
    assert_true(a.left == 0 && a.right == 15 && a.top == 15 && a.bottom == 24);
    a = image_layout_area(&l, 4, 2, 2, 3);
    assert_true(a.left == 1 && a.right == 3 && a.top == 17 && a.bottom == 20);
}

/* LLaVA's, in numbers: 320 x 240 on a square of 320, to 336: 14 pixels are 13 1/3 of the picture's; 42 lines above. */
static void patches_of_a_padded_picture(void **state)
{
    (void)state;
    image_processor p = image_processor_clip();
    p.pad_to_square = true;
    p.shortest_edge = p.crop_width = p.crop_height = 336;
    image_layout l = image_layout_of(&p, 320, 240);
    assert_int_equal(image_layout_area(&l, 0, 28, 14, 14).kind, AREA_PADDING);
    image_area a = image_layout_area(&l, 14, 42, 14, 14), next = image_layout_area(&l, 28, 42, 14, 14);
    assert_true(a.top == 0 && a.bottom - 40.0 / 3 < 1e-12 && a.left - 40.0 / 3 < 1e-12);
    assert_true(a.right == next.left); /* to the bit */
    assert_int_equal(image_layout_area(&l, 322, 294, 14, 14).kind, AREA_PADDING);
    a = image_layout_area(&l, 322, 280, 14, 14);
    assert_true(a.right == 320 && a.bottom == 240);
}

/* Patches tile what the crop kept: no gap, no overlap. */
static void patches_tile_the_picture(void **state)
{
    (void)state;
    image_processor p = image_processor_siglip();
    p.width = p.height = 56;
    for (size_t i = 0; i < SIZES; i++) {
        image_layout l = image_layout_of(&p, sizes[i][0], sizes[i][1]);
        double sum = 0;
        for (size_t patch = 0; patch < 16; patch++) {
            image_area a = image_layout_area(&l, patch % 4 * 14, patch / 4 * 14, 14, 14);
            assert_int_equal(a.kind, AREA_PIXELS);
            sum += (a.right - a.left) * (a.bottom - a.top);
        }
        double all = (double)(sizes[i][0] * sizes[i][1]);
        assert_true(sum > all * (1 - 1e-12) && sum < all * (1 + 1e-12));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resized_picture_says_where_it_is_from),
        cmocka_unit_test(a_cut_picture_says_where_it_is_from),
        cmocka_unit_test(a_picture_on_a_square_says_where_it_is_from),
        cmocka_unit_test(a_border_of_a_large_crop_is_padding),
        cmocka_unit_test(patches_of_a_padded_picture),
        cmocka_unit_test(patches_tile_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
