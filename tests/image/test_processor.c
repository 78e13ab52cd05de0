/* test_processor.c: HF's pixel_values to the bit; configs in both forms; hostile configs named by file and key. */
#include "tests/in_folder.h"

#include "base/memory.h"
#include "image/decode.h"
#include "image/processor.h"

static void write_config(const char *name, const char *text)
{
    char *path = path_join(folder, name);
    assert_ok(file_write_all(path, text, strlen(text), err));
    free(path);
}

static image_processor read_with(const image_processor *defaults)
{
    image_processor p;
    assert_ok(image_processor_read(&p, folder, defaults, err));
    return p;
}

static image_processor read_text(const char *text)
{
    image_processor defaults = image_processor_clip();
    write_config("preprocessor_config.json", text);
    return read_with(&defaults);
}

/* ---- values ---- */

static void assert_values(const char *path, const float *values, size_t count)
{
    file_map expected;
    assert_ok(file_map_open(&expected, path, err));
    assert_int_equal(expected.size, count * sizeof *values);
    if (memcmp(expected.data, values, expected.size) != 0)
        test_stop(__FILE__, __LINE__, "%s: other values than HF's", path);
    file_map_close(&expected);
}

static void check_tower(const char *name, const image *photo)
{
    static const char *const files[] = {"plain.f32", "square.f32"};
    char *directory = path_join(GOLDEN("data/image/tower"), name);
    for (int square = 0; square < 2; square++) {
        image_processor p, defaults = image_processor_clip();
        float *pixels;
        size_t width, height;
        defaults.pad_to_square = square;
        assert_ok(image_processor_read(&p, directory, &defaults, err));
        assert_int_equal(p.pad_to_square, square);
        assert_ok(image_process(&p, photo, &pixels, &width, &height, err));
        char *path = path_join(directory, files[square]);
        assert_values(path, pixels, 3 * width * height);
        free(path);
        free(pixels);
    }
    free(directory);
}

