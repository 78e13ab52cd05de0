/* test_lens.c: lenses and dumps through the public interface, as a program that links the library uses it. */
#include "patchbay/patchbay.h"

#include "tests/support.h"

#include <jansson.h>
#include <unistd.h>

#include "base/npy.h"

#define LLAVA GOLDEN("data/model/llava")
#define PICTURE GOLDEN("data/image/rgb.jpg")

static const pb_question question = {.image = PICTURE, .question = "What is the capital of this country?"};

static pb_model *opened(void)
{
    pb_model *model;
    assert_ok(pb_model_open(&model, LLAVA, NULL, err));
    return model;
}

static json_t *parsed(char *text, const char *schema)
{
    json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL); /* there is a token for it */
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), schema);
    free(text);
    return json;
}

static void a_lens_can_be_read(void **state)
{
    (void)state;
    pb_model *model = opened();
    pb_lens_options o = pb_lens_defaults();
    pb_lens *lens;
    char *text;
    size_t layers, positions;
    o.positions = "image,last";
    o.first_layer = 1;
    o.top = 3;
    assert_ok(pb_lens_run(&lens, model, &question, &o, err));
    pb_lens_size(lens, &layers, &positions);
    assert_true(layers == 3 && positions == 10);
    assert_int_equal(pb_lens_layer(lens, 0), 1);
    assert_true(pb_lens_position(lens, 9) > pb_lens_position(lens, 8) + 1);
    pb_lens_json(lens, &text);
    json_t *json = parsed(text, "patchbay.lens/1");
    const double *prob = pb_lens_answer_prob(lens);
    for (size_t l = 0; l < layers; l++)
        for (size_t k = 0; k < positions; k++) {
            const json_t *cell = json_array_get(json_array_get(json_object_get(json, "top"), l), k);
            int32_t id;
            double p, before = 1;
            for (size_t n = 0; n < 3; n++, before = p) {
                assert_true(pb_lens_top(lens, l, k, n, &id, &p) && p <= before);
                assert_int_equal(json_integer_value(json_object_get(json_array_get(cell, n), "id")), id);
            }
            assert_false(pb_lens_top(lens, l, k, 3, &id, &p));
            assert_true(prob[l * positions + k] > 0 && prob[l * positions + k] < 1);
        }
    int32_t id;
    double p;
    assert_false(pb_lens_top(lens, layers, 0, 0, &id, &p));
    assert_false(pb_lens_top(lens, 0, positions, 0, &id, &p));
    pb_lens_text(lens, &text);
    assert_non_null(strstr(text, "layer  most likely"));
    free(text);
    json_decref(json);
    pb_lens_free(lens);
    pb_model_free(model);
}

static void a_lens_can_be_written_again(void **state)
{
    (void)state;
    static const char *const names[] = {"lens.json", "lens.html", "lens.svg"};
    pb_model *model = opened();
    pb_lens_options o = pb_lens_defaults();
    pb_lens *lens;
    char *folder = folder_new();
    assert_ok(pb_lens_run(&lens, model, &question, &o, err));
    for (size_t i = 0; i < 2; i++)
        assert_ok(pb_lens_write(lens, folder, err));
    for (size_t i = 0; i < 3; i++) {
        char *path = path_join(folder, names[i]);
        assert_int_equal(access(path, R_OK), 0);
        free(path);
    }
    pb_lens_free(lens);
    pb_model_free(model);
    folder_remove(folder);
}

static void a_dump_says_what_it_wrote(void **state)
{
    (void)state;
    pb_model *model = opened();
    pb_dump_options o = pb_dump_defaults();
    pb_dump *dump;
    char *folder = folder_new(), *text;
    const char *site;
    size_t shape[3], not_finite, count = 0;
    o.sites = "mlp_post,vision.attn_out,resid_post";
    o.positions = "last";
    assert_ok(pb_dump_run(&dump, model, &question, &o, folder, err));
    pb_dump_json(dump, &text);
    json_t *json = parsed(text, "patchbay.dump/1");
    for (; pb_dump_site(dump, count, &site, shape, &not_finite); count++) {
        const json_t *said = json_object_get(json_object_get(json, "sites"), site);
        char *path = path_join(folder, json_string_value(json_object_get(said, "file")));
        float *values;
        size_t found[3];
        assert_ok(npy_read_f32(&values, found, 3, path, err));
        assert_memory_equal(found, shape, sizeof found);
        assert_int_equal(not_finite, 0);
        free(values);
        free(path);
    }
    assert_int_equal(count, 3);
    json_decref(json);
    pb_dump_free(dump);
    pb_model_free(model);
    folder_remove(folder);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    pb_model *model = opened();
    pb_lens_options l = {.site = "mlp_post"};
    pb_dump_options d = {.sites = "mlp"};
    pb_lens *lens = (pb_lens *)&l;
    pb_dump *dump = (pb_dump *)&d;
    char *folder = folder_new(), *out = path_join(folder, "a/b");
    assert_fails(pb_lens_run(&lens, model, &question, &l, err), PB_EINVAL, "--site");
    assert_null(lens);
    assert_fails(pb_dump_run(&dump, model, &question, &d, out, err), PB_EINVAL, "--sites");
    assert_null(dump);
    d = (pb_dump_options){.run = {.memory = 1}};
    assert_fails(pb_dump_run(&dump, model, &question, &d, out, err), PB_ENOMEM, "--memory");
    assert_null(dump);
    assert_int_not_equal(access(out, F_OK), 0);
    assert_int_not_equal(pb_lens_run(&lens, model, &question, &l, NULL), PB_OK); /* errors may go unread */
    pb_lens_free(NULL);
    pb_dump_free(NULL);
    pb_model_free(model);
    free(out);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lens_can_be_read),
        cmocka_unit_test(a_lens_can_be_written_again),
        cmocka_unit_test(a_dump_says_what_it_wrote),
        cmocka_unit_test(a_failure_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
