/* test_picture_map.c: heat maps over a picture, on made-up values. With a folder and a picture on its command line it
 * writes samples to look at. */
#include "tests/support.h"

#include <math.h>

#include "image/geometry.h"
#include "made_up.h"
#include "report/html.h"
#include "report/page.h"
#include "report/picture_map.h"

/* A question about a picture of this size with `side` x `side` patches of a padded square, a class row before them. */
typedef struct scene {
    made_up made;
    image_area *areas;
    double *values;
    size_t layers[40], layer_count, rows;
    picture_map map;
} scene;

static void make_areas(scene *s, size_t width, size_t height, size_t side)
{
    image_processor p = image_processor_siglip();
    p.pad_to_square = true;
    p.width = p.height = 14 * side;
    image_layout l = image_layout_of(&p, width, height);
    s->areas = mem_new(s->rows, sizeof *s->areas);
    s->areas[0].kind = AREA_CLASS;
    for (size_t i = 0; i < side * side; i++)
        s->areas[1 + i] = image_layout_area(&l, i % side * 14, i / side * 14, 14, 14);
}

/* A spot that wanders with the layers. */
static double value_at(const scene *s, size_t layer, size_t row, size_t side)
{
    double x = (double)((row - 1) % side) / (double)side, y = (double)((row - 1) / side) / (double)side;
    double t = (double)layer / (double)s->layer_count;
    return row == 0 ? 0.031 : t * exp(-30 * (pow(x - t, 2) + pow(y - 0.5, 2)));
}

static void scene_make(scene *s, size_t width, size_t height, size_t side, size_t layers, const char *picture_path)
{
    made_up_request request = made_up_usual;
    request.image_rows = side * side + 1;
    request.image_path = picture_path;
    *s = (scene){.layer_count = layers, .rows = side * side + 1};
    made_up_make(&s->made, &request);
    make_areas(s, width, height, side);
    report_about *about = &s->made.report.about;
    about->image_width = width;
    about->image_height = height;
    about->image_areas = s->areas;
    s->values = mem_new(layers * s->rows, sizeof *s->values);
    for (size_t l = 0; l < layers; l++) {
        s->layers[l] = l;
        for (size_t i = 0; i < s->rows; i++)
            s->values[l * s->rows + i] = value_at(s, l, i, side);
    }
    s->map = (picture_map){.about = about, .title = "Made-up <values>", .layers = s->layers, .layer_count = layers,
                           .values = s->values, .scale = picture_scale_of(s->values, layers * s->rows, "p(Lisbon)"),
                           .colours = &palette_purples};
}

static void scene_free(scene *s)
{
    free(s->areas);
    free(s->values);
    made_up_free(&s->made);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void page(buffer *out, const picture_map *m)
{
    buffer_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>map</title><style>\n");
    buffer_text(out, page_css);
    picture_map_style(out, m->colours);
    buffer_text(out, "</style></head><body>\n");
    picture_map_picture(out, m->about);
    picture_map_html(out, m, 0);
    picture_map_script(out);
    buffer_text(out, "</body></html>\n");
}

/* ---- tests ---- */

static void every_row_with_pixels_is_drawn_and_the_rest_is_told(void **state)
{
    (void)state;
    scene s;
    buffer html = {0}, words = {0};
    scene_make(&s, 320, 160, 4, 3, "none.png"); /* 8 of 16 patches lie in the padding alone */
    page(&html, &s.map);
    assert_int_equal(occurrences(html.data, "data-row="), 8);
    picture_map_elsewhere(&words, &s.map, 0);
    assert_string_equal(words.data, "1 class row: 0.031; 8 padding rows: 0");
    buffer svg = {0};
    picture_map_svg(&svg, &s.map, "caption");
    assert_non_null(strstr(svg.data, ">1 class row: 0.031; 8 padding rows: 0 to ")); /* over all layers */
    buffer_free(&svg);
    assert_non_null(strstr(html.data, "Made-up &lt;values&gt;"));
    assert_null(strstr(html.data, "Made-up <values>"));
    assert_non_null(strstr(html.data, "d=\"M0 0H250V500H0z\"")); /* a quarter of the width, half of the height */
    buffer_free(&html);
    buffer_free(&words);
    scene_free(&s);
}

static void rows_without_a_value_stay_uncoloured(void **state)
{
    (void)state;
    scene s;
    buffer html = {0}, svg = {0};
    scene_make(&s, 100, 100, 2, 1, "none.png");
    for (size_t i = 0; i < s.rows; i++)
        s.values[i] = NAN;
    s.map.scale = picture_scale_of(s.values, s.rows, "p");
    assert_true(s.map.scale.from == 0 && s.map.scale.to == 0);
    page(&html, &s.map);
    assert_int_equal(occurrences(html.data, "class=\"qx\""), 4);
    picture_map_svg(&svg, &s.map, "caption");
    assert_null(strstr(svg.data, "nan"));
    buffer_free(&html);
    buffer_free(&svg);
    scene_free(&s);
}

static void the_strongest_layer_is_shown_first(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, 64, 48, 6, 5, "none.png");
    for (size_t i = 0; i < 5 * s.rows; i++)
        s.values[i] = 0.5;
    s.values[3 * s.rows + 7] = 0.75;
    assert_int_equal(picture_map_strongest(&s.map), 3);
    s.map.scale = (picture_scale){1, 0, "p"}; /* of damage the lowest is the strongest */
    s.values[2 * s.rows + 1] = 0.25;
    assert_int_equal(picture_map_strongest(&s.map), 2);
    scene_free(&s);
}

/* Sizes and numbers stay finite whatever the picture's shape. */
static void pictures_of_any_shape_are_drawn(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {1, 500}, {500, 1}, {97, 31}, {4000, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        scene s;
        buffer svg = {0}, html = {0};
        scene_make(&s, sizes[i][0], sizes[i][1], 6, 4, "none.png");
        picture_map_svg(&svg, &s.map, "caption");
        page(&html, &s.map);
        assert_null(strstr(svg.data, "nan"));
        assert_null(strstr(svg.data, "inf"));
        assert_true(occurrences(svg.data, "<path fill=") >= 4);
        assert_true(occurrences(html.data, "data-row=") >= 6);
        buffer_free(&svg);
        buffer_free(&html);
        scene_free(&s);
    }
}

static void write_samples(const char *to, const char *picture_path)
{
    scene s;
    buffer svg = {0}, html = {0};
    scene_make(&s, 320, 240, 24, 24, picture_path);
    picture_map_svg(&svg, &s.map, "A caption that says what is seen.");
    page(&html, &s.map);
    char *path = path_join(to, "map.svg");
    assert_ok(file_write_all(path, svg.data, svg.size, err));
    free(path);
    path = path_join(to, "map.html");
    assert_ok(file_write_all(path, html.data, html.size, err));
    free(path);
    buffer_free(&svg);
    buffer_free(&html);
    scene_free(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_with_pixels_is_drawn_and_the_rest_is_told),
        cmocka_unit_test(rows_without_a_value_stay_uncoloured),
        cmocka_unit_test(the_strongest_layer_is_shown_first),
        cmocka_unit_test(pictures_of_any_shape_are_drawn),
    };
    if (argc == 3) {
        write_samples(argv[1], argv[2]);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