static void configs_give_hf_values(void **state)
{
    (void)state;
    static const char *const names[] = {"clip336",   "old_numbers", "siglip", "small_for_crop",
                                        "crop_only", "values_only", "factor"};
    image photo;
    assert_ok(image_load(&photo, GOLDEN("data/image/photo.png"), err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_tower(names[i], &photo);
    image_free(&photo);
}

/* Without the middle cut out early this would be a picture of 224x4480000, and a square of 1.6 gigapixels. */
static void a_panorama_needs_no_more_than_its_middle(void **state)
{
    (void)state;
    image wide;
    image_processor p = image_processor_clip();
    assert_ok(image_new(&wide, 40000, 2, "wide", err));
    memset(wide.pixels, 99, 40000 * 2 * 3);
    for (int square = 0; square < 2; square++) {
        float *pixels;
        size_t width, height;
        p.pad_to_square = square;
        assert_ok(image_process(&p, &wide, &pixels, &width, &height, err));
        assert_int_equal(width, 224);
        assert_int_equal(height, 224);
        free(pixels);
    }
    p.crop = p.pad_to_square = false;
    float *pixels;
    size_t width, height;
    assert_fails(image_process(&p, &wide, &pixels, &width, &height, err), PB_EINVAL, "4480000x224");
    assert_null(pixels);
    image_free(&wide);
}

static void the_smallest_picture_is_processed(void **state)
{
    (void)state;
    unsigned char white[3] = {255, 255, 255};
    image one = {1, 1, white};
    image_processor p = image_processor_siglip();
    float *pixels;
    size_t width, height;
    assert_ok(image_process(&p, &one, &pixels, &width, &height, err));
    for (size_t i = 0; i < 3 * 224 * 224; i++)
        assert_true(pixels[i] == 1.0f);
    free(pixels);
}

/* ---- configs ---- */

static void a_folder_without_a_config_has_the_familys_defaults(void **state)
{
    (void)state;
    image_processor defaults = image_processor_siglip();
    defaults.width = defaults.height = 384;
    image_processor p = read_with(&defaults);
    assert_int_equal(p.width, 384);
    assert_false(p.crop);
}

static void keys_left_out_have_the_defaults_of_the_class_that_is_named(void **state)
{
    (void)state;
    image_processor p = read_text("{\"image_processor_type\": \"SiglipImageProcessorFast\"}");
    assert_int_equal(p.width, 224);
    assert_false(p.crop);
    assert_true(p.mean[0] == 0.5);
    p = read_text("{\"size\": 30}");
    assert_int_equal(p.shortest_edge, 30);
    assert_int_equal(p.width, 0);
    assert_int_equal(p.crop_width, 224);
    assert_true(p.crop);
}

static void the_nested_form_wins_over_the_older_file(void **state)
{
    (void)state;
    image_processor defaults = image_processor_clip();
    write_config("preprocessor_config.json", "{\"size\": 40}");
    write_config("processor_config.json", "{\"processor_class\": \"LlavaProcessor\", \"patch_size\": 14}");
    assert_int_equal(read_with(&defaults).shortest_edge, 40);
    write_config("processor_config.json", "{\"image_processor\": {\"size\": {\"height\": 50, \"width\": 60}}}");
    image_processor p = read_with(&defaults);
    assert_int_equal(p.shortest_edge, 0);
    assert_int_equal(p.width, 60);
    assert_int_equal(p.height, 50);
}

static void a_step_that_is_null_is_off(void **state)
{
    (void)state;
    image_processor p = read_text("{\"do_center_crop\": null, \"crop_size\": null, \"do_convert_rgb\": null,"
                                  " \"do_normalize\": false, \"image_mean\": null}");
    assert_false(p.crop);
    assert_false(p.normalize);
    assert_true(p.resize);
}

static void llavas_do_pad_means_the_square(void **state)
{
    (void)state;
    assert_true(read_text("{\"image_processor_type\": \"LlavaImageProcessorPil\", \"do_pad\": true}").pad_to_square);
    assert_false(read_text("{\"image_processor_type\": \"CLIPImageProcessor\", \"do_pad\": true}").pad_to_square);
}

static void hostile_configs_are_refused_by_key(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        pb_status code;
        const char *words;
    } cases[] = {
        {"[]", PB_EFORMAT, "preprocessor_config.json"},
        {"{\"size\": ", PB_EFORMAT, "preprocessor_config.json"},
        {"{\"size\": 0}", PB_EFORMAT, "\"size\" is 0, expected 1 to 16384"},
        {"{\"size\": 16385}", PB_EFORMAT, "\"size\" is 16385"},
        {"{\"size\": 1.5}", PB_EFORMAT, "\"size\" is 1.5"},
        {"{\"size\": -3}", PB_EFORMAT, "\"size\" is -3"},
        {"{\"size\": \"224\"}", PB_EFORMAT, "\"size\" is a string"},
        {"{\"size\": [224, 224]}", PB_EFORMAT, "\"size\" is an array"},
        {"{\"size\": null}", PB_EFORMAT, "\"size\" is null, but its step is on"},
        {"{\"size\": {}}", PB_EFORMAT, "\"size.height\""},
        {"{\"size\": {\"height\": 3}}", PB_EFORMAT, "\"size.width\""},
        {"{\"size\": {\"height\": 3, \"width\": 1e9}}", PB_EFORMAT, "\"size.width\" is 1000000000"},
        {"{\"size\": {\"shortest_edge\": 3, \"longest_edge\": 9}}", PB_EUNSUPPORTED, "\"size.longest_edge\""},
        {"{\"crop_size\": {\"shortest_edge\": 3}}", PB_EFORMAT, "\"crop_size.height\""},
        {"{\"crop_size\": true}", PB_EFORMAT, "\"crop_size\" is a boolean"},
        {"{\"resample\": 6}", PB_EUNSUPPORTED, "\"resample\" is 6"},
        {"{\"resample\": \"bicubic\"}", PB_EFORMAT, "\"resample\" is a string"},
        {"{\"rescale_factor\": 0}", PB_EFORMAT, "\"rescale_factor\" is 0"},
        {"{\"image_mean\": [0.5, 0.5]}", PB_EFORMAT, "\"image_mean\" is not a list of 3"},
        {"{\"image_mean\": [0.5, 0.5, 2]}", PB_EFORMAT, "\"image_mean\" holds 2"},
        {"{\"image_std\": [0.5, 0, 0.5]}", PB_EFORMAT, "\"image_std\" holds 0, expected numbers above 0"},
        {"{\"image_std\": [0.5, null, 0.5]}", PB_EFORMAT, "\"image_std\" holds null"},
        {"{\"do_resize\": 1}", PB_EFORMAT, "\"do_resize\" is a number"},
        {"{\"do_pad\": true, \"pad_size\": {\"height\": 9, \"width\": 9}}", PB_EUNSUPPORTED, "\"do_pad\""},
        {"{\"image_processor_type\": \"LlavaNextImageProcessor\"}", PB_EUNSUPPORTED, "\"LlavaNextImageProcessor\""},
        {"{\"feature_extractor_type\": \"ViTFeatureExtractor\"}", PB_EUNSUPPORTED, "\"feature_extractor_type\""},
        {"{\"image_processor_type\": 5}", PB_EFORMAT, "\"image_processor_type\" is a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        image_processor p, defaults = image_processor_clip();
        write_config("preprocessor_config.json", cases[i].text);
        assert_fails(image_processor_read(&p, folder, &defaults, err), cases[i].code, cases[i].words);
        assert_fails(image_processor_read(&p, folder, &defaults, err), cases[i].code, "preprocessor_config.json: ");
    }
}

static void a_crop_needs_a_size(void **state)
{
    (void)state;
    image_processor p, defaults = image_processor_siglip();
    write_config("processor_config.json", "{\"image_processor\": {\"do_center_crop\": true}}");
    assert_fails(image_processor_read(&p, folder, &defaults, err), PB_EFORMAT, "there is no \"crop_size\"");
    write_config("processor_config.json", "{\"image_processor\": []}");
    assert_fails(image_processor_read(&p, folder, &defaults, err), PB_EFORMAT, "\"image_processor\" is an array");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_give_hf_values),
        cmocka_unit_test(a_panorama_needs_no_more_than_its_middle),
        cmocka_unit_test(the_smallest_picture_is_processed),
        in_folder(a_folder_without_a_config_has_the_familys_defaults),
        in_folder(keys_left_out_have_the_defaults_of_the_class_that_is_named),
        in_folder(the_nested_form_wins_over_the_older_file),
        in_folder(a_step_that_is_null_is_off),
        in_folder(llavas_do_pad_means_the_square),
        in_folder(hostile_configs_are_refused_by_key),
        in_folder(a_crop_needs_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
